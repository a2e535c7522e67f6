"""The generic cell rate algorithm (GCRA): one number per key says how far ahead of its rate somebody is."""

from collections.abc import Callable
from math import ceil
from typing import Protocol

import msgspec

from gateway.settings import Rate

MICROSECONDS = 1_000_000


class Take(msgspec.Struct, frozen=True):
    """`cost` 0 only looks. `owed` was granted in this process before, and not yet told to the others."""

    key: str
    rate: Rate
    cost: int = 1
    owed: int = 0


class Verdict(msgspec.Struct, frozen=True):
    """`ahead_microseconds` is how long it takes until all of the rate is free again."""

    rate: Rate
    allowed: bool
    ahead_microseconds: int

    @property
    def remaining(self) -> int:
        free = self.rate.seconds * MICROSECONDS - self.ahead_microseconds
        return max(0, free * self.rate.requests // (self.rate.seconds * MICROSECONDS))

    @property
    def full_after_seconds(self) -> int:
        return ceil(self.ahead_microseconds / MICROSECONDS)

    @property
    def retry_after_seconds(self) -> int:
        """Until one more request is allowed; at least 1."""
        emission = self.rate.seconds * MICROSECONDS / self.rate.requests
        return max(1, ceil((self.ahead_microseconds + emission - self.rate.seconds * MICROSECONDS) / MICROSECONDS))


class Limiter(Protocol):
    async def take(self, take: Take) -> Verdict:
        """Never raises: a limiter that cannot count with others counts alone. The rate must not be 0."""
        ...

    async def close(self) -> None: ...


class LocalLimiter:
    """Counts in the memory of this process, for at most `size` keys; the oldest is forgotten first."""

    def __init__(self, now: Callable[[], float], *, size: int = 50_000) -> None:
        """`now` in seconds, from any beginning."""
        self._now = now
        self._size = size
        self._arrivals: dict[str, int] = {}

    def count(self, take: Take) -> Verdict:
        now = int(self._now() * MICROSECONDS)
        window = take.rate.seconds * MICROSECONDS
        arrival = max(self._arrivals.get(take.key, now), now)
        after = arrival + take.cost * window // take.rate.requests
        if after - now > window:
            return Verdict(take.rate, allowed=False, ahead_microseconds=arrival - now)
        if take.cost:
            self._put(take.key, after)
        return Verdict(take.rate, allowed=True, ahead_microseconds=after - now)

    def ahead_microseconds(self, key: str) -> int:
        now = int(self._now() * MICROSECONDS)
        return max(self._arrivals.get(key, now) - now, 0)

    def learn(self, key: str, ahead_microseconds: int) -> None:
        """What others have counted for this key, so that counting alone goes on from there."""
        self._put(key, int(self._now() * MICROSECONDS) + ahead_microseconds)

    async def take(self, take: Take) -> Verdict:
        return self.count(take)

    async def close(self) -> None:
        return

    def _put(self, key: str, arrival: int) -> None:
        if key not in self._arrivals and len(self._arrivals) >= self._size:
            del self._arrivals[next(iter(self._arrivals))]
        self._arrivals[key] = arrival
