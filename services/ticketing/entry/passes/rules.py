"""Which tickets a scanner takes along, and where it goes on: a day at a venue, and a place in the ledger."""

import base64
import hashlib
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from services.kit.errors import Invalid
from services.kit.moments import EARLIEST_YEAR, LATEST_YEAR

# No ticket opens gates for longer: a slot has two days at most, tolerance before and after it one each. The search for
# the tickets of a day ends there.
LONGEST_VALIDITY: Final = timedelta(days=7)
LOAD_ANEW: Final = "This cursor does not fit (another gate or day, or older than the instance): start without one."
FIRST_ID: Final = UUID(int=0)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class Place(msgspec.Struct, frozen=True):
    """A venue on one day of its own calendar: tickets that open its gates between `begins_at` and `ends_at`."""

    establishment_id: UUID
    venue_id: UUID
    day: date
    begins_at: datetime
    ends_at: datetime

    @property
    def mark(self) -> str:
        """Tells the cursors of one place from those of another."""
        named = f"{self.venue_id} {self.begins_at.timestamp()} {self.ends_at.timestamp()}"
        return hashlib.sha256(named.encode()).hexdigest()[:12]


class Position(msgspec.Struct, frozen=True, array_like=True):
    """What a cursor holds. `sequence`: all events of the ledger so far are known. `static`: which keys, offers and so
    on were sent. While the tickets of the day are still being read: the last one, by end of validity and id.
    """

    place: str
    static: str
    sequence: Annotated[int, msgspec.Meta(ge=0, le=2**62)]
    read_until_microseconds: Annotated[int, msgspec.Meta(ge=0, le=2**53)] | None = None
    read_until_id: UUID | None = None

    @property
    def is_reading(self) -> bool:
        return self.read_until_microseconds is not None

    @property
    def read_until(self) -> tuple[datetime, UUID]:
        """Up to which ticket the day was read."""
        return _EPOCH + (self.read_until_microseconds or 0) * _MICROSECOND, self.read_until_id or FIRST_ID


def place_of(establishment_id: UUID, venue_id: UUID, timezone: str, day: date) -> Place:
    zone = ZoneInfo(timezone)
    begins_at, ends_at = (datetime.combine(one, time(), zone).astimezone(UTC) for one in (day, day + timedelta(days=1)))
    return Place(establishment_id, venue_id, day, begins_at, ends_at)


def read_day(text: str) -> date:
    """Raises `Invalid`."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise Invalid.field("/date", "Use a date such as 2027-05-01.") from None
    if not EARLIEST_YEAR <= day.year <= LATEST_YEAR:
        raise Invalid.field("/date", f"Use a year between {EARLIEST_YEAR} and {LATEST_YEAR}.")
    return day


def write_cursor(position: Position) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(position)).rstrip(b"=").decode()


def read_cursor(text: str, place: Place) -> Position:
    """Raises `Invalid` for a cursor that was not made for this place."""
    try:
        padded = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        position = msgspec.json.decode(padded, type=Position)
    except (ValueError, msgspec.DecodeError):
        raise Invalid.field("/cursor", LOAD_ANEW) from None
    if position.place != place.mark:
        raise Invalid.field("/cursor", LOAD_ANEW)
    return position


def after_ticket(position: Position, valid_until: datetime, ticket_id: UUID) -> Position:
    """Having read up to this ticket."""
    microseconds = (valid_until - _EPOCH) // _MICROSECOND
    return msgspec.structs.replace(position, read_until_microseconds=microseconds, read_until_id=ticket_id)
