"""What is told to whom and when. Pure."""

import hashlib
import hmac
import random
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Literal, TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from services.kit.ids import derived_id
from services.ticketing.establishments.queries import Establishment
from services.ticketing.orders.rules import ONLINE

Kind: TypeAlias = Literal[
    "order_confirmed",
    "order_cancelled",
    "order_exchanged",
    "order_refunded",
    "visit_reminder",
    "waiting_list_offer",
    "visit_closed",
]

# What visitors can bring about as often as they like, in whatever name.
LIMITED = frozenset({"order_confirmed", "order_cancelled", "order_exchanged", "waiting_list_offer"})
# To one address, by one establishment. More than so many in an hour come an hour later, more in a day not at all.
MAILS_AN_HOUR = 10
MAILS_A_DAY = 30
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(hours=1)
GIVES_UP_AFTER = timedelta(hours=24)
# Long enough to answer a complaint about a visit of the last season.
KEPT_FOR = timedelta(days=400)
# An instance that comes back from a backup or a long absence does not tell old stories.
TOO_OLD_TO_TELL = timedelta(days=3)
REMINDED_AT = time(10)
AT_THE_DESK = "at the desk"
TOLD_AS_IT_IS: Mapping[str, Kind] = {"order.confirmed": "order_confirmed", "waiting_list.offered": "waiting_list_offer"}
TOLD = frozenset(
    {
        "order.confirmed",
        "order.cancelled",
        "order.tickets_cancelled",
        "order.exchanged",
        "refund.sent",
        "waiting_list.offered",
        "order.visit_closed",
    }
)


class LoggedEvent(msgspec.Struct, frozen=True):
    """What the relay reads of an event; `payload` is JSON."""

    sequence: int
    type: str
    subject: str
    payload: str
    occurred_at: datetime


class Draft(msgspec.Struct, frozen=True):
    """A message that follows from an event; its order knows the rest."""

    id: UUID
    kind: Kind
    order_id: UUID
    data: Mapping[str, object] = {}


class _Payload(msgspec.Struct, frozen=True):
    """The fields that any of our events may have; others are of no interest here."""

    tickets: list[int] = []
    amount_minor: int = 0
    cancelled_tickets: list[int] = []
    issued_tickets: list[int] = []
    refund_id: str = ""
    provider_reference: str = ""


def draft_of(establishment_id: UUID, event: LoggedEvent) -> Draft | None:
    """None for an event that no visitor is told of. Its id is that of a mail: nowhere the same twice."""
    subject, _, id_ = event.subject.partition(":")
    if subject != "order" or event.type not in TOLD:
        return None
    told = _told(event.type, msgspec.json.decode(event.payload, type=_Payload))
    if told is None:
        return None
    kind, data = told
    return Draft(derived_id("message", establishment_id, str(event.sequence)), kind, UUID(id_), data)


def _told(type_: str, payload: _Payload) -> tuple[Kind, Mapping[str, object]] | None:
    if type_ in TOLD_AS_IT_IS:
        return TOLD_AS_IT_IS[type_], {}
    if type_ in ("order.cancelled", "order.tickets_cancelled") and payload.tickets:
        # Without tickets it was never confirmed: whoever let a held order go knows it.
        return "order_cancelled", {"tickets": payload.tickets}
    if type_ == "order.visit_closed":
        return "visit_closed", {"tickets": payload.tickets}
    if type_ == "order.exchanged":
        return "order_exchanged", {"tickets": payload.issued_tickets}
    if type_ == "refund.sent":
        return "order_refunded", {"refund_id": payload.refund_id, "desk": payload.provider_reference == AT_THE_DESK}
    return None


def is_limited(kind: str, channel: str) -> bool:
    """Other channels than ours need a key: whoever has one writes to its own customers."""
    return kind in LIMITED and channel == ONLINE


def reminder_id(order_id: UUID, day: date) -> UUID:
    """One for each day on which an order has a visit, however often it is moved to and fro."""
    return derived_id("reminder", order_id, day.isoformat())


def reminder_due_at(starts_at: datetime, zone: ZoneInfo) -> datetime:
    """Ten o'clock the day before, where the visit is."""
    day = starts_at.astimezone(zone).date() - timedelta(days=1)
    return datetime.combine(day, REMINDED_AT, zone)


def days_to_remind(starts: Iterable[tuple[datetime, str]], now: datetime) -> dict[date, datetime]:
    """For each local day of a visit when to remind of it; not of one that is so near that it was just bought.

    `starts` are the beginnings of tickets with the zones of their venues.
    """
    due: dict[date, datetime] = {}
    for starts_at, timezone in starts:
        zone = ZoneInfo(timezone)
        at = reminder_due_at(starts_at, zone)
        if at > now:
            due[starts_at.astimezone(zone).date()] = at
    return due


def pause(attempts: int) -> timedelta:
    """Before the next attempt: twice as long each time, and never the same for two that failed together."""
    doublings = min(max(attempts, 1) - 1, 20)
    whole: timedelta = min(FIRST_PAUSE * (1 << doublings), LONGEST_PAUSE)
    return whole * random.uniform(0.5, 1)  # noqa: S311 - spreads the retries, no secret


def language_of(wanted: str, establishment: Establishment) -> str:
    """In which the establishment's own texts are shown: the visitor's if it has it, else English, else its first."""
    known = establishment.languages
    return next((language for language in (wanted, "en") if language in known), known[0])


def address_hash(secret: bytes, establishment_id: UUID, address: str) -> bytes:
    return hmac.digest(secret, b"reminder refusal v1" + establishment_id.bytes + address.lower().encode(), "sha256")


def refusal_token(secret: bytes, establishment_id: UUID, order_id: UUID) -> str:
    """What the link of a reminder carries: it ends reminders to the order's address, and can do nothing else."""
    mac = hmac.digest(secret, b"reminder token v1" + establishment_id.bytes + order_id.bytes, hashlib.sha256)[:16]
    return f"{order_id.hex}{mac.hex()}"


def refused_order(secret: bytes, establishment_id: UUID, token: str) -> UUID | None:
    """The order that a token was made for; None if we did not make it."""
    try:
        order_id = UUID(hex=token[:32])
    except ValueError:
        return None
    expected = refusal_token(secret, establishment_id, order_id)
    return order_id if hmac.compare_digest(expected.encode(), token.encode()) else None
