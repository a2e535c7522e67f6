"""The contract of inventory, kept by both of its implementations: in this process, and over HTTP in another one."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio

from services.inventory.app import create_app
from services.inventory.client import InventoryClient
from services.inventory.contract import (
    ConfirmHold,
    ExtendHold,
    FindGauges,
    FindSales,
    FindSlots,
    Gauge,
    Hold,
    HoldEnded,
    HoldMismatch,
    Inventory,
    NotEnoughPlaces,
    PlaceHold,
    PlaceLine,
    ReturnPlaces,
    Schedule,
    SlotClosed,
    SoldOut,
    UnknownGauge,
    UnknownHold,
    UnknownSlot,
)
from services.inventory.in_process import InProcessInventory
from services.kit.clock import SystemClock
from services.kit.database import Database
from services.kit.principal_token import PrincipalSigner, PrincipalVerifier, signing_key
from services.kit.sealing import Sealer
from services.kit.web import PrincipalFromToken
from tests.conftest import Instance
from tests.gateway.served import served
from tests.services.inventory.rows import make_slot

SECRET = b"s" * 32


@pytest.fixture
def instance(shared_instance: Instance) -> Instance:
    return shared_instance


@pytest_asyncio.fixture
async def in_process(inventory_database: Database) -> AsyncIterator[InProcessInventory]:
    inventory = InProcessInventory(inventory_database)
    yield inventory
    await inventory.close()


@pytest_asyncio.fixture(params=["in process", "over HTTP"])
async def inventory(
    request: pytest.FixtureRequest, in_process: InProcessInventory, inventory_database: Database
) -> AsyncIterator[Inventory]:
    if request.param == "in process":
        yield in_process
        return
    key = signing_key(SECRET)
    app = create_app(in_process, inventory_database, clock=SystemClock(), sealer=Sealer(SECRET))
    async with served(PrincipalFromToken(app, PrincipalVerifier(key.public_key(), "inventory"))) as url:
        client = InventoryClient(url, PrincipalSigner(key, "ticketing"))
        yield client
        await client.close()


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


async def test_place_hold_takes_places(
    inventory: Inventory, owner: asyncpg.Connection, establishment_id: UUID, slot_id: UUID
):
    hold = await inventory.place_hold(request(establishment_id, (slot_id, 3)))
    assert hold.state == "held"
    assert await counts(owner, slot_id) == (3, 0)


async def test_place_hold_without_expiry_sells_at_once(
    inventory: Inventory, owner: asyncpg.Connection, establishment_id: UUID, slot_id: UUID
):
    hold = await inventory.place_hold(request(establishment_id, (slot_id, 3), seconds=None))
    assert (hold.state, hold.expires_at) == ("sold", None)
    assert await counts(owner, slot_id) == (0, 3)


async def test_place_hold_repeated_answers_the_same_hold(
    inventory: Inventory, owner: asyncpg.Connection, establishment_id: UUID, slot_id: UUID
):
    asked = request(establishment_id, (slot_id, 3))
    assert await inventory.place_hold(asked) == await inventory.place_hold(asked)
    assert await counts(owner, slot_id) == (3, 0)


async def test_place_hold_repeated_in_one_batch_takes_places_once(
    inventory: Inventory, owner: asyncpg.Connection, establishment_id: UUID, slot_id: UUID
):
    asked = request(establishment_id, (slot_id, 3))
    answers = await asyncio.gather(*(inventory.place_hold(asked) for _ in range(5)))
    assert {answer.id for answer in answers} == {asked.hold_id}
    assert await counts(owner, slot_id) == (3, 0)


async def test_place_hold_with_the_id_of_another_hold_is_refused(
    inventory: Inventory, owner: asyncpg.Connection, establishment_id: UUID, slot_id: UUID
):
    first = request(establishment_id, (slot_id, 3))
    await inventory.place_hold(first)
    with pytest.raises(HoldMismatch):
        await inventory.place_hold(request(establishment_id, (slot_id, 4), hold_id=first.hold_id))
    assert await counts(owner, slot_id) == (3, 0)


async def test_place_hold_beyond_capacity_says_what_remains(
    inventory: Inventory, owner: asyncpg.Connection, establishment_id: UUID, slot_id: UUID
):
    await inventory.place_hold(request(establishment_id, (slot_id, 8)))
    with pytest.raises(NotEnoughPlaces) as refused:
        await inventory.place_hold(request(establishment_id, (slot_id, 3)))
    assert refused.value.remaining == 2
    await inventory.place_hold(request(establishment_id, (slot_id, 2)))
    with pytest.raises(SoldOut):
        await inventory.place_hold(request(establishment_id, (slot_id, 1)))
    assert await counts(owner, slot_id) == (10, 0)


async def test_large_request_does_not_refuse_the_smaller_ones_behind_it(
    in_process: InProcessInventory, establishment_id: UUID, slot_id: UUID
):
    asked = [request(establishment_id, (slot_id, quantity)) for quantity in (8, 5, 2)]
    answers = await asyncio.gather(*(in_process.place_hold(one) for one in asked), return_exceptions=True)
    assert [type(answer) for answer in answers] == [Hold, NotEnoughPlaces, Hold]


async def test_shared_gauge_limits_two_slots_together(
    inventory: Inventory, owner: asyncpg.Connection, establishment_id: UUID
):
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


async def test_place_hold_on_an_unknown_slot(inventory: Inventory, establishment_id: UUID, slot_id: UUID):
    with pytest.raises(UnknownSlot):
        await inventory.place_hold(request(establishment_id, (slot_id, 1), (uuid4(), 1)))


async def test_place_hold_on_a_slot_of_another_establishment(
    inventory: Inventory, owner: asyncpg.Connection, slot_id: UUID
):
    with pytest.raises(UnknownSlot):
        await inventory.place_hold(request(uuid4(), (slot_id, 1)))
    assert await counts(owner, slot_id) == (0, 0)


async def test_place_hold_on_a_closed_slot(
    inventory: Inventory, owner: asyncpg.Connection, establishment_id: UUID, slot_id: UUID
):
    await owner.execute("UPDATE inventory.gauges SET closed = true WHERE id = $1", slot_id)
    with pytest.raises(SlotClosed):
        await inventory.place_hold(request(establishment_id, (slot_id, 1)))


async def test_confirm_hold_moves_places_once(
    inventory: Inventory, owner: asyncpg.Connection, establishment_id: UUID, slot_id: UUID
):
    hold = await inventory.place_hold(request(establishment_id, (slot_id, 4)))
    confirmation = ConfirmHold(establishment_id=establishment_id, hold_id=hold.id)
    first, again = await inventory.confirm_hold(confirmation), await inventory.confirm_hold(confirmation)
    assert (first.state, first.lines, again.state) == ("sold", hold.lines, "sold")
    assert await counts(owner, slot_id) == (0, 4)


async def test_confirm_hold_after_its_time_is_refused(
    inventory: Inventory, owner: asyncpg.Connection, establishment_id: UUID, slot_id: UUID
):
    hold = await inventory.place_hold(request(establishment_id, (slot_id, 4)))
    await let_time_pass(owner, hold.id)
    with pytest.raises(HoldEnded):
        await inventory.confirm_hold(ConfirmHold(establishment_id=establishment_id, hold_id=hold.id))
    with pytest.raises(UnknownHold):
        await inventory.confirm_hold(ConfirmHold(establishment_id=establishment_id, hold_id=uuid4()))


async def test_expired_hold_frees_its_places_for_the_next_one(
    inventory: Inventory, owner: asyncpg.Connection, establishment_id: UUID, slot_id: UUID
):
    old = await inventory.place_hold(request(establishment_id, (slot_id, 10)))
    await let_time_pass(owner, old.id)
    await inventory.place_hold(request(establishment_id, (slot_id, 7)))
    assert await counts(owner, slot_id) == (7, 0)


async def test_extend_hold_never_shortens(
    inventory: Inventory, owner: asyncpg.Connection, establishment_id: UUID, slot_id: UUID
):
    hold = await inventory.place_hold(request(establishment_id, (slot_id, 1), seconds=600))
    extend = ExtendHold(establishment_id=establishment_id, hold_id=hold.id, expires_in_seconds=60)
    assert (await inventory.extend_hold(extend)).expires_at == hold.expires_at
    longer = ExtendHold(establishment_id=establishment_id, hold_id=hold.id, expires_in_seconds=6000)
    assert (await inventory.extend_hold(longer)).expires_at > hold.expires_at
    await let_time_pass(owner, hold.id)
    with pytest.raises(HoldEnded):
        await inventory.extend_hold(longer)


async def test_return_places_counts_each_return_once(
    inventory: Inventory, owner: asyncpg.Connection, establishment_id: UUID, slot_id: UUID
):
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


async def test_return_places_refuses_more_than_the_hold_has(
    inventory: Inventory, owner: asyncpg.Connection, establishment_id: UUID, slot_id: UUID
):
    hold = await inventory.place_hold(request(establishment_id, (slot_id, 4), seconds=None))
    back = ReturnPlaces(
        establishment_id=establishment_id, return_id=uuid4(), hold_id=hold.id, lines=[PlaceLine(slot_id, 5)]
    )
    with pytest.raises(HoldMismatch):
        await inventory.return_places(back)
    assert await counts(owner, slot_id) == (0, 4)


async def test_replace_hold_draws_on_the_places_of_the_old_one(
    inventory: Inventory, owner: asyncpg.Connection, establishment_id: UUID, slot_id: UUID
):
    old = await inventory.place_hold(request(establishment_id, (slot_id, 8)))
    new = request(establishment_id, (slot_id, 10), owner_id=old.owner_id, replaces=old.id)
    assert (await inventory.place_hold(new)).state == "held"
    assert await counts(owner, slot_id) == (10, 0)
    assert (await inventory.place_hold(new)).state == "held"
    assert await counts(owner, slot_id) == (10, 0)


async def test_replace_hold_draws_on_the_places_of_expired_ones(
    inventory: Inventory, owner: asyncpg.Connection, establishment_id: UUID, slot_id: UUID
):
    expired = await inventory.place_hold(request(establishment_id, (slot_id, 5)))
    old = await inventory.place_hold(request(establishment_id, (slot_id, 5)))
    await let_time_pass(owner, expired.id)
    new = request(establishment_id, (slot_id, 10), owner_id=old.owner_id, replaces=old.id)
    assert (await inventory.place_hold(new)).state == "held"
    assert await counts(owner, slot_id) == (10, 0)


async def test_replace_hold_that_is_refused_keeps_the_old_one(
    inventory: Inventory, owner: asyncpg.Connection, establishment_id: UUID, slot_id: UUID
):
    old = await inventory.place_hold(request(establishment_id, (slot_id, 8)))
    with pytest.raises(NotEnoughPlaces):
        await inventory.place_hold(request(establishment_id, (slot_id, 11), owner_id=old.owner_id, replaces=old.id))
    with pytest.raises(UnknownHold):
        await inventory.place_hold(request(establishment_id, (slot_id, 1), replaces=old.id))
    assert await counts(owner, slot_id) == (8, 0)


async def test_find_slots_answers_those_that_exist(inventory: Inventory, establishment_id: UUID, slot_id: UUID):
    (found,) = await inventory.find_slots(FindSlots(establishment_id=establishment_id, slot_ids=[slot_id, uuid4()]))
    assert (found.id, found.timezone) == (slot_id, "Europe/Paris")
    assert found.valid_from < found.starts_at < found.ends_at == found.valid_until
    elsewhere = FindSlots(establishment_id=uuid4(), slot_ids=[slot_id])
    assert await inventory.find_slots(elsewhere) == []


async def test_find_gauges_answers_those_of_the_establishment(
    inventory: Inventory, owner: asyncpg.Connection, establishment_id: UUID
):
    gauges = [
        Gauge(id=uuid4(), name={"fr": "Grotte"}, capacity=number, per=per)
        for number, per in enumerate(("slot_start", "day", "total", "inside"))
    ]
    statement = """
    INSERT INTO inventory.shared_gauges (establishment_id, id, name, capacity, per) VALUES ($1, $2, $3, $4, $5)"""
    for gauge in gauges:
        await owner.execute(statement, establishment_id, gauge.id, '{"fr": "Grotte"}', gauge.capacity, gauge.per)
    await owner.execute(statement, uuid4(), uuid4(), '{"fr": "Ailleurs"}', 9, "inside")
    found = await inventory.find_gauges(FindGauges(establishment_id))
    assert found == sorted(gauges, key=lambda gauge: gauge.id)


async def test_find_sales_answers_holds_sold_in_the_time_asked_for(
    inventory: Inventory, owner: asyncpg.Connection, establishment_id: UUID, slot_id: UUID
):
    before = await owner.fetchval("SELECT clock_timestamp()")
    sold = [request(establishment_id, (slot_id, 1), seconds=None) for _ in range(3)]
    for one in sold:
        await inventory.place_hold(one)
    await inventory.place_hold(request(establishment_id, (slot_id, 1)))
    after = await owner.fetchval("SELECT clock_timestamp()")
    wanted = FindSales(establishment_id=establishment_id, sold_after=before, sold_before=after)
    found = await inventory.find_sales(wanted)
    assert [(sale.id, sale.owner_id) for sale in found] == [(one.hold_id, one.owner_id) for one in sold]
    rest = FindSales(establishment_id=establishment_id, sold_after=found[0].sold_at, sold_before=after, limit=1)
    assert await inventory.find_sales(rest) == found[1:2]
    elsewhere = FindSales(establishment_id=uuid4(), sold_after=before, sold_before=after)
    assert await inventory.find_sales(elsewhere) == []


async def test_put_schedule_takes_an_offer_off_sale(
    inventory: Inventory, owner: asyncpg.Connection, establishment_id: UUID, slot_id: UUID
):
    offer_id = await owner.fetchval("SELECT offer_id FROM inventory.slots WHERE id = $1", slot_id)
    terms = {"kind": "timed", "timezone": "Europe/Paris", "published": False}
    await inventory.put_schedule(Schedule(establishment_id, offer_id, gauge_ids=[], **terms))
    with pytest.raises(SlotClosed):
        await inventory.place_hold(request(establishment_id, (slot_id, 1)))
    with pytest.raises(UnknownGauge):
        await inventory.put_schedule(Schedule(establishment_id, offer_id, gauge_ids=[uuid4()], **terms))


async def let_time_pass(owner: asyncpg.Connection, hold_id: UUID) -> None:
    await owner.execute("UPDATE inventory.holds SET expires_at = now() - interval '1 second' WHERE id = $1", hold_id)
