import asyncio
from uuid import UUID, uuid4

import pytest

from services.inventory.contract import FindSlots, NotEnoughPlaces, SlotClosed, SoldOut, UnknownGauge
from services.inventory.holds.actions import place_holds
from services.inventory.in_process import InProcessInventory
from services.inventory.slots.actions import put_schedule
from tests.services.inventory.conftest import (
    Client,
    Http,
    Json,
    Owner,
    Paused,
    SetClock,
    calendar,
    drift,
    key_principal,
    sale,
    schedule,
    slots_of,
)

LIFT = {"name": {"fr": "Ascenseur", "en": "Lift"}, "capacity": 8, "per": "slot_start"}


async def created(editor: Client, **changes: object):
    answer = await editor.post("/gauges", json=LIFT | changes)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def two_offers(
    inventory: InProcessInventory, editor: Client, establishment_id: UUID, clock: SetClock, gauge: Json
):
    offers = [uuid4(), uuid4()]
    for offer_id in offers:
        await inventory.put_schedule(schedule(establishment_id, offer_id, gauge_ids=[UUID(gauge["id"])]))
        answer = await editor.post(f"/offers/{offer_id}/calendars", json=calendar(clock))
        assert answer.status_code == 201
    return offers


async def test_create_gauge_then_read_and_list(editor: Client):
    gauge = await created(editor)
    assert gauge == LIFT | {"id": gauge["id"]}
    assert (await editor.get(f"/gauges/{gauge['id']}")).json() == gauge
    assert (await editor.get("/gauges")).json() == {"items": [gauge], "next_cursor": None}


@pytest.mark.parametrize(
    ("per", "remaining"),
    [("slot_start", [5, 8, 8, 8, 8, 8]), ("day", [5, 5, 8, 8, 8, 8]), ("total", [5] * 6)],
)
async def test_shared_gauge_is_drawn_on_by_every_slot_of_its_occasion(
    editor: Client,
    visitor: Client,
    inventory: InProcessInventory,
    establishment_id: UUID,
    clock: SetClock,
    per: str,
    remaining: list[int],
):
    gauge = await created(editor, per=per)
    one, other = await two_offers(inventory, editor, establishment_id, clock, gauge)
    [first, *_] = await slots_of(visitor, one, clock)
    await inventory.place_hold(sale(establishment_id, first["id"], 3))
    assert [slot["remaining"] for slot in await slots_of(visitor, other, clock)] == remaining


async def test_gauge_of_people_inside_is_not_drawn_on_by_sales(
    editor: Client, visitor: Client, inventory: InProcessInventory, establishment_id: UUID, clock: SetClock
):
    gauge = await created(editor, per="inside", capacity=1)
    one, other = await two_offers(inventory, editor, establishment_id, clock, gauge)
    [first, *_] = await slots_of(visitor, one, clock)
    await inventory.place_hold(sale(establishment_id, first["id"], 3))
    capacity = first["capacity"]
    assert [slot["remaining"] for slot in await slots_of(visitor, other, clock)] == [capacity] * 6
    assert [slot["remaining"] for slot in await slots_of(visitor, one, clock)] == [capacity - 3, *[capacity] * 5]


async def test_change_gauge_lowers_rows_down_to_what_is_given(
    editor: Client, visitor: Client, inventory: InProcessInventory, establishment_id: UUID, clock: SetClock
):
    gauge = await created(editor)
    one, other = await two_offers(inventory, editor, establishment_id, clock, gauge)
    [first, second, *_] = await slots_of(visitor, one, clock)
    order = await inventory.place_hold(sale(establishment_id, first["id"], 6))

    answer = await editor.patch(f"/gauges/{gauge['id']}", json={"capacity": 4})

    assert answer.status_code == 200, answer.text
    changed = answer.json()
    assert (changed["capacity"], changed["affected"]["order_ids"]) == (4, [str(order.owner_id)])
    assert [slot["id"] for slot in changed["affected"]["slots"]] == [first["id"]]
    [same_start, *_] = await slots_of(visitor, other, clock)
    with pytest.raises(SoldOut):
        await inventory.place_hold(sale(establishment_id, same_start["id"], 1))
    with pytest.raises(NotEnoughPlaces):
        await inventory.place_hold(sale(establishment_id, second["id"], 5))
    again = await editor.patch(f"/gauges/{gauge['id']}", json={"capacity": 9, "name": {"fr": "Monte-charge"}})
    assert again.json() == gauge | {
        "capacity": 9,
        "name": {"fr": "Monte-charge"},
        "affected": {"slots": [], "order_ids": []},
    }
    assert (await slots_of(visitor, one, clock))[0]["remaining"] == 3


async def test_put_schedule_gives_new_gauges_to_slots_nobody_has(
    editor: Client,
    visitor: Client,
    inventory: InProcessInventory,
    establishment_id: UUID,
    offer_id: UUID,
    clock: SetClock,
):
    await editor.post(f"/offers/{offer_id}/calendars", json=calendar(clock))
    before = await slots_of(visitor, offer_id, clock)
    await inventory.place_hold(sale(establishment_id, before[0]["id"], 1))
    gauge = await created(editor)

    await inventory.put_schedule(schedule(establishment_id, offer_id, gauge_ids=[UUID(gauge["id"])]))

    after = await slots_of(visitor, offer_id, clock)
    assert [slot["starts_at"] for slot in after] == [slot["starts_at"] for slot in before]
    assert [slot["remaining"] for slot in after] == [19, 8, 8, 8, 8, 8]
    assert after[0]["id"] == before[0]["id"]
    # A hold that had read the old slot must not slip past its new gauge.
    with pytest.raises(SlotClosed):
        await inventory.place_hold(sale(establishment_id, before[1]["id"], 1))


async def test_sale_that_waits_for_changing_gauges_does_not_slip_past_them(
    editor: Client,
    visitor: Client,
    inventory: InProcessInventory,
    owner: Owner,
    establishment_id: UUID,
    offer_id: UUID,
    clock: SetClock,
    paused: Paused,
):
    await editor.post(f"/offers/{offer_id}/calendars", json=calendar(clock))
    [first, *_] = await slots_of(visitor, offer_id, clock)
    gauge_id = UUID((await created(editor))["id"])
    changed = schedule(establishment_id, offer_id, gauge_ids=[gauge_id])
    await paused.start(lambda session: put_schedule(session, changed))
    sold = asyncio.create_task(inventory.place_hold(sale(establishment_id, first["id"], 1)))
    await paused.finish()
    with pytest.raises(SlotClosed):
        await sold
    assert await drift(owner) == []


async def test_put_schedule_waits_for_a_sale_on_its_way(
    editor: Client,
    visitor: Client,
    inventory: InProcessInventory,
    owner: Owner,
    establishment_id: UUID,
    offer_id: UUID,
    clock: SetClock,
    paused: Paused,
):
    await editor.post(f"/offers/{offer_id}/calendars", json=calendar(clock))
    [first, *_] = await slots_of(visitor, offer_id, clock)
    gauge_id = UUID((await created(editor))["id"])
    await paused.start(lambda session: place_holds(session, establishment_id, [sale(establishment_id, first["id"], 2)]))
    change = asyncio.create_task(inventory.put_schedule(schedule(establishment_id, offer_id, gauge_ids=[gauge_id])))
    await paused.finish()
    await change
    after = await slots_of(visitor, offer_id, clock)
    assert (after[0]["id"], [slot["remaining"] for slot in after]) == (first["id"], [18, 8, 8, 8, 8, 8])
    assert await drift(owner) == []


async def test_put_schedule_refuses_a_gauge_of_somebody_else(
    inventory: InProcessInventory, inventory_http: Http, establishment_id: UUID
):
    stranger = inventory_http(key_principal(uuid4(), "admin"))
    gauge = await created(stranger)
    with pytest.raises(UnknownGauge):
        await inventory.put_schedule(schedule(establishment_id, uuid4(), gauge_ids=[UUID(gauge["id"])]))


async def test_put_schedule_twice_changes_nothing(
    editor: Client,
    visitor: Client,
    inventory: InProcessInventory,
    establishment_id: UUID,
    offer_id: UUID,
    clock: SetClock,
):
    await editor.post(f"/offers/{offer_id}/calendars", json=calendar(clock))
    before = await slots_of(visitor, offer_id, clock)
    await inventory.put_schedule(schedule(establishment_id, offer_id))
    assert await slots_of(visitor, offer_id, clock) == before


async def test_find_slots_tells_entry_windows_also_of_removed_slots(
    editor: Client,
    visitor: Client,
    inventory: InProcessInventory,
    establishment_id: UUID,
    offer_id: UUID,
    clock: SetClock,
):
    await inventory.put_schedule(schedule(establishment_id, offer_id, late_entry_minutes=15))
    rule = (await editor.post(f"/offers/{offer_id}/calendars", json=calendar(clock))).json()
    [shown, *_] = await slots_of(visitor, offer_id, clock)
    query = FindSlots(establishment_id=establishment_id, slot_ids=[UUID(shown["id"]), uuid4()])
    [slot] = await inventory.find_slots(query)
    assert (slot.offer_id, slot.timezone) == (offer_id, "Europe/Paris")
    assert (slot.starts_at - slot.valid_from).total_seconds() == 30 * 60
    assert (slot.valid_until - slot.starts_at).total_seconds() == 15 * 60
    await editor.delete(f"/offers/{offer_id}/calendars/{rule['id']}")
    assert await inventory.find_slots(query) == [slot]
    stranger = FindSlots(establishment_id=uuid4(), slot_ids=query.slot_ids)
    assert await inventory.find_slots(stranger) == []


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"capacity": -1}, "#/capacity"),
        ({"per": "week"}, "#/per"),
        ({"name": {}}, "#/name"),
        ({"name": {"french": "x"}}, "#/name"),
        ({"colour": "red"}, "#/colour"),
    ],
)
async def test_create_gauge_names_the_wrong_field(editor: Client, changes: dict[str, object], pointer: str):
    answer = await editor.post("/gauges", json=LIFT | changes)
    assert answer.status_code == 422
    assert [error["pointer"][: len(pointer)] for error in answer.json()["errors"]] == [pointer]


async def test_gauges_of_another_establishment_are_nowhere(editor: Client, inventory_http: Http):
    gauge = await created(editor)
    stranger = inventory_http(key_principal(uuid4(), "admin"))
    assert (await stranger.get("/gauges")).json()["items"] == []
    assert (await stranger.get(f"/gauges/{gauge['id']}")).status_code == 404
    assert (await stranger.patch(f"/gauges/{gauge['id']}", json={"capacity": 1})).status_code == 404
    assert (await editor.get(f"/gauges/{gauge['id']}")).json() == gauge


async def test_list_gauges_pages_with_the_same_statements(editor: Client, statements: list[str]):
    made = [await created(editor)]
    statements.clear()
    await editor.get("/gauges")
    for_one = len(statements)
    made += [await created(editor) for _ in range(2)]
    statements.clear()
    page = (await editor.get("/gauges", params={"limit": 2})).json()
    assert len(statements) == for_one == 1
    rest = (await editor.get("/gauges", params={"limit": 2, "cursor": page["next_cursor"]})).json()
    assert page["items"] + rest["items"] == made
    assert (await editor.get("/gauges", params={"cursor": "nonsense"})).status_code == 422
