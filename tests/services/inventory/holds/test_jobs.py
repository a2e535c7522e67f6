from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg

from services.inventory.contract import PlaceHold, PlaceLine
from services.inventory.holds.actions import EXPIRED_PER_SWEEP
from services.inventory.holds.jobs import sweep_expired_holds
from services.inventory.in_process import InProcessInventory
from services.kit.database import Database
from tests.services.inventory.rows import make_slot

MANY_HOLDS = """
WITH holds AS (
    INSERT INTO inventory.holds (establishment_id, id, owner_id, state, expires_at)
    SELECT $1, gen_random_uuid(), gen_random_uuid(), 'held', now() - interval '1 second' FROM generate_series(1, $3)
    RETURNING id
)
INSERT INTO inventory.hold_lines (establishment_id, hold_id, slot_id, quantity) SELECT $1, id, $2, 1 FROM holds"""


async def held(owner: asyncpg.Connection, slot_id: UUID) -> int:
    held: int = await owner.fetchval("SELECT held FROM inventory.gauges WHERE id = $1", slot_id)
    return held


async def test_sweeper_frees_places_of_every_establishment(
    inventory: InProcessInventory, inventory_database: Database, owner: asyncpg.Connection
):
    slots = []
    for establishment_id in (uuid4(), uuid4()):
        slot_id = await make_slot(owner, establishment_id, capacity=10)
        for places, ends_in in ((7, timedelta(seconds=-1)), (2, timedelta(minutes=1))):
            hold = PlaceHold(establishment_id, uuid4(), uuid4(), [PlaceLine(slot_id, places)], expires_in_seconds=600)
            await inventory.place_hold(hold)
            await owner.execute(
                "UPDATE inventory.holds SET expires_at = now() + $2::interval WHERE id = $1", hold.hold_id, ends_in
            )
        slots.append(slot_id)
    assert await sweep_expired_holds(inventory_database) == 2
    assert [await held(owner, slot_id) for slot_id in slots] == [2, 2]
    assert await sweep_expired_holds(inventory_database) == 0


async def test_sweeper_ends_more_than_one_batch(
    inventory_database: Database, owner: asyncpg.Connection, establishment_id: UUID
):
    many = EXPIRED_PER_SWEEP + 3
    slot_id = await make_slot(owner, establishment_id, capacity=many)
    await owner.execute(MANY_HOLDS, establishment_id, slot_id, many)
    await owner.execute("UPDATE inventory.gauges SET held = $2 WHERE id = $1", slot_id, many)
    assert await sweep_expired_holds(inventory_database) == many
    assert await held(owner, slot_id) == 0
