"""The verbs of a place in the line. Each is one conditional statement on one row, or follows the ledger head."""

from datetime import datetime
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from services.kit.database import WriteSession, violates
from services.ticketing.ledger.actions import NewEvent, append, lock_head
from services.ticketing.orders.queries import Order, find_order
from services.ticketing.orders.tables import orders
from services.ticketing.waiting.queries import find_entry
from services.ticketing.waiting.rules import KEPT_FOR, SHORTEST_OFFER, AlreadyWaiting, Entry
from services.ticketing.waiting.tables import waiting_entries, waiting_rounds

# A round that takes longer has died: another worker may begin. Nothing goes wrong if it has not.
ROUND_SECONDS = 30
# An attempt that was begun and came to nothing.
_BACK_IN_LINE = {"status": "waiting", "order_id": None, "offered_slot_id": None}


class NewPlaceInLine(msgspec.Struct, frozen=True):
    """Fields as the columns of the table."""

    id: UUID
    target_id: UUID
    offer_id: UUID
    slot_id: UUID | None
    day: object
    lines: list[dict[str, object]]
    places: int
    customer_name: str
    customer_email: str
    language: str
    over_at: datetime
    status: str = "waiting"


async def join_line(session: WriteSession, establishment_id: UUID, new: NewPlaceInLine) -> Entry:
    """At the end. Raises `AlreadyWaiting` for an address that has an open entry in this line."""
    values = {"establishment_id": establishment_id, **msgspec.structs.asdict(new)}
    try:
        await session.run(sa.insert(waiting_entries).values(values))
    except IntegrityError as error:
        if violates(error, "uq_waiting_entries_open"):
            raise AlreadyWaiting from None
        raise
    return await find_entry(session, establishment_id, new.id)


async def leave_line(session: WriteSession, establishment_id: UUID, entry_id: UUID) -> bool:
    """For good. False if the entry had ended before; raises `NotFound`."""
    left = await _change(
        session,
        establishment_id,
        sa.and_(waiting_entries.c.id == entry_id, waiting_entries.c.status.in_(("waiting", "offering", "offered"))),
        status="left",
        ended_at=sa.func.now(),
    )
    if not left:
        await find_entry(session, establishment_id, entry_id)
    return bool(left)


async def begin_offer(
    session: WriteSession, establishment_id: UUID, entry: Entry, *, slot_id: UUID, order_id: UUID
) -> bool:
    """Written before any place is taken, so that whoever comes after a crash makes the same order. False: not ours."""
    begun = await _change(
        session,
        establishment_id,
        _attempt(entry.id, "waiting", entry.attempt),
        status="offering",
        attempt=entry.attempt + 1,
        offered_slot_id=slot_id,
        order_id=order_id,
    )
    return bool(begun)


async def give_up_offer(session: WriteSession, establishment_id: UUID, entry: Entry) -> None:
    """Back in the line, at the same place; the next attempt makes another order."""
    await _change(session, establishment_id, _attempt(entry.id, "offering", entry.attempt), **_BACK_IN_LINE)


async def record_offer(session: WriteSession, establishment_id: UUID, entry: Entry) -> Order | None:
    """The order stands: from now on the offer runs. None if whoever waited has left, or the order is as good as over.

    `waiting_list.offered` is what lets the mail be written, once: the entry leaves `offering` with it.
    """
    if entry.order_id is None:
        return None
    head = await lock_head(session, establishment_id)
    order = await find_order(session, establishment_id, entry.order_id)
    # Made before a crash and found too late: nobody was told.
    if order.status != "held" or order.expires_at is None or order.expires_at <= head.now + SHORTEST_OFFER / 2:
        await give_up_offer(session, establishment_id, entry)
        return None
    offered = await _change(
        session,
        establishment_id,
        _attempt(entry.id, "offering", entry.attempt),
        status="offered",
        offered_at=head.now,
    )
    if not offered:
        return None
    payload = {
        "entry_id": entry.id,
        "slot_id": entry.offered_slot_id,
        "places": entry.places,
        "expires_at": order.expires_at,
    }
    event = NewEvent("waiting_list.offered", f"order:{order.id}", payload)
    await append(session, establishment_id, event, head=head)
    return order


async def end_unservable(session: WriteSession, establishment_id: UUID, entry: Entry) -> None:
    """What was asked for is no longer sold: a tariff was archived, say."""
    await _change(
        session,
        establishment_id,
        _attempt(entry.id, "offering", entry.attempt),
        status="over",
        ended_at=sa.func.now(),
    )


async def tidy_up(session: WriteSession, establishment_id: UUID, *, now: datetime) -> None:
    """Writes down what became of offers, ends what is over, forgets what is long over."""
    columns = waiting_entries.c
    outcome = sa.case(
        (orders.c.confirmed_at.is_not(None), "taken"), (orders.c.status == "cancelled", "left"), else_="expired"
    )
    await session.run(
        sa.update(waiting_entries)
        .where(
            columns.establishment_id == establishment_id,
            orders.c.establishment_id == establishment_id,
            orders.c.id == columns.order_id,
            columns.status == "offered",
            orders.c.status.not_in(("held", "awaiting_payment")),
        )
        .values(status=outcome, ended_at=sa.func.now())
    )
    over = sa.and_(columns.status == "waiting", columns.over_at <= now + SHORTEST_OFFER)
    await _change(session, establishment_id, over, status="over", ended_at=sa.func.now())
    await session.run(
        sa.delete(waiting_entries).where(columns.establishment_id == establishment_id, columns.over_at < now - KEPT_FOR)
    )


async def begin_round(session: WriteSession, establishment_id: UUID) -> bool:
    """Is it our turn? One worker at a time serves an establishment; a second one would only do the same in vain."""
    until = sa.func.now() + sa.func.make_interval(0, 0, 0, 0, 0, 0, ROUND_SECONDS)
    statement = insert(waiting_rounds).values(establishment_id=establishment_id, busy_until=until)
    begun = await session.run(
        statement.on_conflict_do_update(
            index_elements=["establishment_id"],
            set_={"busy_until": statement.excluded.busy_until},
            where=waiting_rounds.c.busy_until <= sa.func.now(),
        )
    )
    return begun == 1


async def end_round(session: WriteSession, establishment_id: UUID, *, served: bool) -> None:
    values = {"busy_until": sa.func.now()} | ({"served_at": sa.func.now()} if served else {})
    await session.run(
        sa.update(waiting_rounds).where(waiting_rounds.c.establishment_id == establishment_id).values(**values)
    )


def _attempt(entry_id: UUID, status: str, attempt: int) -> sa.ColumnElement[bool]:
    columns = waiting_entries.c
    return sa.and_(columns.id == entry_id, columns.status == status, columns.attempt == attempt)


async def _change(
    session: WriteSession, establishment_id: UUID, which: sa.ColumnElement[bool], **values: object
) -> int:
    return await session.run(
        sa.update(waiting_entries).where(waiting_entries.c.establishment_id == establishment_id, which).values(**values)
    )
