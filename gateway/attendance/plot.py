"""Arrivals drawn: bars for who came, a line of steps above for who was due. Text stands beside it, as HTML.

Nothing here depends on the size of a screen: the drawing is stretched, its labels are not.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from gateway.attendance.answers import Quarter

HEIGHT: Final = 100
QUARTER_WIDTH: Final = 10
_GAP: Final = 2
_QUARTER: Final = timedelta(minutes=15)
_QUARTERS_PER_HOUR: Final = 4
# Beyond a day and a half, no hour has a place for its label.
_MOST_QUARTERS: Final = 36 * _QUARTERS_PER_HOUR
_MOST_LABELS: Final = 12
_STEPS: Final = (1, 2, 5)


class Bar(msgspec.Struct, frozen=True):
    x: int
    y: float
    width: int
    height: float


class Plot(msgspec.Struct, frozen=True):
    """`hours` are labels at equal distances, from the left edge on; `scale` goes from the top to nought."""

    width: int
    height: int
    bars: list[Bar]
    line: str
    hours: list[datetime]
    scale: list[int]
    busiest: Quarter


def plot(quarters: Sequence[Quarter], timezone: str) -> Plot | None:
    """None when nobody was due and nobody came."""
    if not quarters:
        return None
    zone = ZoneInfo(timezone)
    shown = _whole_hours(quarters, zone)
    top = _nice(max(max(one.admitted, one.expected) for one in shown))
    hours = [one.from_.astimezone(zone) for one in shown[::_QUARTERS_PER_HOUR]]
    if len(hours) > _MOST_LABELS:
        hours = hours[::2]
    return Plot(
        width=len(shown) * QUARTER_WIDTH,
        height=HEIGHT,
        bars=[_bar(place, one.admitted, top) for place, one in enumerate(shown) if one.admitted],
        line=_line([one.expected for one in shown], top),
        hours=hours,
        scale=[top, top // 2, 0] if top % 2 == 0 else [top, 0],
        busiest=max(shown, key=lambda one: one.admitted),
    )


def _whole_hours(quarters: Sequence[Quarter], zone: ZoneInfo) -> list[Quarter]:
    """From a full hour to a full hour. What came long before or after the rest is left to the table."""
    by_moment = {one.from_: one for one in quarters[:_MOST_QUARTERS]}
    first, last = quarters[0].from_, max(by_moment)
    first -= timedelta(minutes=first.astimezone(zone).minute)
    number = (last - first) // _QUARTER + 1
    hours = -(-number // _QUARTERS_PER_HOUR)
    # Every second hour has a label then: they are as wide as each other only if the last one is whole.
    hours += hours % 2 if hours > _MOST_LABELS else 0
    number = hours * _QUARTERS_PER_HOUR
    moments = (first + place * _QUARTER for place in range(number))
    return [by_moment.get(moment, Quarter(moment, 0, 0)) for moment in moments]


def _nice(most: int) -> int:
    """The next number that people like to read on an axis."""
    power = 1
    while True:
        for step in _STEPS:
            if step * power >= most:
                return max(step * power, 2)
        power *= 10


def _bar(place: int, number: int, top: int) -> Bar:
    height = round(HEIGHT * number / top, 1)
    return Bar(place * QUARTER_WIDTH + _GAP, round(HEIGHT - height, 1), QUARTER_WIDTH - 2 * _GAP, height)


def _line(numbers: Sequence[int], top: int) -> str:
    steps = "".join(f"V{round(HEIGHT - HEIGHT * number / top, 1):g}h{QUARTER_WIDTH}" for number in numbers)
    return f"M0 {HEIGHT}{steps}V{HEIGHT}"
