"""What becomes of a place that was taken for a late visitor. Locks: the head of the ledger and the ticket, both held by
the scan that it is for (`entry.actions`).
"""

from uuid import UUID

import sqlalchemy as sa

from services.kit.database import WriteSession
from services.ticketing.entry.rebooking.rules import TakenPlace
from services.ticketing.orders.actions import return_later, settle
from services.ticketing.orders.queries import ReturnedPlaces
from services.ticketing.tickets.tables import tickets


async def move_ticket(
    session: WriteSession, establishment_id: UUID, ticket_id: UUID, place: TakenPlace
) -> ReturnedPlaces:
    """The ticket stays what it is, but for its slot and the hold behind it; the place that it had goes back.

    That one goes back even if its slot is over: sold places and valid tickets of a hold are the same number, always.
    Raises `OrderSettled` if the new place was let go, or belongs to this scan's answer already.
    """
    await settle(session, establishment_id, place.hold_id, place.order_id, "ticketed")
    of_ticket = sa.and_(tickets.c.establishment_id == establishment_id, tickets.c.id == ticket_id)
    [before] = await session.all(sa.select(tickets.c.hold_id, tickets.c.slot_id).where(of_ticket))
    slot = place.slot
    await session.run(
        sa.update(tickets)
        .where(of_ticket)
        .values(
            hold_id=place.hold_id,
            slot_id=slot.id,
            starts_at=slot.starts_at,
            ends_at=slot.ends_at,
            valid_from=slot.valid_from,
            valid_until=slot.valid_until,
        )
    )
    return await return_later(session, establishment_id, before.hold_id, [(before.slot_id, 1)])


async def let_place_go(session: WriteSession, establishment_id: UUID, place: TakenPlace) -> ReturnedPlaces:
    """Nobody moved there. Raises `OrderSettled` as above."""
    await settle(session, establishment_id, place.hold_id, place.order_id, "let_go")
    return await return_later(session, establishment_id, place.hold_id, None)
