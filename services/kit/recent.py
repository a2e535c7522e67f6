"""Values remembered for a short, stated time: a busy minute asks the database once a second, not once a click."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from functools import partial
from time import monotonic
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """`load(key)` at most once per `max_age_seconds`; callers that ask meanwhile share one load.

    An error is not remembered: everybody who waited gets it, the next caller loads again.
    """

    def __init__(
        self, load: Callable[[Key], Awaitable[Value]], *, max_age_seconds: float, max_entries: int = 10_000
    ) -> None:
        self._load = load
        self._max_age_seconds = max_age_seconds
        self._max_entries = max_entries
        self._loaded: OrderedDict[Key, tuple[float, Value]] = OrderedDict()
        self._loading: dict[Key, asyncio.Task[Value]] = {}

    async def get(self, key: Key) -> Value:
        known = self._loaded.get(key)
        if known is not None and monotonic() - known[0] < self._max_age_seconds:
            return known[1]
        task = self._loading.get(key)
        if task is None:
            task = self._loading[key] = asyncio.create_task(self._refill(key))
            task.add_done_callback(partial(self._landed, key))
        # Shielded: the first caller going away must not take the answer from the others.
        return await asyncio.shield(task)

    def forget(self, key: Key) -> None:
        """After a change in this process: the next caller loads."""
        self._loaded.pop(key, None)
        self._loading.pop(key, None)

    def _landed(self, key: Key, task: "asyncio.Task[Value]") -> None:
        # After a `forget` another load may be under way.
        if self._loading.get(key) is task:
            del self._loading[key]

    async def _refill(self, key: Key) -> Value:
        # The age counts from before the load: a change that commits during it is not hidden for longer.
        asked_at = monotonic()
        value = await self._load(key)
        if self._loading.get(key) is asyncio.current_task():
            self._loaded[key] = (asked_at, value)
            self._loaded.move_to_end(key)
            while len(self._loaded) > self._max_entries:
                self._loaded.popitem(last=False)
        return value
