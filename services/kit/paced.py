"""Values that many ask for while they change: remembered for a short, stated time, made anew at a bounded pace."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from functools import partial
from time import monotonic
from typing import Generic, TypeVar

import msgspec

Group = TypeVar("Group", bound=Hashable)
Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

GROUPS_KEPT = 10_000


class Bounds(msgspec.Struct, frozen=True):
    """How old a value may get, how much is kept as `weigh` counts it, and the pace at which a key is loaded anew while
    it changes: `at_once` times without a pause, then once per `pace_seconds`.
    """

    max_age_seconds: float
    max_weight: int
    pace_seconds: float = 0.1
    at_once: int = 5


class _Kept(Generic[Value]):
    """`asked_at`: before the load began. `spent_until`: if later than that, it was made anew too often to be made anew
    before that moment.
    """

    __slots__ = ("asked_at", "spent_until", "value", "weight")

    def __init__(self, value: Value, weight: int, asked_at: float, spent_until: float) -> None:
        self.value = value
        self.weight = weight
        self.asked_at = asked_at
        self.spent_until = spent_until


class _Load(Generic[Value]):
    __slots__ = ("asked_at", "task")

    def __init__(self, task: "asyncio.Future[Value]", asked_at: float) -> None:
        self.task = task
        self.asked_at = asked_at


class Paced(Generic[Group, Key, Value]):
    """Nothing is ever answered that is `max_age_seconds` old, whether changes were told or not.

    `load(group, key)` when nothing is known and once a value is half as old as it may get: then nobody waits for it.
    At most one load of a key runs at a time. After a change (`changed`) the next caller waits for a new load, so that
    whoever changed something sees it. Where a group changes all the time that would be a load per call: past its pace
    a key is answered as it was up to twice `pace_seconds` ago, and loaded behind the callers' backs.

    When there is too much to keep, what was loaded longest ago goes first. Errors are not kept. A value is never None.
    """

    def __init__(
        self,
        load: Callable[[Group, Key], Awaitable[Value]],
        *,
        weigh: Callable[[Value], int],
        bounds: Bounds,
        now: Callable[[], float] = monotonic,
    ) -> None:
        """`now` in seconds, from any beginning."""
        self._load = load
        self._weigh = weigh
        self._bounds = bounds
        self._now = now
        self._weight = 0
        self._kept: OrderedDict[tuple[Group, Key], _Kept[Value]] = OrderedDict()
        self._loading: dict[tuple[Group, Key], _Load[Value]] = {}
        self._changed_at: dict[Group, float] = {}
        self._all_changed_at = float("-inf")

    def at_hand(self, group: Group, key: Key) -> Value | None:
        """What can be answered without waiting. Has it made anew in good time, so that in a crowd nobody waits."""
        kept = self._kept.get((group, key))
        if kept is None:
            return None
        now = self._now()
        age = now - kept.asked_at
        if age >= self._bounds.max_age_seconds:
            return None
        if self._is_current(group, kept.asked_at):
            is_due = age >= self._bounds.max_age_seconds / 2
        elif now < kept.spent_until + self._bounds.pace_seconds and kept.asked_at < kept.spent_until:
            is_due = now >= kept.spent_until
        else:
            return None
        if is_due and (group, key) not in self._loading:
            self._start(group, key)
        return kept.value

    async def get(self, group: Group, key: Key) -> Value:
        value = self.at_hand(group, key)
        if value is not None:
            return value
        load = self._loading.get((group, key))
        if load is None:
            return await asyncio.shield(self._start(group, key).task)
        young = self._now() - load.asked_at < self._bounds.max_age_seconds
        if young and self._is_current(group, load.asked_at):
            return await asyncio.shield(load.task)
        # It began before a change that this caller may know of, perhaps its own: the load after it will do.
        await asyncio.wait((load.task,))
        value = self.at_hand(group, key)
        if value is not None:
            return value
        return await asyncio.shield((self._loading.get((group, key)) or self._start(group, key)).task)

    def changed(self, group: Group | None) -> None:
        """What is kept of the group is no longer right. None: nor of any group."""
        if group is None:
            self._all_changed_at = self._now()
            return
        if len(self._changed_at) >= GROUPS_KEPT:
            # What was loaded before is too old or as good as, so that this costs a few loads and no truth.
            self._changed_at.clear()
            self._all_changed_at = self._now()
        self._changed_at[group] = self._now()

    def _is_current(self, group: Group, asked_at: float) -> bool:
        return asked_at > max(self._all_changed_at, self._changed_at.get(group, self._all_changed_at))

    def _start(self, group: Group, key: Key) -> _Load[Value]:
        # The age counts from before the load: a change that commits during it is not hidden for longer.
        asked_at = self._now()
        task = asyncio.ensure_future(self._load(group, key))
        load = self._loading[group, key] = _Load(task, asked_at)
        task.add_done_callback(partial(self._landed, group, key, load))
        return load

    def _landed(self, group: Group, key: Key, load: _Load[Value], task: "asyncio.Future[Value]") -> None:
        del self._loading[group, key]
        if task.cancelled() or task.exception() is not None:
            return
        value = task.result()
        before = self._kept.pop((group, key), None)
        spent_until = load.asked_at - (self._bounds.at_once - 1) * self._bounds.pace_seconds
        if before is not None:
            self._weight -= before.weight
            spent_until = max(spent_until, before.spent_until)
        kept = _Kept(value, self._weigh(value), load.asked_at, spent_until + self._bounds.pace_seconds)
        self._kept[group, key] = kept
        self._weight += kept.weight
        while self._weight > self._bounds.max_weight:
            self._weight -= self._kept.popitem(last=False)[1].weight
