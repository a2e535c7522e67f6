"""The lines and tickets of an order as visits: what, where and when, in the visitor's words."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from gateway.shop.answers import Tariff
from gateway.shop.basket import line_name
from gateway.shop.eligibility import MAX_QUANTITY
from gateway.shop.language import Said
from gateway.shop.own_answers import Line, Order, Ticket
from gateway.shop.shop import Shop
from gateway.shop.storefront import Front
from gateway.shop.visit import View

TariffBook = dict[UUID, Tariff]


class Visited(msgspec.Struct, frozen=True):
    """An offer at a time. `time` is empty where one comes when one likes; `path` None for what is no longer shown."""

    slot_id: UUID
    offer_id: UUID
    name: Said
    venue: Said
    address: str
    starts_at: datetime
    day: str
    time: str
    path: str | None

    @property
    def when(self) -> str:
        return f"{self.day}, {self.time}" if self.time else self.day

    @property
    def date(self) -> date:
        return self.starts_at.date()


class CartLine(msgspec.Struct, frozen=True):
    field: str
    key: str
    name: Said
    quantity: int
    unit_price: str
    total: str
    most: int


class CartVisit(msgspec.Struct, frozen=True):
    visited: Visited
    lines: list[CartLine]


class TicketLine(msgspec.Struct, frozen=True):
    ticket: Ticket
    name: Said
    price: str


class TicketVisit(msgspec.Struct, frozen=True):
    """`valid` are the tickets that can be shown at the entrance; `free` those that could still be given back or moved
    (not used); the `may_` say whether the terms allow it now. `is_closed`: by the establishment, so they hold nobody.
    """

    visited: Visited
    tickets: list[TicketLine]
    may_cancel: bool
    may_exchange: bool
    is_closed: bool = False

    @property
    def valid(self) -> list[TicketLine]:
        return [line for line in self.tickets if line.ticket.status == "valid"]

    @property
    def free(self) -> list[TicketLine]:
        return [line for line in self.tickets if line.ticket.is_usable]


def visited(view: View, front: Front, offer_id: UUID, slot_id: UUID, starts_at: datetime) -> Visited:
    words, offer = view.words, front.offers.get(offer_id)
    venue = front.venues.get(offer.venue_id) if offer else None
    local = starts_at.astimezone(ZoneInfo(venue.timezone if venue else front.profile.timezone))
    return Visited(
        slot_id=slot_id,
        offer_id=offer_id,
        name=words.said(offer.name) if offer else Said(words.gettext("Visit"), None),
        venue=words.said(venue.name) if venue else Said("", None),
        address=venue.address if venue else "",
        starts_at=local,
        day=words.long_day(local.date()),
        time="" if offer and offer.kind == "open" else words.time(local),
        path=f"/{view.slug}/offers/{offer_id}" if offer else None,
    )


async def tariff_book(shop: Shop, view: View, front: Front, offer_ids: Iterable[UUID]) -> TariffBook:
    """The tariffs of these offers; none of those that are no longer shown."""
    asked = sorted({offer_id for offer_id in offer_ids if offer_id in front.offers})
    found = await asyncio.gather(*(shop.storefront.tariffs(view.visitor, offer_id) for offer_id in asked))
    return {tariff.id: tariff for tariffs in found for tariff in tariffs}


def cart_visits(view: View, front: Front, order: Order, tariffs: TariffBook) -> list[CartVisit]:
    """In order of time."""
    lines: dict[UUID, list[Line]] = {}
    for line in sorted(order.lines, key=lambda line: line.starts_at):
        lines.setdefault(line.slot_id, []).append(line)
    return [
        CartVisit(
            visited(view, front, same[0].offer_id, slot_id, same[0].starts_at),
            [_cart_line(view, line, tariffs.get(line.tariff_id)) for line in same],
        )
        for slot_id, same in lines.items()
    ]


def ticket_visits(view: View, front: Front, tickets: Iterable[Ticket]) -> list[TicketVisit]:
    """In order of time."""
    grouped: dict[UUID, list[Ticket]] = {}
    for ticket in sorted(tickets, key=lambda ticket: (ticket.slot.starts_at, ticket.number)):
        grouped.setdefault(ticket.slot.id, []).append(ticket)
    return [_ticket_visit(view, front, slot_id, same) for slot_id, same in grouped.items()]


def within(hours_before: int | None, starts_at: datetime, now: datetime) -> bool:
    """The establishment's terms, as the service applies them: so many hours before the visit, or never."""
    return hours_before is not None and now <= starts_at - timedelta(hours=hours_before)


def _ticket_visit(view: View, front: Front, slot_id: UUID, same: Sequence[Ticket]) -> TicketVisit:
    slot, profile, now = same[0].slot, front.profile, datetime.now(UTC)
    is_closed = any(ticket.is_usable and ticket.waived_at for ticket in same)
    return TicketVisit(
        visited=visited(view, front, slot.offer_id, slot_id, slot.starts_at),
        tickets=[_ticket_line(view, ticket) for ticket in same],
        may_cancel=is_closed or within(profile.cancellation_hours_before, slot.starts_at, now),
        may_exchange=is_closed or within(profile.exchange_hours_before, slot.starts_at, now),
        is_closed=is_closed,
    )


def _cart_line(view: View, line: Line, tariff: Tariff | None) -> CartLine:
    words = view.words
    most = tariff.max_per_order if tariff and tariff.max_per_order else MAX_QUANTITY
    return CartLine(
        field=f"quantity.{line_name(line)}",
        key=line_name(line),
        name=words.said(tariff.name) if tariff else Said(words.gettext("Ticket"), None),
        quantity=line.quantity,
        unit_price=words.price(line.unit_price.amount, line.unit_price.currency),
        total=words.price(line.total.amount, line.total.currency),
        most=max(most, line.quantity),
    )


def _ticket_line(view: View, ticket: Ticket) -> TicketLine:
    words = view.words
    return TicketLine(ticket, words.said(ticket.tariff.name), words.price(ticket.price.amount, ticket.price.currency))
