from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
import sqlalchemy as sa

from services.kit.columns import known
from services.kit.database import ReadSession
from services.kit.errors import NotFound
from services.kit.rows import to_struct
from services.ticketing.orders.tables import order_lines, orders, place_returns, reconciler_cursors, settlements
from services.ticketing.payments.tables import payments
from services.ticketing.tickets.queries import Ticket, tickets_of_orders

FIND_WORK = "SELECT ticketing.establishments_with_work($1) AS id"


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
    paid_at: datetime | None = None
    settled_at: datetime | None = None


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
        # The second condition is that of the index, which a plan for any address could not use without.
        statement = statement.where(
            orders.c.customer_email == wanted.email.lower(), orders.c.customer_email != known("")
        )
    if wanted.status is not None:
        statement = statement.where(orders.c.status == known(wanted.status))
    if wanted.created_from is not None:
        statement = statement.where(orders.c.created_at >= wanted.created_from)
    if wanted.after is not None:
        statement = statement.where(sa.tuple_(orders.c.created_at, orders.c.id) < sa.tuple_(*wanted.after))
    newest = statement.order_by(orders.c.created_at.desc(), orders.c.id.desc()).limit(limit)
    return await _complete(session, establishment_id, [to_struct(row, Order) for row in await session.all(newest)])


class ReturnedPlaces(msgspec.Struct, frozen=True):
    """Places to give back to inventory; `lines` None: all of the hold."""

    id: UUID
    hold_id: UUID
    lines: list[tuple[UUID, int]] | None


class _StoredLine(msgspec.Struct, frozen=True):
    slot_id: UUID
    quantity: int


async def establishments_with_work(session: ReadSession, *, now: datetime) -> list[UUID]:
    """Instance level: where something waits for `orders.jobs`."""
    return [row["id"] for row in await session.fetch(FIND_WORK, now)]


async def overdue_orders(session: ReadSession, establishment_id: UUID, *, before: datetime, limit: int) -> list[UUID]:
    """Orders never confirmed whose time was over before a moment, the oldest first."""
    rows = await session.all(
        sa.select(orders.c.id)
        .where(
            orders.c.establishment_id == establishment_id,
            orders.c.status.in_((known("held"), known("awaiting_payment"))),
            orders.c.expires_at < before,
        )
        .order_by(orders.c.expires_at)
        .limit(limit)
    )
    return [row.id for row in rows]


async def waiting_returns(session: ReadSession, establishment_id: UUID, *, limit: int) -> list[ReturnedPlaces]:
    """Places that inventory does not have back yet."""
    rows = await session.all(
        sa.select(place_returns)
        .where(place_returns.c.establishment_id == establishment_id, place_returns.c.done_at.is_(None))
        .order_by(place_returns.c.created_at)
        .limit(limit)
    )
    return [ReturnedPlaces(row.id, row.hold_id, _returned_lines(row.lines)) for row in rows]


async def outcomes(session: ReadSession, establishment_id: UUID, *, hold_ids: Sequence[UUID]) -> dict[UUID, str]:
    """How each of these holds was settled; those that were not are absent."""
    rows = await session.all(
        sa.select(settlements.c.hold_id, settlements.c.outcome).where(
            settlements.c.establishment_id == establishment_id, settlements.c.hold_id.in_(hold_ids)
        )
    )
    return {row.hold_id: row.outcome for row in rows}


async def compared_until(session: ReadSession, establishment_id: UUID) -> datetime | None:
    """How far the reconciler came."""
    row = await session.first(
        sa.select(reconciler_cursors.c.compared_until).where(reconciler_cursors.c.establishment_id == establishment_id)
    )
    return row.compared_until if row else None


def _returned_lines(stored: object) -> list[tuple[UUID, int]] | None:
    if stored is None:
        return None
    return [(line.slot_id, line.quantity) for line in msgspec.convert(stored, list[_StoredLine])]


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
