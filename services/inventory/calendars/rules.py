"""Weekly rules, spread over the days, and what they change in the slots that are there. No clock, no database."""

from calendar import monthrange
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from services.kit.errors import Invalid

MONTHS_AHEAD = 18
MAX_SLOTS_PER_RULE = 20_000
# Far enough for anything that is really planned, near enough that no arithmetic leaves Python's years.
EARLIEST = date(2000, 1, 1)
LATEST = date(2199, 12, 31)


class WeeklyRule(msgspec.Struct, frozen=True):
    """`weekdays` are ISO (1 is Monday). The last day and the last start are included; times are the venue's."""

    valid_from: date
    valid_until: date | None
    weekdays: list[int]
    first_start: time
    last_start: time
    every_minutes: int
    duration_minutes: int
    capacity: int


class Occurrence(NamedTuple):
    starts_at: datetime
    ends_at: datetime
    local_date: date


def horizon(today: date) -> date:
    """The first date that has no slots yet."""
    months = today.month - 1 + MONTHS_AHEAD
    year, month = today.year + months // 12, months % 12 + 1
    return date(year, month, min(today.day, monthrange(year, month)[1]))


def check(rule: WeeklyRule, today: date) -> None:
    """Raises `Invalid` for a rule that means nothing, or far too much."""
    if not EARLIEST <= rule.valid_from <= LATEST:
        raise Invalid.field("/valid_from", f"Use a date between {EARLIEST} and {LATEST}.")
    if rule.valid_until is not None and not rule.valid_from <= rule.valid_until <= LATEST:
        raise Invalid.field("/valid_until", f"The last day cannot be before valid_from, nor after {LATEST}.")
    if len(set(rule.weekdays)) != len(rule.weekdays):
        raise Invalid.field("/weekdays", "Name each day of the week once.")
    if rule.last_start < rule.first_start:
        raise Invalid.field(
            "/last_start", "The last start cannot be before first_start; use two rules around midnight."
        )
    since = max(rule.valid_from, today)
    count = len(list(_days(rule, since, horizon(since)))) * len(_starts(rule))
    if count > MAX_SLOTS_PER_RULE:
        raise Invalid.field(
            "/every_minutes",
            f"This makes {count} slots in {MONTHS_AHEAD} months; a rule may make {MAX_SLOTS_PER_RULE}.",
        )


def occurrences(rule: WeeklyRule, zone: ZoneInfo, since: date, before: date) -> Iterator[Occurrence]:
    """The rule's slots on local dates from `since` until the day before `before`; each start once.

    A slot keeps its local time when the clocks change. A time that the clocks leap over happens as much later as
    they leap; a time that comes twice is taken the first time. Durations are minutes that really pass.
    """
    duration = timedelta(minutes=rule.duration_minutes)
    starts = _starts(rule)
    for day in _days(rule, since, before):
        seen = set()
        for start in starts:
            starts_at = datetime.combine(day, start, zone).astimezone(UTC)
            # Some zones once left out a whole day: then nothing happens on it, rather than twice the day after.
            if starts_at in seen or starts_at.astimezone(zone).date() != day:
                continue
            seen.add(starts_at)
            yield Occurrence(starts_at, starts_at + duration, day)


def _days(rule: WeeklyRule, since: date, before: date) -> Iterator[date]:
    day = max(rule.valid_from, since)
    end = before if rule.valid_until is None else min(before, rule.valid_until + timedelta(days=1))
    while day < end:
        if day.isoweekday() in rule.weekdays:
            yield day
        day += timedelta(days=1)


def _starts(rule: WeeklyRule) -> list[time]:
    minutes = range(_minute(rule.first_start), _minute(rule.last_start) + 1, rule.every_minutes)
    return [time(minute // 60, minute % 60) for minute in minutes]


def _minute(moment: time) -> int:
    return moment.hour * 60 + moment.minute


class WantedSlot(NamedTuple):
    ends_at: datetime
    local_date: date
    calendar_id: UUID
    capacity: int


class PresentSlot(NamedTuple):
    id: UUID
    starts_at: datetime
    ends_at: datetime
    calendar_id: UUID | None
    capacity: int


class Changes(NamedTuple):
    """What separates the slots that are there from those that the rules want; keyed by start where new."""

    missing: dict[datetime, WantedSlot]
    different: list[tuple[PresentSlot, WantedSlot]]
    unwanted: list[PresentSlot]


def wanted_slots(
    rules: Iterable[tuple[UUID, WeeklyRule]], zone: ZoneInfo, dates: tuple[date, date], after: datetime
) -> dict[datetime, WantedSlot]:
    """Start → slot, on dates from the first of `dates` until before the second. Of two rules the first one wins."""
    wanted: dict[datetime, WantedSlot] = {}
    for calendar_id, rule in rules:
        for starts_at, ends_at, local_date in occurrences(rule, zone, *dates):
            # What has begun but not ended counts: an open ticket is sold until the doors close.
            if ends_at > after:
                wanted.setdefault(starts_at, WantedSlot(ends_at, local_date, calendar_id, rule.capacity))
    return wanted


def compare(present: Iterable[PresentSlot], wanted: Mapping[datetime, WantedSlot]) -> Changes:
    missing = dict(wanted)
    different, unwanted = [], []
    for slot in present:
        match = wanted.get(slot.starts_at)
        if match is None or match.ends_at != slot.ends_at:
            unwanted.append(slot)
            continue
        del missing[slot.starts_at]
        if (match.calendar_id, match.capacity) != (slot.calendar_id, slot.capacity):
            different.append((slot, match))
    return Changes(missing, different, unwanted)
