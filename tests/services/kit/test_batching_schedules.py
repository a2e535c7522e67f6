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
QUEUE_LIMIT = 6
Step: TypeAlias = tuple[str, int]
Schedule: TypeAlias = list[Step]
# `submit` and `poison` send a request to one of two keys; `finish` ends the run of a key, `outage` by saying that
# the database is away; `leave` takes away the caller of that number, if there is one; `close` begins the shutdown.
STEPS = st.one_of(
    st.tuples(st.sampled_from(["submit", "submit", "submit", "poison", "finish", "outage"]), st.integers(0, 1)),
    st.tuples(st.just("leave"), st.integers(0, 20)),
)
ENDINGS = st.one_of(st.just([]), st.lists(STEPS, max_size=5).map(lambda steps: [("close", 0), *steps]))
BUSY: Schedule = [("submit", 0)] * 5 + [("finish", 0), ("submit", 1), ("leave", 4), ("poison", 0), ("submit", 0)]
BUSY += [("submit", 0)] * 6 + [("finish", 0)] * 6 + [("submit", 0), ("outage", 0), ("submit", 0), ("submit", 1)]
BUSY += [("close", 0), ("finish", 0), ("finish", 1), ("submit", 1)]


class Request:
    def __init__(self, number: int, *, poisoned: bool) -> None:
        self.number = number
        self.poisoned = poisoned


class Trial:
    """One schedule on one batcher, and everything that went wrong in it."""

    def __init__(self, kind: type[Batcher[Any, Any, Any]]) -> None:
        self.faults: list[str] = []
        self.batcher = kind("trial", self._run, batch_limit=BATCH_LIMIT, queue_limit=QUEUE_LIMIT)
        self._runs: dict[int, asyncio.Event] = {}
        self._effects: dict[int, list[int]] = {0: [], 1: []}
        self._callers: list[tuple[Request, asyncio.Task[int]]] = []
        self._left: set[int] = set()
        # Those who may be told to come back later, and those who must be.
        self._turned_away: set[int] = set()
        self._in_outage: set[int] = set()
        self._outages: set[int] = set()
        self._closed = False
        self._patient = True

    async def play(self, schedule: Schedule) -> list[str]:
        try:
            await asyncio.wait_for(self._play(schedule), timeout=2)
        except TimeoutError:
            self.faults.append("somebody waits for ever")
        return self.faults

    async def _play(self, schedule: Schedule) -> None:
        closing: list[asyncio.Task[None]] = []
        for verb, number in schedule:
            if verb in ("submit", "poison"):
                self._submit(number, poisoned=verb == "poison")
            elif verb == "close":
                self._closed = True
                closing.append(asyncio.create_task(self.batcher.close()))
            elif verb in ("finish", "outage") and number in self._runs:
                if verb == "outage":
                    self._outages.add(number)
                self._runs[number].set()
            elif verb == "leave" and number < len(self._callers):
                self._left.add(number)
                self._callers[number][1].cancel()
            for _ in range(6):
                await asyncio.sleep(0)
        self._patient = False
        for run in self._runs.values():
            run.set()
        await asyncio.gather(self.batcher.close(), *closing)
        self._check(await asyncio.gather(*(task for _, task in self._callers), return_exceptions=True))

    def _submit(self, key: int, *, poisoned: bool) -> None:
        request = Request(len(self._callers), poisoned=poisoned)
        waiting = self.batcher._queues.get(key, ())
        if self._closed or len(waiting) >= QUEUE_LIMIT:
            self._turned_away.add(request.number)
        self._callers.append((request, asyncio.create_task(self.batcher.submit(key, request))))

    async def _run(self, key: int, requests: Sequence[Request]) -> list[int | Exception]:
        if key in self._runs:
            self.faults.append("two runs of one key at once")
        if not 1 <= len(requests) <= BATCH_LIMIT:
            self.faults.append(f"a batch of {len(requests)}")
        may_end = self._runs.setdefault(key, asyncio.Event())
        if self._patient:
            await may_end.wait()
        self._runs.pop(key, None)
        if key in self._outages:
            self._outages.remove(key)
            self._in_outage |= {request.number for request in requests}
            raise Unavailable("The database is away.")
        if any(request.poisoned for request in requests):
            raise ValueError
        self._effects[key] += [request.number for request in requests]
        return [request.number * 10 for request in requests]

    def _check(self, replies: list[int | BaseException]) -> None:
        done = {number for effects in self._effects.values() for number in effects}
        for (request, _), reply in zip(self._callers, replies, strict=True):
            if not (self._is_right(request, reply) or self._is_gone(request, reply)):
                self.faults.append(f"caller {request.number} got {reply!r}")
            if isinstance(reply, Unavailable) and request.number in done:
                self.faults.append(f"caller {request.number} was turned away and served")
        for effects in self._effects.values():
            if effects != sorted(set(effects)):
                self.faults.append(f"took effect in the order {effects}")
        if self.batcher._queues or self.batcher._drains:
            self.faults.append("something is left behind")

    def _is_right(self, request: Request, reply: int | BaseException) -> bool:
        if request.number in self._turned_away | self._in_outage:
            return isinstance(reply, Unavailable)
        return isinstance(reply, ValueError) if request.poisoned else reply == request.number * 10

    def _is_gone(self, request: Request, reply: int | BaseException) -> bool:
        return request.number in self._left and isinstance(reply, asyncio.CancelledError)


@settings(max_examples=400, deadline=None)
@given(st.lists(STEPS, max_size=60), ENDINGS)
def test_every_schedule_keeps_the_promises(schedule: Schedule, ending: Schedule):
    assert asyncio.run(Trial(Batcher).play(schedule + ending)) == []


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


class Hospitable(Batcher[Any, Any, Any]):
    """Lets everybody queue."""

    def __init__(self, *arguments: Any, **limits: Any) -> None:  # noqa: ANN401 - as in the class it breaks
        super().__init__(*arguments, **limits | {"queue_limit": 1000})


class Stubborn(Batcher[Any, Any, Any]):
    """Asks a database that is away again, for each of those who asked."""

    async def _settle(self, key: Any, batch: list[_Waiting[Any, Any]]) -> None:  # noqa: ANN401 - as in the class it breaks
        futures = [waiting.reply for waiting in batch]
        for waiting in batch:
            waiting.reply = asyncio.get_running_loop().create_future()
        await super()._settle(key, batch)
        if any(isinstance(waiting.reply.exception(), Unavailable) for waiting in batch):
            for waiting, future in zip(batch, futures, strict=True):
                waiting.reply = future
            await super()._settle(key, batch)
            return
        for waiting, future in zip(batch, futures, strict=True):
            _answer(future, waiting.reply.exception() or waiting.reply.result())


class Hasty(Batcher[Any, Any, Any]):
    """Does not wait for what was accepted when it closes."""

    async def close(self) -> None:
        for drain in self._drains:
            drain.cancel()
        await super().close()


class Drowsy(Batcher[Any, Any, Any]):
    """Serves on after it was closed."""

    async def close(self) -> None:
        while self._drains:
            await asyncio.wait(self._drains)


BROKEN = [Impatient, Unfair, Muddled, Eager, Boundless, Touchy, Hospitable, Stubborn, Hasty, Drowsy]


@pytest.mark.parametrize("broken", BROKEN)
def test_checker_finds_a_broken_promise(broken: type[Batcher[Any, Any, Any]]):
    assert asyncio.run(Trial(Batcher).play(BUSY)) == []
    assert asyncio.run(Trial(broken).play(BUSY)) != []
