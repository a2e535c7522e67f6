"""Random schedules: whatever the order of arrivals, ends, departures and faults, the promises of the batcher hold.

The checker is itself checked: batchers that break one promise each are caught.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.kit.batching import Batcher, _answer, _Waiting
from services.kit.errors import Unavailable

BATCH_LIMIT = 3
Step: TypeAlias = tuple[str, int]
Schedule: TypeAlias = list[Step]
# `submit` and `poison` send a request to one of two keys; `finish` ends the run of a key; `leave` takes away the
# caller of that number, if there is one.
STEPS = st.one_of(
    st.tuples(st.sampled_from(["submit", "submit", "poison", "finish"]), st.integers(0, 1)),
    st.tuples(st.just("leave"), st.integers(0, 20)),
)
BUSY: Schedule = [("submit", 0)] * 5 + [("finish", 0), ("submit", 1), ("leave", 4), ("poison", 0), ("submit", 0)]


class Request:
    def __init__(self, number: int, *, poisoned: bool) -> None:
        self.number = number
        self.poisoned = poisoned


class Trial:
    """One schedule on one batcher, and everything that went wrong in it."""

    def __init__(self, kind: type[Batcher[Any, Any, Any]]) -> None:
        self.faults: list[str] = []
        self.batcher = kind("trial", self._run, batch_limit=BATCH_LIMIT)
        self._runs: dict[int, asyncio.Event] = {}
        self._effects: dict[int, list[int]] = {0: [], 1: []}
        self._callers: list[tuple[Request, asyncio.Task[int]]] = []
        self._left: set[int] = set()
        self._patient = True

    async def play(self, schedule: Schedule) -> list[str]:
        try:
            await asyncio.wait_for(self._play(schedule), timeout=2)
        except TimeoutError:
            self.faults.append("somebody waits for ever")
        return self.faults

    async def _play(self, schedule: Schedule) -> None:
        for verb, number in schedule:
            if verb in ("submit", "poison"):
                request = Request(len(self._callers), poisoned=verb == "poison")
                self._callers.append((request, asyncio.create_task(self.batcher.submit(number, request))))
            elif verb == "finish" and number in self._runs:
                self._runs[number].set()
            elif verb == "leave" and number < len(self._callers):
                self._left.add(number)
                self._callers[number][1].cancel()
            for _ in range(6):
                await asyncio.sleep(0)
        self._patient = False
        for run in self._runs.values():
            run.set()
        await self.batcher.close()
        self._check(await asyncio.gather(*(task for _, task in self._callers), return_exceptions=True))

    async def _run(self, key: int, requests: Sequence[Request]) -> list[int | Exception]:
        if key in self._runs:
            self.faults.append("two runs of one key at once")
        if not 1 <= len(requests) <= BATCH_LIMIT:
            self.faults.append(f"a batch of {len(requests)}")
        may_end = self._runs.setdefault(key, asyncio.Event())
        if self._patient:
            await may_end.wait()
        self._runs.pop(key, None)
        if any(request.poisoned for request in requests):
            raise ValueError
        self._effects[key] += [request.number for request in requests]
        return [request.number * 10 for request in requests]

    def _check(self, replies: list[int | BaseException]) -> None:
        for (request, _), reply in zip(self._callers, replies, strict=True):
            right = isinstance(reply, ValueError) if request.poisoned else reply == request.number * 10
            gone = request.number in self._left and isinstance(reply, asyncio.CancelledError)
            if not (right or gone):
                self.faults.append(f"caller {request.number} got {reply!r}")
        for effects in self._effects.values():
            if effects != sorted(set(effects)):
                self.faults.append(f"took effect in the order {effects}")


@settings(max_examples=150, deadline=None)
@given(st.lists(STEPS, max_size=40))
def test_every_schedule_keeps_the_promises(schedule: Schedule):
    assert asyncio.run(Trial(Batcher).play(schedule)) == []


class Impatient(Batcher[Any, Any, Any]):
    """Sends everybody on at once."""

    async def submit(self, key: Any, request: Any) -> Any:  # noqa: ANN401 - as in the class it breaks
        [reply] = await self._run(key, [request])
        return reply


class Unfair(Batcher[Any, Any, Any]):
    """Serves the last one first."""

    def _next_batch(self, queue: deque[_Waiting[Any, Any]]) -> list[_Waiting[Any, Any]]:
        queue.reverse()
        return super()._next_batch(queue)


class Muddled(Batcher[Any, Any, Any]):
    """Gives each caller the answer of its neighbour."""

    async def _settle(self, key: Any, batch: list[_Waiting[Any, Any]]) -> None:  # noqa: ANN401 - as in the class it breaks
        futures = [waiting.reply for waiting in batch]
        for waiting, future in zip(batch, futures[1:] + futures[:1], strict=True):
            waiting.reply = future
        await super()._settle(key, batch)


class Eager(Batcher[Any, Any, Any]):
    """Does a request a second time after its answer."""

    async def _settle(self, key: Any, batch: list[_Waiting[Any, Any]]) -> None:  # noqa: ANN401 - as in the class it breaks
        await super()._settle(key, batch)
        await super()._settle(key, batch)


class Boundless(Batcher[Any, Any, Any]):
    """Takes all that wait."""

    def _next_batch(self, queue: deque[_Waiting[Any, Any]]) -> list[_Waiting[Any, Any]]:
        batch = list(queue)
        queue.clear()
        return batch


class Touchy(Batcher[Any, Any, Any]):
    """Lets the whole batch pay for one."""

    async def _settle(self, key: Any, batch: list[_Waiting[Any, Any]]) -> None:  # noqa: ANN401 - as in the class it breaks
        try:
            replies = await self._run(key, [waiting.request for waiting in batch])
        except ValueError as error:
            replies = [Unavailable(str(error))] * len(batch)
        for waiting, reply in zip(batch, replies, strict=True):
            _answer(waiting.reply, reply)


@pytest.mark.parametrize("broken", [Impatient, Unfair, Muddled, Eager, Boundless, Touchy])
def test_checker_finds_a_broken_promise(broken: type[Batcher[Any, Any, Any]]):
    assert asyncio.run(Trial(Batcher).play(BUSY)) == []
    assert asyncio.run(Trial(broken).play(BUSY)) != []
