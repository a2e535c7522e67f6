"""Orders over several slots, named in any order, from many clients of four processes: nobody waits in a circle."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from uuid import UUID

import asyncpg
import sqlalchemy as sa

from parvis.settings import Settings
from parvis.verify import verify
from services.inventory.contract import PlaceHold
from services.inventory.holds.actions import LOCK_SLOTS, Placed, place_holds
from services.inventory.in_process import InProcessInventory
from tests.conftest import Instance
from tests.races.sale import DeskShop, Outcome, Sale, Shop, desk_of_a_process, open_sale

PROCESSES = 4
CLIENTS = 32
ORDERS_PER_CLIENT = 10
SLOTS = 6
CAPACITY = 150
CONTROL_ROUNDS = 20

DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
SOLD = """
SELECT slots.id, gauges.sold FROM inventory.slots
JOIN inventory.gauges ON gauges.establishment_id = slots.establishment_id AND gauges.id = slots.gauge_ids[1]"""


class BackwardsInventory(InProcessInventory):
    """Locks its gauges in the opposite order."""

    async def _place_once(self, establishment_id: UUID, requests: Sequence[PlaceHold]) -> Placed:
        lock = LOCK_SLOTS.replace("ORDER BY gauges.id", "ORDER BY gauges.id DESC")
        assert lock != LOCK_SLOTS
        return await self._database.write(
            establishment_id, lambda session: place_holds(session, establishment_id, requests, lock=lock)
        )


async def test_orders_over_several_slots_never_deadlock(
    settings: Settings, instance: Instance, owner: asyncpg.Connection
):
    sale = await open_sale(settings, capacity=CAPACITY)
    async with AsyncExitStack() as processes:
        shops: list[Shop] = [
            DeskShop(await processes.enter_async_context(desk_of_a_process(settings)), two_steps=number % 2 == 1)
            for number in range(PROCESSES)
        ]
        sold = Counter[UUID]()
        await asyncio.gather(*(_client(sale, shops[seed % PROCESSES], sold, seed) for seed in range(CLIENTS)))
    counted = {row["id"]: row["sold"] for row in await owner.fetch(SOLD) if row["sold"]}
    assert counted == dict(sold)
    # It was a race for places too: at least one slot sold out.
    assert max(counted.values()) == CAPACITY
    assert await _deadlocks(instance) == 0
    assert await verify(settings) == []


async def test_locks_in_two_orders_deadlock_and_are_noticed(
    settings: Settings, instance: Instance, owner: asyncpg.Connection
):
    sale = await open_sale(settings, capacity=100_000)
    # So that each one is found, and repeated, within moments.
    await owner.execute(f"ALTER DATABASE {sa.make_url(instance.owner_url).database} SET deadlock_timeout = '10ms'")
    async with AsyncExitStack() as processes:
        shops: list[Shop] = [
            DeskShop(await processes.enter_async_context(desk_of_a_process(settings, kind)))
            for kind in (InProcessInventory, BackwardsInventory)
        ]
        for number in range(CONTROL_ROUNDS):
            sold = Counter[UUID]()
            await asyncio.gather(*(_client(sale, shops[seed % 2], sold, seed + number) for seed in range(CLIENTS)))
            if await _deadlocks(instance):
                break
    assert await _deadlocks(instance) > 0


async def _client(sale: Sale, shop: Shop, sold: Counter[UUID], seed: int) -> None:
    choice = random.Random(seed)  # noqa: S311 - repeatable clients, no secret
    for _ in range(ORDERS_PER_CLIENT):
        slots = choice.sample(sale.slots[:SLOTS], choice.randint(2, 5))
        lines = [(slot_id, choice.randint(1, 2)) for slot_id in slots]
        outcome = await shop.buy(sale, *lines)
        assert outcome == Outcome(tickets=sum(places for _, places in lines)) or outcome.code in (
            "sold_out",
            "not_enough_places",
        ), outcome
        if outcome.tickets:
            sold.update(dict(lines))


async def _deadlocks(instance: Instance) -> int:
    """As counted by the server, from a connection of its own: a session sees its statistics as of its beginning."""
    connection = await asyncpg.connect(instance.owner_url)
    try:
        return int(await connection.fetchval(DEADLOCKS))
    finally:
        await connection.close()
