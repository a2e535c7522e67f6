"""What of an offer can be bought, slot by slot and day by day; pure."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Literal, TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from services.inventory.slots.rules import SaleTerms, on_sale
from services.kit.errors import Invalid

MAX_DAYS = 62
DEFAULT_DAYS = 30
EARLIEST = date(2000, 1, 1)
LATEST = date(2199, 12, 31)

Status: TypeAlias = Literal["available", "limited", "sold_out", "closed"]
# A local date, or a moment with its offset.
Bound: TypeAlias = date | datetime


class AvailableSlot(msgspec.Struct, frozen=True):
    """`remaining` is the smallest number left on the capacities that the slot draws on, its own and shared ones."""

    id: UUID
    starts_at: datetime
    ends_at: datetime
    status: Status
    remaining: int
    capacity: int


class AvailableDay(msgspec.Struct, frozen=True):
    """`slots` is how many there are, `remaining` the places left on those that can be bought."""

    date: date
    status: Status
    remaining: int
    slots: int


class SlotCount(msgspec.Struct, frozen=True):
    """A slot as the database counts it. `shared_remaining` is what all slots of the day have left together, if they
    share such a gauge."""

    id: UUID
    starts_at: datetime
    ends_at: datetime
    local_date: date
    remaining: int
    shared_remaining: int | None
    capacity: int
    closed: bool


class OfferCount(SaleTerms, frozen=True, kw_only=True):
    """An offer's terms of sale, and its slots in order of their start."""

    timezone: str
    slots: list[SlotCount]


class Window(msgspec.Struct, frozen=True):
    """The question: from a day or moment on, up to and with a day, or up to a moment."""

    since: Bound | None
    until: Bound | None
    now: datetime

    def around(self) -> tuple[date, date]:
        """Local dates, both included, that hold the window in every time zone. Raises `Invalid`."""
        since = self.now if self.since is None else self.since
        until = self.until or since + timedelta(days=DEFAULT_DAYS)
        slack = timedelta(days=1)
        first, last = _utc_date(since) - slack, _utc_date(until) + slack
        # Exact once the zone is known; far off is refused before anything is read.
        if last - first > timedelta(days=MAX_DAYS + 3):
            raise _too_long()
        return first, last

    def dates(self, zone: ZoneInfo) -> tuple[date, date]:
        """The local dates, both included, that it touches. Raises `Invalid` if they are too many, or none."""
        since = _local_date(self.now, zone) if self.since is None else self.since
        until = self.until or since + timedelta(days=DEFAULT_DAYS)
        if isinstance(since, datetime) and isinstance(until, datetime):
            if until <= since:
                raise Invalid.field("/until", "The end must come after the start.")
            if until - since > timedelta(days=MAX_DAYS):
                raise _too_long()
            return _local_date(since, zone), _local_date(until - timedelta.resolution, zone)
        first, last = _local_date(since, zone), _local_date(until, zone)
        if last < first:
            raise Invalid.field("/until", "The last day cannot be before the first.")
        if (last - first).days >= MAX_DAYS:
            raise _too_long()
        return first, last

    def holds(self, slot: SlotCount, dates: tuple[date, date]) -> bool:
        if not dates[0] <= slot.local_date <= dates[1]:
            return False
        if isinstance(self.since, datetime) and slot.starts_at < self.since:
            return False
        return not (isinstance(self.until, datetime) and slot.starts_at >= self.until)


def bound(text: str | None, pointer: str) -> Bound | None:
    """Reads `2027-05-01` or `2027-05-01T09:00:00+02:00`. Raises `Invalid`."""
    if text is None:
        return None
    try:
        # An unescaped plus sign in a query means a space; what was meant is plain.
        read: Bound = date.fromisoformat(text) if len(text) == len("2027-05-01") else _moment(text.replace(" ", "+"))
    except (ValueError, msgspec.ValidationError):
        raise Invalid.field(pointer, "Use a date such as 2027-05-01, or a time with its offset.") from None
    if not EARLIEST.year <= read.year <= LATEST.year:
        raise Invalid.field(pointer, f"Use a year between {EARLIEST.year} and {LATEST.year}.")
    return read


def available_slots(offer: OfferCount, window: Window) -> list[AvailableSlot]:
    zone = ZoneInfo(offer.timezone)
    return [
        AvailableSlot(
            id=slot.id,
            starts_at=slot.starts_at.astimezone(zone),
            ends_at=slot.ends_at.astimezone(zone),
            status=_status_of(offer, slot, window.now),
            remaining=slot.remaining,
            capacity=slot.capacity,
        )
        for slot in _within(offer, window)
    ]


def available_days(offer: OfferCount, window: Window) -> list[AvailableDay]:
    """Every day of the window, also those without slots."""
    first, last = window.dates(ZoneInfo(offer.timezone))
    days: dict[date, list[SlotCount]] = {}
    for offset in range((last - first).days + 1):
        days[first + timedelta(days=offset)] = []
    for slot in _within(offer, window):
        days[slot.local_date].append(slot)
    return [_day(offer, day, slots, window.now) for day, slots in days.items()]


def status(remaining: int, capacity: int) -> Status:
    if remaining <= 0:
        return "sold_out"
    return "limited" if remaining <= max(5, capacity // 10) else "available"


def _within(offer: OfferCount, window: Window) -> Iterator[SlotCount]:
    dates = window.dates(ZoneInfo(offer.timezone))
    return (slot for slot in offer.slots if window.holds(slot, dates))


def _status_of(offer: OfferCount, slot: SlotCount, now: datetime) -> Status:
    sold = on_sale(offer, slot.starts_at, slot.ends_at, now)
    return status(slot.remaining, slot.capacity) if sold and not slot.closed else "closed"


def _day(offer: OfferCount, day: date, slots: Sequence[SlotCount], now: datetime) -> AvailableDay:
    open_slots = [slot for slot in slots if _status_of(offer, slot, now) != "closed"]
    if not open_slots:
        return AvailableDay(date=day, status="closed", remaining=0, slots=len(slots))
    remaining = sum(slot.remaining for slot in open_slots)
    shared = [slot.shared_remaining for slot in open_slots if slot.shared_remaining is not None]
    if len(shared) == len(open_slots):
        # Places that every slot of the day draws on must not be counted once per slot.
        remaining = min(remaining, max(shared))
    capacity = sum(slot.capacity for slot in open_slots)
    return AvailableDay(date=day, status=status(remaining, capacity), remaining=remaining, slots=len(slots))


def _moment(text: str) -> datetime:
    moment = msgspec.convert(text, datetime)
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment


def _utc_date(value: Bound) -> date:
    return value.astimezone(UTC).date() if isinstance(value, datetime) else value


def _local_date(value: Bound, zone: ZoneInfo) -> date:
    return value.astimezone(zone).date() if isinstance(value, datetime) else value


def _too_long() -> Invalid:
    return Invalid.field("/until", f"Ask for at most {MAX_DAYS} days at once.")
