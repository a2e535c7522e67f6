import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio

from services.inventory.contract import (
    ConfirmHold,
    ExtendHold,
    Hold,
    HoldEnded,
    HoldMismatch,
    NotEnoughPlaces,
    PlaceHold,
    PlaceLine,
    ReturnPlaces,
    SlotClosed,
    SoldOut,
    UnknownHold,
    UnknownSlot,
)
from services.inventory.holds.jobs import sweep_expired_holds
from services.inventory.in_process import InProcessInventory
from services.kit.database import Database
from tests.services.inventory.rows import make_slot


@pytest_asyncio.fixture
async def inventory(inventory_database: Database) -> AsyncIterator[InProcessInventory]:
    inventory = InProcessInventory(inventory_database)
    yield inventory
    await inventory.close()


@pytest_asyncio.fixture
async def slot_id(owner: asyncpg.Connection, establishment_id: UUID) -> UUID:
    return await make_slot(owner, establishment_id, capacity=10)


def request(establishment_id: UUID, *lines: tuple[UUID, int], seconds: int | None = 600, **changes: UUID) -> PlaceHold:
    return PlaceHold(
        establishment_id=establishment_id,
        hold_id=changes.get("hold_id", uuid4()),
        owner_id=changes.get("owner_id", uuid4()),
        lines=[PlaceLine(slot_id=slot, quantity=quantity) for slot, quantity in lines],
        expires_in_seconds=seconds,
        replaces=changes.get("replaces"),
    )


async def counts(owner: asyncpg.Connection, gauge_id: UUID) -> tuple[int, int]:
    row = await owner.fetchrow("SELECT held, sold FROM inventory.gauges WHERE id = $1", gauge_id)
    return row["held"], row["sold"]


async def test_place_hold_takes_places(inventory, owner, establishment_id, slot_id):
    hold = await inventory.place_hold(request(establishment_id, (slot_id, 3)))
    assert hold.state == "held"
    assert await counts(owner, slot_id) == (3, 0)


async def test_place_hold_without_expiry_sells_at_once(inventory, owner, establishment_id, slot_id):
    hold = await inventory.place_hold(request(establishment_id, (slot_id, 3), seconds=None))
    assert (hold.state, hold.expires_at) == ("sold", None)
    assert await counts(owner, slot_id) == (0, 3)


async def test_place_hold_repeated_answers_the_same_hold(inventory, owner, establishment_id, slot_id):
    asked = request(establishment_id, (slot_id, 3))
    assert await inventory.place_hold(asked) == await inventory.place_hold(asked)
    assert await counts(owner, slot_id) == (3, 0)


async def test_place_hold_repeated_in_one_batch_takes_places_once(inventory, owner, establishment_id, slot_id):
    asked = request(establishment_id, (slot_id, 3))
    answers = await asyncio.gather(*(inventory.place_hold(asked) for _ in range(5)))
    assert {answer.id for answer in answers} == {asked.hold_id}
    assert await counts(owner, slot_id) == (3, 0)


async def test_place_hold_with_the_id_of_another_hold_is_refused(inventory, owner, establishment_id, slot_id):
    first = request(establishment_id, (slot_id, 3))
    await inventory.place_hold(first)
    with pytest.raises(HoldMismatch):
        await inventory.place_hold(request(establishment_id, (slot_id, 4), hold_id=first.hold_id))
    assert await counts(owner, slot_id) == (3, 0)


async def test_place_hold_beyond_capacity_says_what_remains(inventory, owner, establishment_id, slot_id):
    await inventory.place_hold(request(establishment_id, (slot_id, 8)))
    with pytest.raises(NotEnoughPlaces) as refused:
        await inventory.place_hold(request(establishment_id, (slot_id, 3)))
    assert refused.value.remaining == 2
    await inventory.place_hold(request(establishment_id, (slot_id, 2)))
    with pytest.raises(SoldOut):
        await inventory.place_hold(request(establishment_id, (slot_id, 1)))
    assert await counts(owner, slot_id) == (10, 0)


async def test_large_request_does_not_refuse_the_smaller_ones_behind_it(inventory, establishment_id, slot_id):
    asked = [request(establishment_id, (slot_id, quantity)) for quantity in (8, 5, 2)]
    answers = await asyncio.gather(*(inventory.place_hold(one) for one in asked), return_exceptions=True)
    assert [type(answer) for answer in answers] == [Hold, NotEnoughPlaces, Hold]


async def test_shared_gauge_limits_two_slots_together(inventory, owner, establishment_id):
    lift = uuid4()
    await owner.execute(
        "INSERT INTO inventory.gauges (establishment_id, id, capacity) VALUES ($1, $2, 12)", establishment_id, lift
    )
    tower = await make_slot(owner, establishment_id, capacity=50, shared=[lift])
    cellar = await make_slot(owner, establishment_id, capacity=50, shared=[lift])
    await inventory.place_hold(request(establishment_id, (tower, 8)))
    with pytest.raises(NotEnoughPlaces) as refused:
        await inventory.place_hold(request(establishment_id, (cellar, 5)))
    assert refused.value.remaining == 4
    with pytest.raises(NotEnoughPlaces):
        await inventory.place_hold(request(establishment_id, (cellar, 3), (tower, 3)))
    assert (await counts(owner, lift), await counts(owner, cellar)) == ((8, 0), (0, 0))


async def test_place_hold_on_an_unknown_slot(inventory, establishment_id, slot_id):
    with pytest.raises(UnknownSlot):
        await inventory.place_hold(request(establishment_id, (slot_id, 1), (uuid4(), 1)))


async def test_place_hold_on_a_slot_of_another_establishment(inventory, owner, slot_id):
    with pytest.raises(UnknownSlot):
        await inventory.place_hold(request(uuid4(), (slot_id, 1)))
    assert await counts(owner, slot_id) == (0, 0)


async def test_place_hold_on_a_closed_slot(inventory, owner, establishment_id, slot_id):
    await owner.execute("UPDATE inventory.gauges SET closed = true WHERE id = $1", slot_id)
    with pytest.raises(SlotClosed):
        await inventory.place_hold(request(establishment_id, (slot_id, 1)))


async def test_confirm_hold_moves_places_once(inventory, owner, establishment_id, slot_id):
    hold = await inventory.place_hold(request(establishment_id, (slot_id, 4)))
    confirmation = ConfirmHold(establishment_id=establishment_id, hold_id=hold.id)
    first, again = await inventory.confirm_hold(confirmation), await inventory.confirm_hold(confirmation)
    assert (first.state, first.lines, again.state) == ("sold", hold.lines, "sold")
    assert await counts(owner, slot_id) == (0, 4)


async def test_confirm_hold_after_its_time_is_refused(inventory, owner, establishment_id, slot_id):
    hold = await inventory.place_hold(request(establishment_id, (slot_id, 4)))
    await let_time_pass(owner, hold.id)
    with pytest.raises(HoldEnded):
        await inventory.confirm_hold(ConfirmHold(establishment_id=establishment_id, hold_id=hold.id))
    with pytest.raises(UnknownHold):
        await inventory.confirm_hold(ConfirmHold(establishment_id=establishment_id, hold_id=uuid4()))


async def test_expired_hold_frees_its_places_for_the_next_one(inventory, owner, establishment_id, slot_id):
    old = await inventory.place_hold(request(establishment_id, (slot_id, 10)))
    await let_time_pass(owner, old.id)
    await inventory.place_hold(request(establishment_id, (slot_id, 7)))
    assert await counts(owner, slot_id) == (7, 0)


async def test_sweeper_frees_places_of_every_establishment(inventory, inventory_database, owner):
    slots = []
    for establishment_id in (uuid4(), uuid4()):
        slot_id = await make_slot(owner, establishment_id, capacity=10)
        hold = await inventory.place_hold(request(establishment_id, (slot_id, 10)))
        await let_time_pass(owner, hold.id)
        slots.append(slot_id)
    assert await sweep_expired_holds(inventory_database) == 2
    assert [await counts(owner, slot_id) for slot_id in slots] == [(0, 0), (0, 0)]
    assert await sweep_expired_holds(inventory_database) == 0


async def test_extend_hold_never_shortens(inventory, owner, establishment_id, slot_id):
    hold = await inventory.place_hold(request(establishment_id, (slot_id, 1), seconds=600))
    extend = ExtendHold(establishment_id=establishment_id, hold_id=hold.id, expires_in_seconds=60)
    assert (await inventory.extend_hold(extend)).expires_at == hold.expires_at
    longer = ExtendHold(establishment_id=establishment_id, hold_id=hold.id, expires_in_seconds=6000)
    assert (await inventory.extend_hold(longer)).expires_at > hold.expires_at
    await let_time_pass(owner, hold.id)
    with pytest.raises(HoldEnded):
        await inventory.extend_hold(longer)


async def test_return_places_counts_each_return_once(inventory, owner, establishment_id, slot_id):
    hold = await inventory.place_hold(request(establishment_id, (slot_id, 4), seconds=None))
    back = ReturnPlaces(
        establishment_id=establishment_id, return_id=uuid4(), hold_id=hold.id, lines=[PlaceLine(slot_id, 1)]
    )
    assert (await inventory.return_places(back)).lines == [PlaceLine(slot_id, 3)]
    assert (await inventory.return_places(back)).lines == [PlaceLine(slot_id, 3)]
    assert await counts(owner, slot_id) == (0, 3)
    everything = ReturnPlaces(establishment_id=establishment_id, return_id=uuid4(), hold_id=hold.id)
    assert (await inventory.return_places(everything)).state == "released"
    assert await counts(owner, slot_id) == (0, 0)


async def test_return_places_refuses_more_than_the_hold_has(inventory, owner, establishment_id, slot_id):
    hold = await inventory.place_hold(request(establishment_id, (slot_id, 4), seconds=None))
    back = ReturnPlaces(
        establishment_id=establishment_id, return_id=uuid4(), hold_id=hold.id, lines=[PlaceLine(slot_id, 5)]
    )
    with pytest.raises(HoldMismatch):
        await inventory.return_places(back)
    assert await counts(owner, slot_id) == (0, 4)


async def test_replace_hold_draws_on_the_places_of_the_old_one(inventory, owner, establishment_id, slot_id):
    old = await inventory.place_hold(request(establishment_id, (slot_id, 8)))
    new = request(establishment_id, (slot_id, 10), owner_id=old.owner_id, replaces=old.id)
    assert (await inventory.place_hold(new)).state == "held"
    assert await counts(owner, slot_id) == (10, 0)
    assert (await inventory.place_hold(new)).state == "held"
    assert await counts(owner, slot_id) == (10, 0)


async def test_replace_hold_that_is_refused_keeps_the_old_one(inventory, owner, establishment_id, slot_id):
    old = await inventory.place_hold(request(establishment_id, (slot_id, 8)))
    with pytest.raises(NotEnoughPlaces):
        await inventory.place_hold(request(establishment_id, (slot_id, 11), owner_id=old.owner_id, replaces=old.id))
    with pytest.raises(UnknownHold):
        await inventory.place_hold(request(establishment_id, (slot_id, 1), replaces=old.id))
    assert await counts(owner, slot_id) == (8, 0)


async def let_time_pass(owner: asyncpg.Connection, hold_id: UUID) -> None:
    await owner.execute("UPDATE inventory.holds SET expires_at = now() - interval '1 second' WHERE id = $1", hold_id)
