"""The time of the instance, as far as the hub knows it: a box in a cupboard wakes up in 1970 after a power cut."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

# Slower answers tell the time too badly.
MAX_ROUND_TRIP_SECONDS: Final = 2.0
# The machine's clock is further back than what happened last: it stood still, or was set wrong.
TOLERATED: Final = timedelta(minutes=2)


def _seconds_running() -> float:
    """Goes on while the machine sleeps, where the system can tell; never jumps when somebody sets the clock."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class HubClock:
    """`offset`: what was added to the machine's clock when the instance was last heard of. `not_before`: the latest
    moment in the books; a clock that shows an earlier one is wrong, and the books' moment is the best guess.
    """

    def __init__(
        self,
        offset: timedelta,
        not_before: datetime,
        *,
        machine: Callable[[], datetime] = lambda: datetime.now(UTC),
        running: Callable[[], float] = _seconds_running,
    ) -> None:
        self._machine = machine
        self._running = running
        shown = machine() + offset
        self.is_doubtful = shown < not_before - TOLERATED
        self._set(max(shown, not_before))
        self.offset = offset

    def now(self) -> datetime:
        return self._moment + timedelta(seconds=self._running() - self._at)

    def learn(self, server_time: datetime, round_trip_seconds: float) -> None:
        """`server_time` was told in the answer that has just come."""
        if round_trip_seconds > MAX_ROUND_TRIP_SECONDS:
            return
        self._set(server_time + timedelta(seconds=round_trip_seconds / 2))
        self.offset = self._moment - self._machine()
        self.is_doubtful = False

    def _set(self, moment: datetime) -> None:
        self._moment, self._at = moment, self._running()
