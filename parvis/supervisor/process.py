import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, STDOUT
from asyncio.subprocess import Process as ChildProcess
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from parvis.errors import CannotProceed
from parvis.supervisor.lines import LinePipe

LAUNCHER = Path(__file__).with_name("launch.py")
FIRST_PAUSE_SECONDS = 0.01
LONGEST_PAUSE_SECONDS = 0.1
KILL_WITHIN_SECONDS = 5.0
LINES_REMEMBERED = 5


async def always_ready() -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Program:
    """How one child is started, known to be ready, and stopped.

    `stop_signals` are tried in turn, each with the seconds that the program has to heed it; SIGKILL comes after them.
    `death_signal` is what the kernel sends it when we die without stopping it. Its output goes to `log_file`, or line
    by line to `write_line`.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    ready: Callable[[], Awaitable[bool]] = always_ready
    ready_within_seconds: float = 30.0
    stop_signals: tuple[tuple[signal.Signals, float], ...] = ((signal.SIGTERM, 2.0),)
    death_signal: signal.Signals = signal.SIGTERM
    identity: str = "same"
    log_file: Path | None = None
    write_line: Callable[[str, str], None] = lambda name, line: print(f"{name} | {line}", file=sys.stderr)  # noqa: T201 - the terminal is where it goes


class Process:
    """A program of which one run at a time is alive: `start` it, and start it again after it ended."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.name = program.name
        self._child: ChildProcess | None = None
        self._output: LinePipe | None = None
        self._last_lines: deque[str] = deque(maxlen=LINES_REMEMBERED)

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child else None

    async def start(self) -> None:
        """Return once the program is ready; `CannotProceed` if it ends first or takes too long."""
        self._last_lines.clear()
        self._child = await self._spawn()
        try:
            await self._wait_until_ready(self._child)
        except BaseException:
            await self.stop()
            raise

    async def run(self) -> None:
        """From start to end; `CannotProceed` with its last words if it fails."""
        await self.start()
        try:
            exit_code = await self.wait()
        except BaseException:
            await self.stop()
            raise
        last_words = self._last_words(exit_code)
        if exit_code != 0:
            raise CannotProceed(f"{self.name} failed: {last_words}")

    async def wait(self) -> int:
        """The exit code of the current run, as soon as it has ended."""
        return await self._child.wait() if self._child else 0

    async def stop(self) -> None:
        """Ask, wait, insist. Afterwards the child is gone."""
        if self._child:
            for number, seconds in (*self.program.stop_signals, (signal.SIGKILL, KILL_WITHIN_SECONDS)):
                await self._signal_and_wait(self._child, number, seconds)
        self._close_output()

    async def _spawn(self) -> ChildProcess:
        self._close_output()
        with contextlib.ExitStack() as files:
            if self.program.log_file:
                output = files.enter_context(self.program.log_file.open("ab")).fileno()
            else:
                self._output = LinePipe(self._receive)
                files.callback(self._output.close_write_end)
                output = self._output.write_end
            return await asyncio.create_subprocess_exec(
                *launch_command(
                    self.program.command,
                    death_signal=self.program.death_signal,
                    identity=self.program.identity,
                ),
                stdin=DEVNULL,
                stdout=output,
                stderr=STDOUT,
                env=dict(self.program.environment),
                # Ctrl-C reaches the whole group of the terminal at once; in their own they wait for their turn.
                start_new_session=True,
            )

    async def _wait_until_ready(self, child: ChildProcess) -> None:
        async for _ in attempts(self.program.ready_within_seconds):
            if child.returncode is not None:
                raise CannotProceed(f"{self.name} stopped at once: {self._last_words(child.returncode)}")
            if await self.program.ready():
                return
        raise CannotProceed(f"{self.name} was not ready after {self.program.ready_within_seconds:g} seconds.")

    async def _signal_and_wait(self, child: ChildProcess, number: signal.Signals, seconds: float) -> None:
        if child.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            child.send_signal(number)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(child.wait(), seconds)

    def _last_words(self, exit_code: int) -> str:
        self._close_output()
        log_file = self.program.log_file
        lines = log_file.read_text(encoding="utf-8", errors="replace").splitlines() if log_file else self._last_lines
        spoken = [line for line in list(lines)[-LINES_REMEMBERED:] if line.strip()]
        # PostgreSQL says what is wrong first, and then that it shuts down.
        fatal = [line for line in spoken if "FATAL" in line]
        return (fatal or spoken or [f"exit code {exit_code}, without a word"])[-1]

    def _close_output(self) -> None:
        if self._output:
            self._output.close()
            self._output = None

    def _receive(self, line: str) -> None:
        self._last_lines.append(line)
        self.program.write_line(self.name, line)


def launch_command(
    command: tuple[str, ...], *, death_signal: signal.Signals = signal.SIGTERM, identity: str = "same"
) -> tuple[str, ...]:
    """The same command, tied to our life and run as somebody else; see `launch`."""
    wishes = (str(os.getpid()), str(int(death_signal)), identity)
    return (sys.executable, "-I", "-S", str(LAUNCHER), *wishes, *command)


async def attempts(seconds: float) -> AsyncIterator[None]:
    """Quick at first, calmer later: most programs are ready within some hundredths of a second."""
    deadline, pause = monotonic() + seconds, FIRST_PAUSE_SECONDS
    while monotonic() < deadline:
        yield
        await asyncio.sleep(pause)
        pause = min(pause * 1.3, LONGEST_PAUSE_SECONDS)
