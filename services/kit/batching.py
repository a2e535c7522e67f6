"""Group commit: requests that want the same lock leave together, as one transaction."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from time import perf_counter
from typing import Generic, TypeVar

from services.kit.errors import Unavailable
from services.kit.telemetry import BATCH_SECONDS_IN_QUEUE, BATCH_SIZE

Key = TypeVar("Key", bound=Hashable)
Request = TypeVar("Request")
Reply = TypeVar("Reply")


class _Waiting(Generic[Request, Reply]):
    __slots__ = ("arrived_at", "reply", "request")

    def __init__(self, request: Request, reply: "asyncio.Future[Reply]") -> None:
        self.request = request
        self.reply = reply
        self.arrived_at = perf_counter()


class Batcher(Generic[Key, Request, Reply]):
    """Per key at most one run in flight; what arrives meanwhile leaves with the next.

    There is no timer, so a lone request is not delayed. `run` gets the requests in order of arrival and
    returns as many replies, in the same order; a reply that is an exception is raised to its own caller only.
    A run that fails as a whole is repeated request by request, so that a poisoned one harms nobody else;
    `run` must therefore be all or nothing (one transaction). `Unavailable` is not repeated: it is everybody's.

    A caller that goes away does not cancel the run; if its request has not left yet, it is dropped.

    Raises `Unavailable` from `submit` when `queue_limit` requests wait for the key, or after `close`.
    """

    def __init__(
        self,
        name: str,
        run: Callable[[Key, Sequence[Request]], Awaitable[Sequence[Reply | Exception]]],
        *,
        batch_limit: int = 200,
        queue_limit: int = 5_000,
    ) -> None:
        self._run = run
        self._batch_limit = batch_limit
        self._queue_limit = queue_limit
        self._queues: dict[Key, deque[_Waiting[Request, Reply]]] = {}
        self._drains: set[asyncio.Task[None]] = set()
        self._closed = False
        self._size = BATCH_SIZE.labels(name)
        self._seconds_in_queue = BATCH_SECONDS_IN_QUEUE.labels(name)

    async def submit(self, key: Key, request: Request) -> Reply:
        if self._closed:
            raise Unavailable("This process is shutting down.")
        queue = self._queues.get(key)
        if queue is None:
            queue = self._queues[key] = deque()
            task = asyncio.create_task(self._drain(key, queue))
            self._drains.add(task)
            task.add_done_callback(self._drains.discard)
        elif len(queue) >= self._queue_limit:
            raise Unavailable("Too many requests wait for the same places.")
        reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        queue.append(_Waiting(request, reply))
        return await reply

    async def close(self) -> None:
        """Refuses new requests and returns when every accepted one has its answer."""
        self._closed = True
        while self._drains:
            await asyncio.wait(self._drains)

    async def _drain(self, key: Key, queue: deque[_Waiting[Request, Reply]]) -> None:
        batch: list[_Waiting[Request, Reply]] = []
        try:
            while queue:
                batch = self._next_batch(queue)
                if batch:
                    await self._settle(key, batch)
        finally:
            # No await between the last look at the queue and this line: nobody can be left behind.
            del self._queues[key]
            # Only where the loop itself is being ended: nobody knows what became of the last batch.
            for waiting in (*batch, *queue):
                _answer(waiting.reply, Unavailable("This process is shutting down."))

    def _next_batch(self, queue: deque[_Waiting[Request, Reply]]) -> list[_Waiting[Request, Reply]]:
        left_at = perf_counter()
        batch: list[_Waiting[Request, Reply]] = []
        while queue and len(batch) < self._batch_limit:
            waiting = queue.popleft()
            if not waiting.reply.done():
                batch.append(waiting)
        if batch:
            # The longest wait stands for the batch: to observe each would cost more than to queue it.
            self._seconds_in_queue.observe(left_at - batch[0].arrived_at)
        return batch

    async def _settle(self, key: Key, batch: list[_Waiting[Request, Reply]]) -> None:
        self._size.observe(len(batch))
        try:
            replies = await self._run(key, [waiting.request for waiting in batch])
        except Exception as error:  # noqa: BLE001 - whatever it was, every caller must get an answer
            if len(batch) == 1 or isinstance(error, Unavailable):
                replies = [error] * len(batch)
            else:
                for waiting in batch:
                    await self._settle(key, [waiting])
                return
        if len(replies) != len(batch):
            # What was done is done, so it is not repeated; but nobody may wait for ever.
            replies = [AssertionError(f"{len(replies)} replies to {len(batch)} requests")] * len(batch)
        for waiting, reply in zip(batch, replies, strict=True):
            _answer(waiting.reply, reply)


def _answer(future: "asyncio.Future[Reply]", reply: Reply | Exception) -> None:
    if future.done():
        return
    if isinstance(reply, Exception):
        future.set_exception(reply)
    else:
        future.set_result(reply)
