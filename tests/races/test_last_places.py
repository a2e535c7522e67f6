"""Five hundred buyers, one slot of a hundred places, two processes, fifty rounds; and checks that would notice."""

import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from uuid import UUID

import asyncpg
import pytest_asyncio

from parvis.settings import Settings
from parvis.verify import verify
from services.inventory.contract import PlaceHold
from services.inventory.holds.actions import LOCK_SLOTS, Placed, place_holds
from services.inventory.in_process import InProcessInventory
from tests.races.rounds import BUYERS, CAPACITY, drop_checks, faults, run_round
from tests.races.sale import DeskShop, HttpShop, Sale, Shop, desk_of_a_process, gateway_of_a_process, open_sale

PROCESSES = 2
ROUNDS_AT_THE_DESK = 40
ROUNDS_IN_TWO_STEPS = 5
ROUNDS_OVER_HTTP = 5
CONTROL_ROUNDS = 5


class UnlockedInventory(InProcessInventory):
    """Looks at what is free without locking it."""

    async def _place_once(self, establishment_id: UUID, requests: Sequence[PlaceHold]) -> Placed:
        lock = LOCK_SLOTS.replace("FOR UPDATE OF gauges", "")
        assert lock != LOCK_SLOTS
        return await self._database.write(
            establishment_id, lambda session: place_holds(session, establishment_id, requests, lock=lock)
        )


@pytest_asyncio.fixture
async def sale(settings: Settings) -> Sale:
    return await open_sale(settings, capacity=CAPACITY)


async def test_last_places_at_the_desks_of_two_processes(
    settings: Settings, sale: Sale, owner: asyncpg.Connection, processes: AsyncExitStack
):
    shops = await _desks(processes, settings, InProcessInventory)
    began = time.perf_counter()
    await _play(sale, shops, owner, ROUNDS_AT_THE_DESK)
    seconds = time.perf_counter() - began
    # Shown by pytest -s.
    print(f"{ROUNDS_AT_THE_DESK * BUYERS / seconds:.0f} orders decided a second")  # noqa: T201
    assert await verify(settings) == []


async def test_last_places_in_two_steps(
    settings: Settings, sale: Sale, owner: asyncpg.Connection, processes: AsyncExitStack
):
    await _play(sale, await _desks(processes, settings, InProcessInventory, two_steps=True), owner, ROUNDS_IN_TWO_STEPS)
    assert await verify(settings) == []


async def test_last_places_through_two_gateways(
    settings: Settings, sale: Sale, owner: asyncpg.Connection, processes: AsyncExitStack
):
    shops = [HttpShop(await processes.enter_async_context(gateway_of_a_process(settings))) for _ in range(PROCESSES)]
    await _play(sale, shops, owner, ROUNDS_OVER_HTTP)
    assert await verify(settings) == []


async def test_lock_alone_keeps_the_promise(
    settings: Settings, sale: Sale, owner: asyncpg.Connection, processes: AsyncExitStack
):
    await drop_checks(owner)
    await _play(sale, await _desks(processes, settings, InProcessInventory), owner, CONTROL_ROUNDS)
    assert await verify(settings) == []


async def test_check_alone_refuses_an_oversell(
    settings: Settings, sale: Sale, owner: asyncpg.Connection, processes: AsyncExitStack
):
    shops = await _desks(processes, settings, UnlockedInventory)
    for number in range(CONTROL_ROUNDS):
        played = await run_round(sale, sale.slots[number], shops, owner, seed=number)
        assert sum(outcome.tickets for outcome in played.outcomes) == played.sold <= CAPACITY
    assert await verify(settings) == []


async def test_without_lock_and_check_the_race_is_lost_and_noticed(
    settings: Settings, sale: Sale, owner: asyncpg.Connection, processes: AsyncExitStack
):
    await drop_checks(owner)
    shops = await _desks(processes, settings, UnlockedInventory)
    noticed: list[str] = []
    for number in range(CONTROL_ROUNDS):
        noticed += faults(await run_round(sale, sale.slots[number], shops, owner, seed=number))
    assert [fault for fault in noticed if "tickets were given for 100 places" in fault]
    assert [violation for violation in await verify(settings) if "sold of 100" in violation]


async def _play(sale: Sale, shops: Sequence[Shop], owner: asyncpg.Connection, rounds: int) -> None:
    for number in range(rounds):
        assert faults(await run_round(sale, sale.slots[number], shops, owner, seed=number)) == []


async def _desks(
    processes: AsyncExitStack,
    settings: Settings,
    inventory_type: type[InProcessInventory],
    *,
    two_steps: bool = False,
) -> list[Shop]:
    desks = [await processes.enter_async_context(desk_of_a_process(settings, inventory_type)) for _ in range(PROCESSES)]
    return [DeskShop(desk, two_steps=two_steps) for desk in desks]
