"""The verbs on orders that are there already. Locks: the ledger head if there is an event to write, then the order."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from services.kit.database import WriteSession, violates
from services.kit.errors import Invalid, NotFound
from services.kit.ids import derived_id
from services.ticketing.ledger.actions import (
    EVENT_INSERT,
    Head,
    NewEvent,
    append,
    ending_with_head,
    event_row,
    lock_head,
)
from services.ticketing.orders.posting.actions import TICKET_COLUMNS, OrderSettled
from services.ticketing.orders.queries import Line, Order, Payment, ReturnedPlaces, find_order
from services.ticketing.orders.requests import Customer
from services.ticketing.orders.rules import OrderEnded, check_extensible, check_held, check_unused
from services.ticketing.orders.tables import order_lines, orders, place_returns, reconciler_cursors, settlements
from services.ticketing.payments.tables import payments
from services.ticketing.tables import idempotency_keys
from services.ticketing.tickets.code import new_short_code
from services.ticketing.tickets.queries import Ticket
from services.ticketing.tickets.tables import tickets

WRITE_EXCHANGE = ending_with_head((tickets, TICKET_COLUMNS), EVENT_INSERT)


async def lock_order(session: WriteSession, establishment_id: UUID, order_id: UUID) -> Order:
    """The order as it stands, with nobody else changing it until the commit. Raises `NotFound`."""
    locked = await session.first(_of(establishment_id, order_id).with_for_update())
    if locked is None:
        raise NotFound
    return await find_order(session, establishment_id, order_id)


async def amend_order(
    session: WriteSession,
    establishment_id: UUID,
    order_id: UUID,
    *,
    customer: Customer | None,
    sale: "Amendment | None",
) -> Order:
    """Another customer, other lines, or both, while the order is held. Raises `OrderEnded`."""
    order = await lock_order(session, establishment_id, order_id)
    check_held(order.status)
    if customer is not None:
        await _update(session, establishment_id, order_id, **_customer_values(customer))
    if sale is not None:
        await session.run(
            sa.delete(order_lines).where(
                order_lines.c.establishment_id == establishment_id, order_lines.c.order_id == order_id
            )
        )
        values = [
            {"establishment_id": establishment_id, "order_id": order_id, **msgspec.structs.asdict(line)}
            for line in sale.lines
        ]
        await session.run(sa.insert(order_lines), values)
        await _update(
            session,
            establishment_id,
            order_id,
            hold_id=sale.hold_id,
            expires_at=sale.expires_at,
            total_minor=sum(line.total_minor for line in sale.lines),
        )
    return await find_order(session, establishment_id, order_id)


class Amendment(msgspec.Struct, frozen=True):
    """The new hold of an order and what it holds."""

    hold_id: UUID
    expires_at: datetime | None
    lines: list[Line]


async def mark_extended(session: WriteSession, establishment_id: UUID, order_id: UUID, expires_at: datetime) -> Order:
    """Spends the one extension of an order. Raises `AlreadyExtended`, `OrderEnded`."""
    order = await lock_order(session, establishment_id, order_id)
    check_extensible(order.status, extended=order.extended)
    await _update(session, establishment_id, order_id, extended=True, expires_at=expires_at)
    return await find_order(session, establishment_id, order_id)


async def begin_payment(
    session: WriteSession, establishment_id: UUID, order: Order, customer: Customer, expires_at: datetime
) -> Payment:
    """From held to awaiting payment, with a new attempt. The same attempt again while one is pending."""
    current = await lock_order(session, establishment_id, order.id)
    pending = [payment for payment in current.payments if payment.status == "pending"]
    if current.status not in ("held", "awaiting_payment"):
        raise OrderEnded
    await _update(
        session,
        establishment_id,
        order.id,
        status="awaiting_payment",
        payment_method="stripe",
        expires_at=expires_at,
        **_customer_values(customer),
    )
    if pending:
        return pending[-1]
    payment_id = derived_id("payment", order.id, str(len(current.payments)))
    await session.run(
        sa.insert(payments).values(
            establishment_id=establishment_id,
            id=payment_id,
            order_id=order.id,
            method="stripe",
            status="pending",
            amount_minor=current.total_minor,
            refunded_minor=0,
            currency=current.currency,
        )
    )
    return (await find_order(session, establishment_id, order.id)).payments[-1]


async def let_go(session: WriteSession, establishment_id: UUID, order_id: UUID, status: str) -> ReturnedPlaces | None:
    """Ends an order that was never confirmed: `expired` or `cancelled`. None if it had ended already.

    Its settlement is what decides against a confirmation that runs at the same time: raises `OrderSettled`.
    """
    head = await lock_head(session, establishment_id)
    order = await lock_order(session, establishment_id, order_id)
    if order.status not in ("held", "awaiting_payment"):
        return None
    await settle(session, establishment_id, order.hold_id, order.id, "let_go")
    await _update(session, establishment_id, order_id, status=status, expires_at=None)
    back = await return_later(session, establishment_id, order.hold_id, None)
    await append(session, establishment_id, NewEvent(f"order.{status}", f"order:{order.id}", {}), head=head)
    return back


async def abandon_sale(
    session: WriteSession, establishment_id: UUID, *, hold_id: UUID, order_id: UUID, settled: bool
) -> None:
    """A sale that never got its tickets: its places go back, and an order that still waited for it is over.

    `settled`: it is known to have been let go. Raises `OrderSettled` if it turns out to have its tickets.
    """
    head = await lock_head(session, establishment_id)
    if not settled:
        await settle(session, establishment_id, hold_id, order_id, "let_go")
    await return_later(session, establishment_id, hold_id, None)
    ended = await session.run(
        sa.update(orders)
        .where(
            orders.c.establishment_id == establishment_id,
            orders.c.id == order_id,
            orders.c.hold_id == hold_id,
            orders.c.status.in_(("held", "awaiting_payment")),
        )
        .values(status="expired", expires_at=None)
    )
    if ended:
        await append(session, establishment_id, NewEvent("order.expired", f"order:{order_id}", {}), head=head)


async def settle(session: WriteSession, establishment_id: UUID, hold_id: UUID, order_id: UUID, outcome: str) -> None:
    """Writes how a hold ended. Raises `OrderSettled` if that was decided before."""
    try:
        await session.run(
            sa.insert(settlements).values(
                establishment_id=establishment_id, hold_id=hold_id, order_id=order_id, outcome=outcome
            )
        )
    except IntegrityError as error:
        if violates(error, "pk_settlements"):
            raise OrderSettled from None
        raise


def chosen_tickets(order: Order, ticket_ids: Sequence[UUID] | None) -> list[Ticket]:
    """These tickets of the order; None: all that are valid. Raises `Invalid` for one that is not the order's."""
    if ticket_ids is None:
        return [ticket for ticket in order.tickets if ticket.status == "valid"]
    own = {ticket.id for ticket in order.tickets}
    for index, ticket_id in enumerate(ticket_ids):
        if ticket_id not in own:
            raise Invalid.field(f"/ticket_ids/{index}", "This order has no such ticket.")
    return [ticket for ticket in order.tickets if ticket.id in set(ticket_ids)]


async def cancel_tickets(
    session: WriteSession, establishment_id: UUID, head: Head, order: Order, cancelled: Sequence[Ticket]
) -> list[ReturnedPlaces]:
    """Cancels tickets of a locked order; writes down the places that inventory gets back. Raises `TicketUsed`."""
    check_unused(cancelled)
    await _end_tickets(session, establishment_id, cancelled, head.now)
    left = [ticket for ticket in order.tickets if ticket.status == "valid" and ticket not in cancelled]
    if not left:
        await _update(session, establishment_id, order.id, status="cancelled")
    back = await _return_tickets(session, establishment_id, cancelled)
    payload = {
        "reference": order.reference,
        "tickets": [ticket.number for ticket in cancelled],
        "amount_minor": -sum(ticket.price_minor for ticket in cancelled),
    }
    kind = "order.tickets_cancelled" if left else "order.cancelled"
    await append(session, establishment_id, NewEvent(kind, f"order:{order.id}", payload), head=head)
    return back


class NewPlace(msgspec.Struct, frozen=True):
    """Where exchanged tickets go: the slot's times and the hold that has the places."""

    hold_id: UUID
    slot_id: UUID
    starts_at: datetime
    ends_at: datetime
    valid_from: datetime
    valid_until: datetime
    key_id: int


async def exchange_tickets(
    session: WriteSession,
    establishment_id: UUID,
    head: Head,
    order: Order,
    moved: Sequence[Ticket],
    place: NewPlace,
) -> list[ReturnedPlaces]:
    """Cancels tickets of a locked order and issues as many for the new slot: none is changed in place.

    The law wants it so (CGI ann. IV art. 50 sexies E). Raises `TicketUsed`.
    """
    check_unused(moved)
    await settle(session, establishment_id, place.hold_id, order.id, "ticketed")
    back = await _return_tickets(session, establishment_id, moved)
    await _end_tickets(session, establishment_id, moved, head.now)
    issued = [
        msgspec.structs.replace(
            ticket,
            id=derived_id("exchanged", place.hold_id, ticket.id),
            number=head.next_ticket_number(),
            short_code=new_short_code(),
            hold_id=place.hold_id,
            slot_id=place.slot_id,
            starts_at=place.starts_at,
            ends_at=place.ends_at,
            valid_from=place.valid_from,
            valid_until=place.valid_until,
            key_id=place.key_id,
            issued_at=head.now,
        )
        for ticket in moved
    ]
    payload = {
        "reference": order.reference,
        "slot_id": place.slot_id,
        "cancelled_tickets": [ticket.number for ticket in moved],
        "issued_tickets": [ticket.number for ticket in issued],
    }
    event = event_row(head.chain(NewEvent("order.exchanged", f"order:{order.id}", payload)))
    rows = [tuple(getattr(ticket, column) for column in TICKET_COLUMNS) for ticket in issued]
    await WRITE_EXCHANGE.run(session, establishment_id, [rows, [event]], *head.position())
    return back


async def return_later(
    session: WriteSession, establishment_id: UUID, hold_id: UUID, lines: list[tuple[UUID, int]] | None
) -> ReturnedPlaces:
    """Written with what frees the places; done once inventory has them, see `orders.jobs`."""
    cancelled = [] if lines is None else sorted(str(slot_id) for slot_id, _ in lines)
    count = await session.scalar(
        sa.select(sa.func.count())
        .select_from(place_returns)
        .where(place_returns.c.establishment_id == establishment_id, place_returns.c.hold_id == hold_id)
    )
    back = ReturnedPlaces(derived_id("return", hold_id, str(count), *cancelled), hold_id, lines)
    stored = None if lines is None else [{"slot_id": str(slot), "quantity": places} for slot, places in lines]
    await session.run(
        sa.insert(place_returns).values(establishment_id=establishment_id, id=back.id, hold_id=hold_id, lines=stored)
    )
    return back


async def mark_returned(session: WriteSession, establishment_id: UUID, return_id: UUID) -> None:
    await session.run(
        sa.update(place_returns)
        .where(place_returns.c.establishment_id == establishment_id, place_returns.c.id == return_id)
        .values(done_at=sa.func.now())
    )


async def move_cursor(session: WriteSession, establishment_id: UUID, *, to: datetime) -> None:
    """The reconciler has compared everything up to this moment."""
    statement = insert(reconciler_cursors).values(establishment_id=establishment_id, compared_until=to)
    await session.run(
        statement.on_conflict_do_update(
            index_elements=["establishment_id"], set_={"compared_until": statement.excluded.compared_until}
        )
    )


async def forget_keys(session: WriteSession, establishment_id: UUID, *, before: datetime) -> None:
    """Idempotency keys older than they need to be."""
    await session.run(
        sa.delete(idempotency_keys).where(
            idempotency_keys.c.establishment_id == establishment_id, idempotency_keys.c.created_at < before
        )
    )


async def _return_tickets(
    session: WriteSession, establishment_id: UUID, freed: Sequence[Ticket]
) -> list[ReturnedPlaces]:
    """Every ticket gives its place back to the hold that it came from."""
    places: dict[UUID, dict[UUID, int]] = {}
    for ticket in freed:
        slots = places.setdefault(ticket.hold_id, {})
        slots[ticket.slot_id] = slots.get(ticket.slot_id, 0) + 1
    return [
        await return_later(session, establishment_id, hold_id, sorted(slots.items()))
        for hold_id, slots in sorted(places.items())
    ]


async def _end_tickets(session: WriteSession, establishment_id: UUID, ended: Sequence[Ticket], now: datetime) -> None:
    await session.run(
        sa.update(tickets)
        .where(tickets.c.establishment_id == establishment_id, tickets.c.id.in_([ticket.id for ticket in ended]))
        .values(status="cancelled", cancelled_at=now)
    )


async def _update(session: WriteSession, establishment_id: UUID, order_id: UUID, **values: object) -> None:
    await session.run(
        sa.update(orders).where(orders.c.establishment_id == establishment_id, orders.c.id == order_id).values(**values)
    )


def _of(establishment_id: UUID, order_id: UUID) -> sa.Select[tuple[UUID]]:
    return sa.select(orders.c.id).where(orders.c.establishment_id == establishment_id, orders.c.id == order_id)


def _customer_values(customer: Customer) -> dict[str, object]:
    return {
        "customer_name": customer.name,
        "customer_email": customer.email.lower(),
        "language": customer.language,
    }
