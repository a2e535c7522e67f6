from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
import sqlalchemy as sa

from services.kit.database import ReadSession
from services.kit.errors import NotFound
from services.kit.money import Money
from services.kit.rows import to_struct
from services.ticketing.catalog.queries import Catalogue
from services.ticketing.tickets.code import grouped
from services.ticketing.tickets.signing import Keyring
from services.ticketing.tickets.tables import tickets


class Ticket(msgspec.Struct, frozen=True):
    """A ticket as stored; fields are the columns of its table."""

    id: UUID
    number: int
    short_code: str
    status: str
    order_id: UUID
    line_position: int
    hold_id: UUID
    slot_id: UUID
    offer_id: UUID
    tariff_id: UUID
    price_minor: int
    starts_at: datetime
    ends_at: datetime
    valid_from: datetime
    valid_until: datetime
    revision: int
    key_id: int
    issued_at: datetime
    cancelled_at: datetime | None = None
    admitted_at: datetime | None = None
    admitted_gate_id: UUID | None = None
    waived_at: datetime | None = None


class TicketSlot(msgspec.Struct, frozen=True):
    id: UUID
    offer_id: UUID
    starts_at: datetime
    ends_at: datetime


class TicketTariff(msgspec.Struct, frozen=True):
    id: UUID
    name: dict[str, str]


class TicketView(msgspec.Struct, frozen=True):
    """A ticket as the API shows it. `code` is the text of its QR code, `short_code` is for typing.

    `waived_at`: the establishment closed its slot; whoever has it may exchange or cancel it whatever the terms say.
    """

    id: UUID
    number: int
    code: str
    short_code: str
    status: str
    order_id: UUID
    slot: TicketSlot
    tariff: TicketTariff
    price: Money
    valid_from: datetime
    valid_until: datetime
    issued_at: datetime
    cancelled_at: datetime | None
    admitted_at: datetime | None
    waived_at: datetime | None


def ticket_view(ticket: Ticket, keyring: Keyring, catalogue: Catalogue, currency: str) -> TicketView:
    tariff = catalogue.tariffs.get(ticket.tariff_id)
    return TicketView(
        id=ticket.id,
        number=ticket.number,
        code=keyring.code(ticket),
        short_code=grouped(ticket.short_code),
        status=ticket.status,
        order_id=ticket.order_id,
        slot=TicketSlot(ticket.slot_id, ticket.offer_id, ticket.starts_at, ticket.ends_at),
        tariff=TicketTariff(ticket.tariff_id, tariff.name if tariff else {}),
        price=Money(amount=ticket.price_minor, currency=currency),
        valid_from=ticket.valid_from,
        valid_until=ticket.valid_until,
        issued_at=ticket.issued_at,
        cancelled_at=ticket.cancelled_at,
        admitted_at=ticket.admitted_at,
        waived_at=ticket.waived_at,
    )


def ticket_views(found: Iterable[Ticket], keyring: Keyring, catalogue: Catalogue, currency: str) -> list[TicketView]:
    return [ticket_view(ticket, keyring, catalogue, currency) for ticket in found]


async def find_ticket(session: ReadSession, establishment_id: UUID, ticket_id: UUID) -> Ticket:
    """Raises `NotFound`."""
    row = await session.first(
        sa.select(tickets).where(tickets.c.establishment_id == establishment_id, tickets.c.id == ticket_id)
    )
    if row is None:
        raise NotFound
    return to_struct(row, Ticket)


async def tickets_of_orders(session: ReadSession, establishment_id: UUID, order_ids: Sequence[UUID]) -> list[Ticket]:
    """In order of number, in one statement."""
    rows = await session.all(
        sa.select(tickets)
        .where(tickets.c.establishment_id == establishment_id, tickets.c.order_id.in_(order_ids))
        .order_by(tickets.c.number)
    )
    return [to_struct(row, Ticket) for row in rows]
