import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from services.inventory.calendars.actions import delete_calendar
from services.inventory.calendars.jobs import extend_calendars
from services.inventory.calendars.rules import horizon
from services.inventory.contract import SlotClosed
from services.inventory.holds.actions import place_holds
from services.inventory.holds.jobs import sweep_expired_holds
from services.inventory.in_process import InProcessInventory
from services.kit.database import Database
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


async def created(editor: Client, offer_id: UUID, body: Json):
    answer = await editor.post(f"/offers/{offer_id}/calendars", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def local_starts(slots: list[Json]):
    return [slot["starts_at"][11:16] for slot in slots]


async def test_create_calendar_makes_its_slots_at_once(
    editor: Client, visitor: Client, offer_id: UUID, clock: SetClock
):
    made = await created(editor, offer_id, calendar(clock))
    assert made == calendar(clock) | {
        "id": made["id"],
        "offer_id": str(offer_id),
        "made_until": horizon(clock.now().date()).isoformat(),
    }
    slots = await slots_of(visitor, offer_id, clock)
    assert local_starts(slots) == ["10:00", "11:00"] * 3
    assert {(slot["status"], slot["remaining"], slot["capacity"]) for slot in slots} == {("available", 20, 20)}
    assert (await editor.get(f"/offers/{offer_id}/calendars/{made['id']}")).json() == made


async def test_create_calendar_without_end_reaches_eighteen_months(
    editor: Client, owner: Owner, offer_id: UUID, clock: SetClock
):
    await created(editor, offer_id, calendar(clock, valid_until=None))
    last = await owner.fetchval("SELECT max(local_date) FROM inventory.slots")
    assert last == horizon(clock.now().date()) - timedelta(days=1)


async def test_create_calendar_twice_with_one_key_makes_one(
    editor: Client, owner: Owner, offer_id: UUID, clock: SetClock
):
    answers = [
        await editor.post(f"/offers/{offer_id}/calendars", json=calendar(clock), headers={"Idempotency-Key": "once"})
        for _ in range(2)
    ]
    assert answers[0].content == answers[1].content
    assert await owner.fetchval("SELECT count(*) FROM inventory.calendars") == 1


async def test_create_calendar_for_the_same_starts_lets_the_first_win(
    editor: Client, visitor: Client, offer_id: UUID, clock: SetClock
):
    await created(editor, offer_id, calendar(clock, last_start="10:00", capacity=7))
    await created(editor, offer_id, calendar(clock, capacity=20))
    slots = await slots_of(visitor, offer_id, clock)
    assert [slot["capacity"] for slot in slots] == [7, 20] * 3


async def test_delete_calendar_lets_the_other_rule_take_its_starts(
    editor: Client, visitor: Client, offer_id: UUID, clock: SetClock
):
    first = await created(editor, offer_id, calendar(clock, last_start="10:00", capacity=7))
    await created(editor, offer_id, calendar(clock, capacity=20))
    answer = await editor.delete(f"/offers/{offer_id}/calendars/{first['id']}")
    assert answer.json() == first | {"affected": {"slots": [], "order_ids": []}}
    assert [slot["capacity"] for slot in await slots_of(visitor, offer_id, clock)] == [20, 20] * 3
    assert (await editor.get(f"/offers/{offer_id}/calendars/{first['id']}")).status_code == 404


async def test_change_calendar_keeps_what_is_sold_and_lists_it(
    editor: Client,
    visitor: Client,
    inventory: InProcessInventory,
    establishment_id: UUID,
    offer_id: UUID,
    clock: SetClock,
):
    rule = await created(editor, offer_id, calendar(clock))
    before = await slots_of(visitor, offer_id, clock)
    sold = await inventory.place_hold(sale(establishment_id, before[0]["id"], 2))
    held = await inventory.place_hold(sale(establishment_id, before[0]["id"], 1, seconds=600))

    answer = await editor.patch(f"/offers/{offer_id}/calendars/{rule['id']}", json={"first_start": "10:30"})

    assert answer.status_code == 200, answer.text
    assert answer.json()["first_start"] == "10:30"
    affected = answer.json()["affected"]
    assert [(slot["id"], slot["places"]) for slot in affected["slots"]] == [(before[0]["id"], 3)]
    assert affected["slots"][0]["starts_at"] == before[0]["starts_at"]
    assert sorted(affected["order_ids"]) == sorted([str(sold.owner_id), str(held.owner_id)])
    after = await slots_of(visitor, offer_id, clock)
    assert local_starts(after) == ["10:00", "10:30", "10:30", "10:30"]
    assert after[0]["id"] == before[0]["id"]


async def test_change_calendar_keeps_the_ids_of_slots_that_still_fit(
    editor: Client, visitor: Client, offer_id: UUID, clock: SetClock
):
    rule = await created(editor, offer_id, calendar(clock))
    before = await slots_of(visitor, offer_id, clock)
    await editor.patch(f"/offers/{offer_id}/calendars/{rule['id']}", json={"last_start": "12:00", "capacity": 30})
    after = await slots_of(visitor, offer_id, clock)
    assert {slot["id"] for slot in before} < {slot["id"] for slot in after}
    assert [slot["capacity"] for slot in after] == [30] * 9


async def test_change_calendar_lowers_capacity_to_what_is_sold(
    editor: Client,
    visitor: Client,
    inventory: InProcessInventory,
    establishment_id: UUID,
    offer_id: UUID,
    clock: SetClock,
):
    rule = await created(editor, offer_id, calendar(clock))
    slots = await slots_of(visitor, offer_id, clock)
    order = await inventory.place_hold(sale(establishment_id, slots[1]["id"], 8))
    answer = await editor.patch(f"/offers/{offer_id}/calendars/{rule['id']}", json={"capacity": 5})
    assert answer.json()["affected"]["order_ids"] == [str(order.owner_id)]
    after = await slots_of(visitor, offer_id, clock)
    assert [slot["capacity"] for slot in after] == [5, 8, 5, 5, 5, 5]
    assert after[1]["status"] == "sold_out"


async def test_changed_slots_can_no_longer_be_held(
    editor: Client,
    visitor: Client,
    inventory: InProcessInventory,
    establishment_id: UUID,
    offer_id: UUID,
    clock: SetClock,
):
    rule = await created(editor, offer_id, calendar(clock))
    slots = await slots_of(visitor, offer_id, clock)
    await editor.patch(f"/offers/{offer_id}/calendars/{rule['id']}", json={"duration_minutes": 45})
    with pytest.raises(SlotClosed):
        await inventory.place_hold(sale(establishment_id, slots[0]["id"], 1))
    assert not {slot["id"] for slot in slots} & {slot["id"] for slot in await slots_of(visitor, offer_id, clock)}


async def test_slot_that_stayed_comes_back_under_its_rule(
    editor: Client,
    visitor: Client,
    inventory: InProcessInventory,
    establishment_id: UUID,
    offer_id: UUID,
    clock: SetClock,
):
    rule = await created(editor, offer_id, calendar(clock))
    [first, *_] = await slots_of(visitor, offer_id, clock)
    await inventory.place_hold(sale(establishment_id, first["id"], 2))
    path = f"/offers/{offer_id}/calendars/{rule['id']}"
    await editor.patch(path, json={"first_start": "11:00"})
    again = await editor.patch(path, json={"first_start": "10:00"})
    assert again.json()["affected"] == {"slots": [], "order_ids": []}
    slots = await slots_of(visitor, offer_id, clock)
    assert local_starts(slots) == ["10:00", "11:00"] * 3
    assert (slots[0]["id"], slots[0]["remaining"]) == (first["id"], 18)


async def test_change_calendar_waits_for_a_sale_on_its_way(
    editor: Client,
    visitor: Client,
    owner: Owner,
    establishment_id: UUID,
    offer_id: UUID,
    clock: SetClock,
    paused: Paused,
):
    rule = await created(editor, offer_id, calendar(clock))
    [first, *_] = await slots_of(visitor, offer_id, clock)
    await paused.start(lambda session: place_holds(session, establishment_id, [sale(establishment_id, first["id"], 2)]))
    change = asyncio.create_task(
        editor.patch(f"/offers/{offer_id}/calendars/{rule['id']}", json={"duration_minutes": 45})
    )
    await paused.finish()
    affected = (await change).json()["affected"]
    assert [(slot["id"], slot["places"]) for slot in affected["slots"]] == [(first["id"], 2)]
    assert await drift(owner) == []


async def test_sale_that_waits_for_a_changing_rule_is_refused(
    editor: Client,
    visitor: Client,
    inventory: InProcessInventory,
    owner: Owner,
    establishment_id: UUID,
    offer_id: UUID,
    clock: SetClock,
    paused: Paused,
):
    rule = await created(editor, offer_id, calendar(clock))
    [first, *_] = await slots_of(visitor, offer_id, clock)
    path = (offer_id, UUID(rule["id"]))
    await paused.start(lambda session: delete_calendar(session, establishment_id, path, clock.now()))
    sold = asyncio.create_task(inventory.place_hold(sale(establishment_id, first["id"], 1)))
    await paused.finish()
    with pytest.raises(SlotClosed):
        await sold
    assert await drift(owner) == []


async def test_establishments_with_work_are_told_to_inventory_only(owner: Owner):
    for function in ("establishments_to_extend(date)", "establishments_with_expired_holds()"):
        may = {
            role: await owner.fetchval(
                "SELECT has_function_privilege($1, $2, 'EXECUTE')", role, f"inventory.{function}"
            )
            for role in ("parvis_inventory", "parvis_ticketing")
        }
        assert may == {"parvis_inventory": True, "parvis_ticketing": False}


async def test_extend_calendars_makes_the_days_that_came_near(
    editor: Client, owner: Owner, inventory_database: Database, offer_id: UUID, clock: SetClock
):
    await created(editor, offer_id, calendar(clock, valid_until=None))
    before = await owner.fetchval("SELECT count(*) FROM inventory.slots")
    assert await extend_calendars(inventory_database, clock) == 0

    clock.advance(timedelta(days=40))
    assert await extend_calendars(inventory_database, clock) == 1
    assert await extend_calendars(inventory_database, clock) == 0

    end = horizon(clock.now().date())
    days = (end - horizon(clock.now().date() - timedelta(days=40))).days
    assert await owner.fetchval("SELECT count(*) FROM inventory.slots") == before + 2 * days
    assert await owner.fetchval("SELECT max(local_date) FROM inventory.slots") == end - timedelta(days=1)


async def test_extend_calendars_follows_a_changed_time_zone(
    editor: Client,
    visitor: Client,
    inventory: InProcessInventory,
    inventory_database: Database,
    establishment_id: UUID,
    offer_id: UUID,
    clock: SetClock,
):
    await created(editor, offer_id, calendar(clock))
    await inventory.put_schedule(schedule(establishment_id, offer_id, timezone="America/Cayenne"))
    assert await extend_calendars(inventory_database, clock) == 1
    assert [slot["starts_at"][11:] for slot in await slots_of(visitor, offer_id, clock)] == [
        "10:00:00-03:00",
        "11:00:00-03:00",
    ] * 3


async def test_extend_calendars_purges_removed_slots_nobody_ever_held(
    editor: Client,
    visitor: Client,
    owner: Owner,
    inventory: InProcessInventory,
    inventory_database: Database,
    establishment_id: UUID,
    offer_id: UUID,
    clock: SetClock,
):
    rule = await created(editor, offer_id, calendar(clock, valid_until=None))
    slots = await slots_of(visitor, offer_id, clock)
    hold = await inventory.place_hold(sale(establishment_id, slots[0]["id"], 1, seconds=600))
    await owner.execute("UPDATE inventory.holds SET expires_at = now() - interval '1 minute'")
    await inventory.place_hold(sale(establishment_id, slots[1]["id"], 1))
    await sweep_expired_holds(inventory_database)
    await editor.patch(f"/offers/{offer_id}/calendars/{rule['id']}", json={"duration_minutes": 45})
    removed = await owner.fetchval("SELECT count(*) FROM inventory.slots WHERE removed_at IS NOT NULL")
    assert removed > 100
    clock.advance(timedelta(days=2))
    await extend_calendars(inventory_database, clock)
    left = await owner.fetch("SELECT id FROM inventory.slots WHERE removed_at IS NOT NULL")
    assert [row["id"] for row in left] == [hold.lines[0].slot_id]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"weekdays": []}, "#/weekdays"),
        ({"weekdays": [8]}, "#/weekdays/0"),
        ({"weekdays": [1, 1]}, "#/weekdays"),
        ({"first_start": "9:00"}, "#/first_start"),
        ({"first_start": "24:00"}, "#/first_start"),
        ({"first_start": "09:00\n"}, "#/first_start"),
        ({"last_start": "09:00"}, "#/last_start"),
        ({"every_minutes": 4}, "#/every_minutes"),
        ({"duration_minutes": 2881}, "#/duration_minutes"),
        ({"capacity": -1}, "#/capacity"),
        ({"capacity": 10**30}, "#/capacity"),
        ({"valid_from": "2027-02-30"}, "#/valid_from"),
        ({"valid_from": "9999-12-31", "valid_until": None}, "#/valid_from"),
        ({"valid_until": "2001-01-01"}, "#/valid_until"),
        ({"colour": "red"}, "#/colour"),
    ],
)
async def test_create_calendar_names_the_wrong_field(
    editor: Client, offer_id: UUID, clock: SetClock, changes: dict[str, object], pointer: str
):
    answer = await editor.post(f"/offers/{offer_id}/calendars", json=calendar(clock, **changes))
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_create_calendar_refuses_too_many_slots(editor: Client, owner: Owner, offer_id: UUID, clock: SetClock):
    busy = calendar(clock, valid_until=None, first_start="00:00", last_start="23:55", every_minutes=5)
    answer = await editor.post(f"/offers/{offer_id}/calendars", json=busy)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#/every_minutes")
    assert await owner.fetchval("SELECT count(*) FROM inventory.slots") == 0


async def test_calendars_of_an_unknown_offer_are_nowhere(editor: Client, clock: SetClock):
    for offer_id in (uuid4(), "nonsense"):
        assert (await editor.get(f"/offers/{offer_id}/calendars")).status_code == 404
        assert (await editor.post(f"/offers/{offer_id}/calendars", json=calendar(clock))).status_code == 404


async def test_calendars_of_another_establishment_are_nowhere(
    editor: Client, inventory_http: Http, offer_id: UUID, clock: SetClock
):
    rule = await created(editor, offer_id, calendar(clock))
    stranger = inventory_http(key_principal(uuid4(), "admin"))
    path = f"/offers/{offer_id}/calendars/{rule['id']}"
    assert (await stranger.get(path)).status_code == 404
    assert (await stranger.patch(path, json={"capacity": 1})).status_code == 404
    assert (await stranger.delete(path)).status_code == 404
    assert (await stranger.get(f"/offers/{offer_id}/availability")).status_code == 404
    assert (await editor.get(path)).json() == rule


async def test_calendars_need_a_key_that_may_write(
    visitor: Client, inventory_http: Http, establishment_id: UUID, offer_id: UUID
):
    reader = inventory_http(key_principal(establishment_id, "orders:read"))
    path = f"/offers/{offer_id}/calendars"
    assert (await visitor.get(path)).status_code == 401
    assert (await reader.get(path)).status_code == 403


async def test_list_calendars_pages_with_the_same_statements(
    editor: Client, offer_id: UUID, clock: SetClock, statements: list[str]
):
    made = [await created(editor, offer_id, calendar(clock, first_start="10:00", capacity=1))]
    statements.clear()
    assert [item["id"] for item in (await editor.get(f"/offers/{offer_id}/calendars")).json()["items"]] == [
        made[0]["id"]
    ]
    for_one = len(statements)
    made += [await created(editor, offer_id, calendar(clock, capacity=number)) for number in (2, 3)]
    statements.clear()
    first = (await editor.get(f"/offers/{offer_id}/calendars", params={"limit": 2})).json()
    assert len(statements) == for_one == 2
    rest = (
        await editor.get(f"/offers/{offer_id}/calendars", params={"limit": 2, "cursor": first["next_cursor"]})
    ).json()
    assert [item["id"] for item in first["items"] + rest["items"]] == [item["id"] for item in made]
    assert rest["next_cursor"] is None
