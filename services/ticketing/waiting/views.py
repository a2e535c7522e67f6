"""A place in the line as the API shows it."""

from datetime import date, datetime
from uuid import UUID

import msgspec

from services.ticketing.orders.queries import Order
from services.ticketing.waiting.rules import Entry, WantedTariff


class OfferedOrder(msgspec.Struct, frozen=True):
    """The order that holds the places. `access_token` is shown to whoever came with the token of the entry."""

    id: UUID
    slot_id: UUID
    expires_at: datetime | None
    access_token: str | msgspec.UnsetType = msgspec.UNSET


class EntryView(msgspec.Struct, frozen=True):
    """`position` counts from 1, in the line as it stands now; null once served or ended, and in lists."""

    id: UUID
    status: str
    offer_id: UUID
    slot_id: UUID | None
    date: date
    lines: list[WantedTariff]
    places: int
    name: str
    email: str
    language: str
    joined_at: datetime
    position: int | None
    order: OfferedOrder | None
    token: str | msgspec.UnsetType = msgspec.UNSET


def entry_view(
    entry: Entry, *, position: int | None = None, order: OfferedOrder | None = None, status: str | None = None
) -> EntryView:
    return EntryView(
        id=entry.id,
        # While an offer is being made nothing has changed yet for whoever waits.
        status=status or ("waiting" if entry.status == "offering" else entry.status),
        offer_id=entry.offer_id,
        slot_id=entry.slot_id,
        date=entry.day,
        lines=entry.lines,
        places=entry.places,
        name=entry.customer_name,
        email=entry.customer_email,
        language=entry.language,
        joined_at=entry.joined_at,
        position=position,
        order=order,
    )


def status_of(entry: Entry, order: Order, now: datetime) -> str:
    """What became of an offer, also before the worker has written it down."""
    if entry.status != "offered":
        return entry.status
    if order.confirmed_at is not None:
        return "taken"
    if order.status == "cancelled":
        return "left"
    over = order.status == "held" and order.expires_at is not None and order.expires_at <= now
    return "expired" if over or order.status == "expired" else "offered"
