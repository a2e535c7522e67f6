"""Where a late visitor gets a place from, and the one that they had goes back to."""

from uuid import UUID

import structlog

from services.inventory.contract import (
    FindPlaces,
    FindSlots,
    Inventory,
    NotEnoughPlaces,
    PlaceHold,
    PlaceLine,
    SlotClosed,
    SoldOut,
    UnknownSlot,
)
from services.kit.database import Database
from services.kit.errors import Refused, Unavailable
from services.kit.ids import derived_id
from services.ticketing.entry.rebooking.rules import Late, TakenPlace, days_around, nearest_with_room, open_now
from services.ticketing.orders.actions import mark_returned
from services.ticketing.orders.after_sales import give_back
from services.ticketing.orders.queries import ReturnedPlaces

log = structlog.get_logger()


async def take_place(inventory: Inventory, establishment_id: UUID, scan_id: UUID, late: Late) -> TakenPlace | None:
    """A place in a slot that is open now, sold. The same scan gets the same place again.

    None if there is none, or inventory does not answer: the gate does not wait for it. What becomes of a place that was
    taken and not heard of is the reconciler's business, like any sale without tickets.
    """
    try:
        return await _take(inventory, establishment_id, scan_id, late)
    except Unavailable:
        log.warning("late_visitor_not_rebooked", scan=str(scan_id))
        return None


async def return_now(
    database: Database, inventory: Inventory, establishment_id: UUID, returned: ReturnedPlaces
) -> None:
    """If inventory takes it; else `orders.jobs` gives it back later."""
    try:
        await give_back(inventory, establishment_id, returned)
        await database.write(establishment_id, lambda session: mark_returned(session, establishment_id, returned.id))
    except (Unavailable, Refused):
        log.warning("place_return_waits", hold=str(returned.hold_id))


async def _take(inventory: Inventory, establishment_id: UUID, scan_id: UUID, late: Late) -> TakenPlace | None:
    places = await inventory.find_places(FindPlaces(establishment_id, days=days_around(late)))
    slot_ids = nearest_with_room(places, late)
    slots = await inventory.find_slots(FindSlots(establishment_id, slot_ids)) if slot_ids else []
    for slot in open_now(slots, late):
        request = PlaceHold(
            establishment_id=establishment_id,
            hold_id=derived_id("rebooked", establishment_id, scan_id, late.ticket_id, slot.id),
            owner_id=late.order_id,
            lines=[PlaceLine(slot.id, 1)],
            expires_in_seconds=None,
            at_the_gate=True,
        )
        try:
            hold = await inventory.place_hold(request)
        except (SoldOut, NotEnoughPlaces, SlotClosed, UnknownSlot):
            continue
        # One that an earlier attempt took and the reconciler gave back is spent.
        if hold.state == "sold":
            return TakenPlace(hold.id, late.order_id, slot)
    return None
