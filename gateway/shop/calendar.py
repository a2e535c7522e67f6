"""A month of days that can be bought; pure."""

import calendar
import re
from collections.abc import Iterable, Sequence
from datetime import date, timedelta

import msgspec

from gateway.shop.answers import Day

MONTH = re.compile(r"(\d{4})-(\d{2})")
# How far ahead visitors may leaf.
MONTHS_AHEAD = 24
NEAREST = 4


class Cell(msgspec.Struct, frozen=True):
    """`status` is that of the day, or `none` where nothing takes place."""

    day: date
    status: str
    remaining: int
    is_chosen: bool

    @property
    def has_room(self) -> bool:
        return self.status in {"available", "limited"}


class Month(msgspec.Struct, frozen=True):
    """`weeks` of seven days from Monday on; None for days of the neighbouring months."""

    first: date
    weeks: list[list[Cell | None]]
    before: date | None
    after: date | None


def month_of(text: str | None, today: date) -> date | None:
    """The first day of `2026-12`; None if it is no month, or one that cannot be visited."""
    match = MONTH.fullmatch(text or "")
    if match is None or not 1 <= int(match.group(2)) <= 12:  # noqa: PLR2004 - months of a year
        return None
    month = date(max(1, int(match.group(1))), int(match.group(2)), 1)
    return month if first_of(today) <= month <= later(first_of(today), MONTHS_AHEAD) else None


def day_of(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text and len(text) == len("2026-12-05") else None
    except ValueError:
        return None


def first_of(day: date) -> date:
    return day.replace(day=1)


def last_of(day: date) -> date:
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


def later(month: date, months: int) -> date:
    years, index = divmod(month.month - 1 + months, 12)
    return date(month.year + years, index + 1, 1)


def month_grid(month: date, days: Sequence[Day], chosen: date | None, today: date) -> Month:
    known = {day.date: day for day in days}
    cells: list[Cell | None] = [None] * month.weekday()
    for offset in range(last_of(month).day):
        day = month + timedelta(days=offset)
        cells.append(_cell(day, known.get(day), is_chosen=day == chosen))
    cells += [None] * (-len(cells) % 7)
    earliest, latest = first_of(today), later(first_of(today), MONTHS_AHEAD)
    return Month(
        first=month,
        weeks=[cells[start : start + 7] for start in range(0, len(cells), 7)],
        before=later(month, -1) if month > earliest else None,
        after=later(month, 1) if month < latest else None,
    )


def first_with_room(days: Iterable[Day]) -> date | None:
    return next((day.date for day in days if day.status in {"available", "limited"}), None)


def nearest_with_room(days: Iterable[Day], wanted: date) -> list[date]:
    """The days closest to the wanted one, in their order."""
    free = [day.date for day in days if day.status in {"available", "limited"} and day.date != wanted]
    return sorted(sorted(free, key=lambda day: abs(day - wanted))[:NEAREST])


def _cell(day: date, known: Day | None, *, is_chosen: bool) -> Cell:
    if known is None or known.slots == 0:
        return Cell(day, "none", 0, is_chosen)
    return Cell(day, known.status, known.remaining, is_chosen)
