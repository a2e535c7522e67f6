from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
import sqlalchemy as sa

from services.kit.database import ReadSession
from services.kit.errors import NotFound
from services.kit.rows import to_struct
from services.ticketing.orders.tables import order_lines, orders
from services.ticketing.payments.tables import payments
from services.ticketing.tickets.queries import Ticket, tickets_of_orders


class Line(msgspec.Struct, frozen=True):
    """A line as sold; fields are the columns of its table."""

    position: int
    slot_id: UUID
    offer_id: UUID
    tariff_id: UUID
    quantity: int
    admits: int
    unit_price_minor: int
    vat_rate_bp: int
    total_minor: int
    vat_minor: int
    starts_at: datetime
    ends_at: datetime
    valid_from: datetime
    valid_until: datetime


class Payment(msgspec.Struct, frozen=True):
    id: UUID
    order_id: UUID
    method: str
    status: str
    amount_minor: int
    refunded_minor: int
    currency: str
    checkout_reference: str
    provider_reference: str
    url: str
    created_at: datetime


class Order(msgspec.Struct, frozen=True):
    """An order with all that belongs to it, as stored. `payments` in order of their making."""

    id: UUID
    reference: str
    status: str
    hold_id: UUID
    channel: str
    customer_name: str
    customer_email: str
    language: str
    payment_method: str | None
    currency: str
    total_minor: int
    extended: bool
    expires_at: datetime | None
    created_at: datetime
    confirmed_at: datetime | None
    lines: list[Line] = []
    tickets: list[Ticket] = []
    payments: list[Payment] = []

    @property
    def payment(self) -> Payment | None:
        """The one that counts: paid or due if there is such, else the newest attempt."""
        settled = [payment for payment in self.payments if payment.status in ("paid", "due")]
        candidates = settled or self.payments
        return candidates[-1] if candidates else None


class OrderFilter(msgspec.Struct, frozen=True):
    reference: str | None = None
    email: str | None = None
    status: str | None = None
    created_from: datetime | None = None
    after: tuple[datetime, UUID] | None = None


async def find_order(session: ReadSession, establishment_id: UUID, order_id: UUID) -> Order:
    """Raises `NotFound`."""
    row = await session.first(
        sa.select(orders).where(orders.c.establishment_id == establishment_id, orders.c.id == order_id)
    )
    if row is None:
        raise NotFound
    return (await _complete(session, establishment_id, [to_struct(row, Order)]))[0]


async def list_orders(session: ReadSession, establishment_id: UUID, wanted: OrderFilter, limit: int) -> list[Order]:
    """Newest first; four statements whatever the number of orders."""
    statement = sa.select(orders).where(orders.c.establishment_id == establishment_id)
    if wanted.reference is not None:
        statement = statement.where(orders.c.reference == wanted.reference)
    if wanted.email is not None:
        statement = statement.where(orders.c.customer_email == wanted.email.lower())
    if wanted.status is not None:
        statement = statement.where(orders.c.status == wanted.status)
    if wanted.created_from is not None:
        statement = statement.where(orders.c.created_at >= wanted.created_from)
    if wanted.after is not None:
        statement = statement.where(sa.tuple_(orders.c.created_at, orders.c.id) < sa.tuple_(*wanted.after))
    newest = statement.order_by(orders.c.created_at.desc(), orders.c.id.desc()).limit(limit)
    return await _complete(session, establishment_id, [to_struct(row, Order) for row in await session.all(newest)])


async def _complete(session: ReadSession, establishment_id: UUID, found: Sequence[Order]) -> list[Order]:
    ids = [order.id for order in found]
    if not ids:
        return []
    lines = await session.all(
        sa.select(order_lines)
        .where(order_lines.c.establishment_id == establishment_id, order_lines.c.order_id.in_(ids))
        .order_by(order_lines.c.order_id, order_lines.c.position)
    )
    paid = await session.all(
        sa.select(payments)
        .where(payments.c.establishment_id == establishment_id, payments.c.order_id.in_(ids))
        .order_by(payments.c.created_at, payments.c.id)
    )
    issued = await tickets_of_orders(session, establishment_id, ids)
    return [
        msgspec.structs.replace(
            order,
            lines=[to_struct(row, Line) for row in lines if row.order_id == order.id],
            payments=[to_struct(row, Payment) for row in paid if row.order_id == order.id],
            tickets=[ticket for ticket in issued if ticket.order_id == order.id],
        )
        for order in found
    ]
