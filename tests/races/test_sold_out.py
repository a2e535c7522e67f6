"""The last places all go to somebody, and nobody is told "sold out" while enough of them are free."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from parvis.settings import Settings
from parvis.verify import verify
from services.inventory.contract import Hold, PlaceHold
from services.inventory.holds import actions
from services.inventory.in_process import InProcessInventory
from services.kit.database import Database
from tests.races.contest import Contest
from tests.races.history import Recorder
from tests.races.rounds import drop_checks
from tests.races.sale import DeskShop, Shop, desk_of_a_process, open_sale
from tests.races.test_last_places import UnlockedInventory

PROCESSES = 2
ROUNDS = 200
CONTROL_ROUNDS = 40
ROUNDS_AT_ONCE = 8
BUYERS = 12
LAST_PLACES = 10
ROUNDS_OF_ENDING = 5
CALLERS = 300
CAPACITY = 3_000

Owner = asyncpg.Connection


class ForgetfulInventory(InProcessInventory):
    """Counts the places of holds whose time is over as taken, until the sweeper comes by."""

    async def _place(self, establishment_id: UUID, requests: Sequence[PlaceHold]) -> Sequence[Hold | Exception]:
        return (await self._place_once(establishment_id, requests)).replies


async def test_last_ten_places_in_mixed_quantities(settings: Settings, owner: Owner, processes: AsyncExitStack):
    contest = await a_contest(settings, owner, processes, InProcessInventory)
    assert await play(contest, ROUNDS) == []
    assert await verify(settings) == []


async def test_one_slot_until_it_is_sold_out(settings: Settings, owner: Owner, processes: AsyncExitStack):
    contest = await a_contest(settings, owner, processes, InProcessInventory)
    assert await contest.last_places(contest.sale.slots[0], places=CAPACITY, buyers=CALLERS, seed=1) == []
    assert await verify(settings) == []


async def test_without_lock_and_check_the_contest_is_lost_and_noticed(
    settings: Settings, owner: Owner, processes: AsyncExitStack
):
    await drop_checks(owner)
    contest = await a_contest(settings, owner, processes, UnlockedInventory)
    assert [fault for fault in await play(contest, CONTROL_ROUNDS) if "places sold of 10" in fault]
    assert [violation for violation in await verify(settings) if "sold of" in violation]


async def test_false_refusal_behind_a_large_request_is_noticed(
    settings: Settings, owner: Owner, processes: AsyncExitStack, monkeypatch: pytest.MonkeyPatch
):
    """A running sum over all requests of a batch refuses the small ones behind one that is too large."""
    take = actions.take

    def take_from_all(request: PlaceHold, slots: Any, free: dict[UUID, int]) -> Exception | None:  # noqa: ANN401 - as in the rule it breaks
        refusal = take(request, slots, free)
        if refusal:
            for line in request.lines:
                free[line.slot_id] -= line.quantity
        return refusal

    monkeypatch.setattr(actions, "take", take_from_all)
    contest = await a_contest(settings, owner, processes, InProcessInventory)
    assert [fault for fault in await play(contest, CONTROL_ROUNDS) if "were refused while" in fault]


@pytest.mark.parametrize("inventory_type", [InProcessInventory, ForgetfulInventory])
async def test_places_of_holds_that_ended_are_free_at_once(
    settings: Settings, owner: Owner, processes: AsyncExitStack, inventory_type: type[InProcessInventory]
):
    """No sweeper runs here."""
    contest = await a_contest(settings, owner, processes, inventory_type)
    inventory = InProcessInventory(Database(settings.inventory_database_url))
    processes.push_async_callback(inventory.close)
    found = [
        fault
        for seed, slot_id in enumerate(contest.sale.slots[:ROUNDS_OF_ENDING])
        for fault in await contest.ended_places(slot_id, inventory, places=LAST_PLACES, seed=seed)
    ]
    if inventory_type is InProcessInventory:
        assert found == []
    else:
        assert [fault for fault in found if "were refused while" in fault]
    assert await verify(settings) == []


async def a_contest(
    settings: Settings, owner: Owner, processes: AsyncExitStack, inventory_type: type[InProcessInventory]
) -> Contest:
    recorder = Recorder()
    watched = recorder.watching(inventory_type)
    shops: list[Shop] = [
        DeskShop(await processes.enter_async_context(desk_of_a_process(settings, watched))) for _ in range(PROCESSES)
    ]
    return Contest(await open_sale(settings, capacity=0), shops, owner, recorder)


async def play(contest: Contest, rounds: int) -> list[str]:
    """Several slots at once, whose buyers share batches; each slot is played for again once all had their turn."""
    found: list[str] = []
    slots = contest.sale.slots
    for first in range(0, rounds, ROUNDS_AT_ONCE):
        played = [
            contest.last_places(slots[seed % len(slots)], places=LAST_PLACES, buyers=BUYERS, seed=seed)
            for seed in range(first, first + ROUNDS_AT_ONCE)
        ]
        found += [fault for faults in await asyncio.gather(*played) for fault in faults]
    return found
