"""Orders over several slots, named in any order, from many clients of four processes: nobody waits in a circle."""

import asyncio
import random
from collections import Counter
from contextlib import AsyncExitStack
from functools import partial
from uuid import UUID, uuid4

import asyncpg
import sqlalchemy as sa

from parvis.settings import Settings
from parvis.verify import verify
from services.inventory.contract import PlaceHold, PlaceLine
from services.inventory.holds.actions import place_holds
from services.kit.database import Database, WriteSession
from tests.conftest import Instance
from tests.races.sale import DeskShop, Outcome, Sale, Shop, desk_of_a_process, open_sale

PROCESSES = 4
CLIENTS = 32
ORDERS_PER_CLIENT = 10
SLOTS = 6
CAPACITY = 150

DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
SOLD = """
SELECT slots.id, gauges.sold FROM inventory.slots
JOIN inventory.gauges ON gauges.establishment_id = slots.establishment_id AND gauges.id = slots.gauge_ids[1]"""


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


async def test_deadlock_would_be_counted_and_mended(settings: Settings, instance: Instance, owner: asyncpg.Connection):
    """What the test above would see if locks were taken in the order in which slots are named."""
    sale = await open_sale(settings, capacity=CAPACITY)
    # So that it is found at once.
    await owner.execute(f"ALTER DATABASE {sa.make_url(instance.owner_url).database} SET deadlock_timeout = '10ms'")
    database = Database(settings.inventory_database_url)
    both_hold_one = asyncio.Barrier(2)
    attempts = 0

    async def hold_one_then_the_other(session: WriteSession, slots: tuple[UUID, UUID]) -> None:
        nonlocal attempts
        attempts += 1
        await place_holds(session, sale.establishment_id, [_hold(sale, slots[0])])
        # Whoever is repeated finds the other one gone.
        if attempts <= 2:
            await both_hold_one.wait()
        await place_holds(session, sale.establishment_id, [_hold(sale, slots[1])])

    first, second = sale.slots[:2]
    await asyncio.gather(
        *(
            database.write(sale.establishment_id, partial(hold_one_then_the_other, slots=slots))
            for slots in ((first, second), (second, first))
        )
    )
    await database.close()
    assert attempts == 3
    assert await _deadlocks(instance) == 1


def _hold(sale: Sale, slot_id: UUID) -> PlaceHold:
    return PlaceHold(
        establishment_id=sale.establishment_id,
        hold_id=uuid4(),
        owner_id=uuid4(),
        lines=[PlaceLine(slot_id=slot_id, quantity=1)],
        expires_in_seconds=60,
    )


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
