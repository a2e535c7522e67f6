"""What is free, as other services are told."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg

from services.inventory.contract import FindPlaces, OfferDay, PlaceHold, PlaceLine
from services.inventory.in_process import InProcessInventory
from tests.services.inventory.conftest import sale
from tests.services.inventory.rows import INSERT_GAUGE, make_slot

Owner = asyncpg.Connection
OFFER_OF = "SELECT offer_id, local_date FROM inventory.slots WHERE id = $1"


async def free(inventory: InProcessInventory, tenant: UUID, *slots: UUID) -> list[tuple[UUID, int, int, bool]]:
    found = await inventory.find_places(FindPlaces(tenant, slot_ids=list(slots)))
    return [(slot.slot_id, slot.free, slot.capacity, slot.on_sale) for slot in found]


async def test_places_are_counted_as_a_hold_would_find_them(
    inventory: InProcessInventory, owner: Owner, establishment_id: UUID
):
    shared = uuid4()
    await owner.execute(INSERT_GAUGE, establishment_id, shared, 3)
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    narrow = await make_slot(owner, establishment_id, capacity=10, shared=[shared], starts_at=tomorrow)
    wide = await make_slot(owner, establishment_id, capacity=10, starts_at=tomorrow + timedelta(hours=1))
    await inventory.place_hold(sale(establishment_id, narrow, 1))
    hold = PlaceHold(establishment_id, uuid4(), uuid4(), [PlaceLine(wide, 4)], expires_in_seconds=60)
    await inventory.place_hold(hold)
    assert await free(inventory, establishment_id, wide, narrow) == [(narrow, 2, 3, True), (wide, 6, 10, True)]


async def test_places_of_a_day_are_those_of_its_slots(
    inventory: InProcessInventory, owner: Owner, establishment_id: UUID
):
    slot = await make_slot(owner, establishment_id, capacity=5)
    await make_slot(owner, establishment_id, capacity=5)
    row = await owner.fetchrow(OFFER_OF, slot)
    day = OfferDay(row["offer_id"], row["local_date"])
    (found,) = await inventory.find_places(FindPlaces(establishment_id, slot_ids=[slot], days=[day]))
    assert (found.slot_id, found.offer_id, found.day, found.timezone) == (slot, day.offer_id, day.day, "Europe/Paris")
    assert found.sold_until == found.starts_at
    other_day = OfferDay(day.offer_id, date(2001, 1, 1))
    assert await inventory.find_places(FindPlaces(establishment_id, days=[other_day])) == []


async def test_what_is_closed_is_not_on_sale_and_what_was_removed_is_not_there(
    inventory: InProcessInventory, owner: Owner, establishment_id: UUID
):
    closed = await make_slot(owner, establishment_id, capacity=5)
    removed = await make_slot(owner, establishment_id, capacity=5)
    past = await make_slot(owner, establishment_id, capacity=5, starts_at=datetime.now(UTC) - timedelta(minutes=1))
    await owner.execute("UPDATE inventory.gauges SET closed = true WHERE id = $1", closed)
    await owner.execute("UPDATE inventory.slots SET removed_at = now() WHERE id = $1", removed)
    assert await free(inventory, establishment_id, closed, removed, past) == [
        (past, 5, 5, False),
        (closed, 5, 5, False),
    ]
    assert await free(inventory, uuid4(), closed) == []
