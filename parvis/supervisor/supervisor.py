import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Protocol, Self

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0
# A part that ran this long was well: if it dies then, it comes back at once.
HEALTHY_AFTER_SECONDS = 10.0


class Part(Protocol):
    """Something that runs: a server of ours or a plain process."""

    @property
    def name(self) -> str: ...

    async def start(self) -> None:
        """Start, or start again, and return once it is ready; `CannotProceed` if it will not."""

    async def wait(self) -> int:
        """The exit code of the current run, as soon as it has ended."""

    async def stop(self) -> None:
        """Whether it runs or not, it does not afterwards."""


class Supervisor:
    """Keeps its parts alive, and stops them in the reverse order of their start.

    If it is killed itself, the kernel stops them (`launch.die_with_parent`).
    """

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report
        self._parts: list[tuple[Part, asyncio.Task[None]]] = []

    async def start(self, part: Part, *, outlives: Part | None = None) -> None:
        """The first start: a part that does not get ready now is a reason to give up, and raises `CannotProceed`.

        It is stopped before all that was started earlier, unless it has to outlive one of those.
        """
        await part.start()
        others = [other for other, _ in self._parts]
        place = others.index(outlives) if outlives else len(others)
        self._parts.insert(place, (part, asyncio.create_task(self._keep_alive(part))))

    async def stop(self) -> None:
        while self._parts:
            part, watch = self._parts.pop()
            watch.cancel()
            await asyncio.wait([watch])
            await part.stop()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _keep_alive(self, part: Part) -> None:
        pause_seconds = FIRST_PAUSE_SECONDS
        while True:
            started_at = monotonic()
            exit_code = await part.wait()
            if monotonic() - started_at >= HEALTHY_AFTER_SECONDS:
                pause_seconds = FIRST_PAUSE_SECONDS
            self._report(f"{part.name} ended ({_described(exit_code)}); starting it again in {pause_seconds:.1f} s")
            await asyncio.sleep(pause_seconds)
            pause_seconds = min(pause_seconds * 2, LONGEST_PAUSE_SECONDS)
            try:
                await part.start()
            except Exception as problem:  # noqa: BLE001 - a full disk, say: whatever it is, we go on trying
                self._report(str(problem))
            else:
                self._report(f"{part.name} runs again")


def _described(exit_code: int) -> str:
    return f"signal {-exit_code}" if exit_code < 0 else f"exit code {exit_code}"
