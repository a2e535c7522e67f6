"""Orders over several slots, named in any order, from many clients of four processes: nobody waits in a circle."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from functools import partial
from uuid import UUID, uuid4

import asyncpg
import msgspec
import sqlalchemy as sa

from parvis.settings import Settings
from parvis.verify import GAUGE_DRIFT, verify
from services.inventory.contract import ConfirmHold, NotEnoughPlaces, PlaceHold, PlaceLine, ReturnPlaces, SoldOut
from services.inventory.holds.actions import LOCK_SLOTS, Placed, place_holds
from services.inventory.holds.jobs import sweep_expired_holds
from services.inventory.in_process import InProcessInventory
from services.kit.database import Database, WriteSession
from tests.conftest import Instance
from tests.races.sale import DeskShop, Outcome, Sale, Shop, desk_of_a_process, open_sale

PROCESSES = 4
CLIENTS = 64
ORDERS_PER_CLIENT = 10
SLOTS = 6
CAPACITY = 250
CONTROL_SECONDS = 20

DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
SOLD = """
SELECT slots.id, gauges.sold FROM inventory.slots
JOIN inventory.gauges ON gauges.establishment_id = slots.establishment_id AND gauges.id = slots.gauge_ids[1]"""


class DisorderlyInventory(InProcessInventory):
    """Locks the gauges of a batch as they come."""

    async def _place_once(self, establishment_id: UUID, requests: Sequence[PlaceHold]) -> Placed:
        lock = LOCK_SLOTS.replace("ORDER BY gauges.id", "/* negative control */ ORDER BY random()")
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


async def test_places_that_come_back_meanwhile_never_deadlock(
    settings: Settings, instance: Instance, owner: asyncpg.Connection
):
    """Half of the holds are confirmed, returned in part, replaced or left to end, while a sweeper goes round."""
    sale = await open_sale(settings, capacity=CAPACITY)
    async with AsyncExitStack() as stack:
        databases = [Database(settings.inventory_database_url) for _ in range(PROCESSES + 1)]
        inventories = [InProcessInventory(database) for database in databases[:PROCESSES]]
        sweeping = databases[-1]
        for closing in (*inventories, sweeping):
            stack.push_async_callback(closing.close)
        ended = asyncio.Event()
        sweeper = asyncio.create_task(_sweep_until(ended, sweeping))
        visits = (_visits(sale, inventories[seed % PROCESSES], seed) for seed in range(CLIENTS))
        await asyncio.gather(*visits)
        ended.set()
        await sweeper
    assert await _deadlocks(instance) == 0
    assert await owner.fetch(GAUGE_DRIFT) == []


async def test_locks_in_no_order_deadlock_and_are_noticed(
    settings: Settings, instance: Instance, owner: asyncpg.Connection
):
    sale = await open_sale(settings, capacity=100_000)
    # So that they are found at once.
    await owner.execute(f"ALTER DATABASE {sa.make_url(instance.owner_url).database} SET deadlock_timeout = '10ms'")
    until = time.monotonic() + CONTROL_SECONDS
    async with AsyncExitStack() as processes:
        shops: list[Shop] = [
            DeskShop(await processes.enter_async_context(desk_of_a_process(settings, DisorderlyInventory)))
            for _ in range(PROCESSES)
        ]
        while not await _deadlocks(instance) and time.monotonic() < until:
            buying = (shops[n % PROCESSES].buy(sale, *_lines(sale, random.Random(n))) for n in range(CLIENTS))  # noqa: S311 - repeatable clients, no secret
            await asyncio.gather(*buying)
    assert await _deadlocks(instance) > 0


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
        await place_holds(session, sale.establishment_id, [_hold(sale, (slots[0], 1))])
        # Whoever is repeated finds the other one gone.
        if attempts <= 2:
            await both_hold_one.wait()
        await place_holds(session, sale.establishment_id, [_hold(sale, (slots[1], 1))])

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


def _hold(sale: Sale, *lines: tuple[UUID, int], seconds: int = 60) -> PlaceHold:
    return PlaceHold(
        establishment_id=sale.establishment_id,
        hold_id=uuid4(),
        owner_id=uuid4(),
        lines=[PlaceLine(slot_id=slot_id, quantity=places) for slot_id, places in lines],
        expires_in_seconds=seconds,
    )


async def _client(sale: Sale, shop: Shop, sold: Counter[UUID], seed: int) -> None:
    choice = random.Random(seed)  # noqa: S311 - repeatable clients, no secret
    for _ in range(ORDERS_PER_CLIENT):
        lines = _lines(sale, choice)
        outcome = await shop.buy(sale, *lines)
        assert outcome == Outcome(tickets=sum(places for _, places in lines)) or outcome.code in (
            "sold_out",
            "not_enough_places",
        ), outcome
        if outcome.tickets:
            sold.update(dict(lines))


async def _visits(sale: Sale, inventory: InProcessInventory, seed: int) -> None:
    """Any number of holds, each with its own fate."""
    tenant, choice = sale.establishment_id, random.Random(seed)  # noqa: S311 - repeatable clients, no secret
    for _ in range(ORDERS_PER_CLIENT):
        fate = choice.choice(["confirm", "return", "return in part", "replace", "forget"])
        hold = _hold(sale, *_lines(sale, choice), seconds=1 if fate == "forget" else 60)
        with suppress(SoldOut, NotEnoughPlaces):
            await inventory.place_hold(hold)
            if fate == "confirm":
                await inventory.confirm_hold(ConfirmHold(tenant, hold.hold_id))
            elif fate == "replace":
                other = _hold(sale, *_lines(sale, choice))
                again = {"owner_id": hold.owner_id, "replaces": hold.hold_id}
                await inventory.place_hold(msgspec.structs.replace(other, **again))
            elif fate != "forget":
                part = None if fate == "return" else choice.sample(hold.lines, 2)
                await inventory.return_places(ReturnPlaces(tenant, uuid4(), hold.hold_id, part))


async def _sweep_until(ended: asyncio.Event, database: Database) -> None:
    """Until at least one hold was left to end, and did."""
    swept = 0
    while not (ended.is_set() and swept):
        swept += await sweep_expired_holds(database)
        await asyncio.sleep(0.01)


def _lines(sale: Sale, choice: random.Random) -> list[tuple[UUID, int]]:
    slots = choice.sample(sale.slots[:SLOTS], choice.randint(2, 5))
    return [(slot_id, choice.randint(1, 2)) for slot_id in slots]


async def _deadlocks(instance: Instance) -> int:
    """As counted by the server, from a connection of its own: a session sees its statistics as of its beginning."""
    connection = await asyncpg.connect(instance.owner_url)
    try:
        return int(await connection.fetchval(DEADLOCKS))
    finally:
        await connection.close()
