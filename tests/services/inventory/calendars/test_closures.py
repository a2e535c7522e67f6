from datetime import datetime, timedelta
from uuid import UUID, uuid4

import msgspec
import pytest

from services.inventory.contract import FindClosedSlots, SlotClosed
from services.inventory.in_process import InProcessInventory
from tests.services.inventory.conftest import (
    Client,
    Http,
    Json,
    SetClock,
    calendar,
    key_principal,
    sale,
    schedule,
    slots_of,
)

STRIKE = {"fr": "Grève", "en": "Strike"}


@pytest.fixture
async def slots(editor: Client, visitor: Client, offer_id: UUID, clock: SetClock):
    answer = await editor.post(f"/offers/{offer_id}/calendars", json=calendar(clock))
    assert answer.status_code == 201
    return await slots_of(visitor, offer_id, clock)


def closing(first: Json, last: Json, **changes: object):
    return {"from": first["starts_at"], "until": last["ends_at"], "reason": STRIKE} | changes


async def closed(editor: Client, body: Json):
    answer = await editor.post("/closures", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def statuses(client: Client, offer_id: UUID, clock: SetClock):
    return [slot["status"] for slot in await slots_of(client, offer_id, clock)]


async def test_create_closure_closes_slots_and_names_the_orders(
    editor: Client,
    visitor: Client,
    inventory: InProcessInventory,
    establishment_id: UUID,
    offer_id: UUID,
    slots: list[Json],
    clock: SetClock,
):
    order = await inventory.place_hold(sale(establishment_id, slots[1]["id"], 2))
    await inventory.place_hold(sale(establishment_id, slots[2]["id"], 1))

    closure = await closed(editor, closing(slots[0], slots[1]))

    assert closure == closing(slots[0], slots[1]) | {
        "id": closure["id"],
        "offer_id": None,
        "affected": {
            "slots": [
                {
                    "id": slots[1]["id"],
                    "offer_id": str(offer_id),
                    "starts_at": slots[1]["starts_at"],
                    "ends_at": slots[1]["ends_at"],
                    "places": 2,
                }
            ],
            "order_ids": [str(order.owner_id)],
        },
    }
    assert await statuses(visitor, offer_id, clock) == ["closed"] * 2 + ["available"] * 4
    with pytest.raises(SlotClosed):
        await inventory.place_hold(sale(establishment_id, slots[0]["id"], 1))
    assert (await editor.get(f"/closures/{closure['id']}")).json() == closure


async def test_closure_touches_what_overlaps_and_no_neighbour(
    editor: Client, visitor: Client, offer_id: UUID, slots: list[Json], clock: SetClock
):
    starts_at = datetime.fromisoformat(slots[0]["starts_at"])
    body = {
        "from": (starts_at + timedelta(minutes=59)).isoformat(),
        "until": (starts_at + timedelta(minutes=60)).isoformat(),
        "reason": STRIKE,
    }
    await closed(editor, body)
    assert await statuses(visitor, offer_id, clock) == ["closed"] + ["available"] * 5


async def test_closure_of_one_offer_leaves_the_others_open(
    editor: Client,
    visitor: Client,
    inventory: InProcessInventory,
    establishment_id: UUID,
    offer_id: UUID,
    slots: list[Json],
    clock: SetClock,
):
    other = uuid4()
    await inventory.put_schedule(schedule(establishment_id, other))
    await editor.post(f"/offers/{other}/calendars", json=calendar(clock))
    await closed(editor, closing(slots[0], slots[5], offer_id=str(other)))
    assert await statuses(visitor, offer_id, clock) == ["available"] * 6
    assert await statuses(visitor, other, clock) == ["closed"] * 6


async def test_slots_made_within_a_closure_are_born_closed(
    editor: Client, visitor: Client, offer_id: UUID, slots: list[Json], clock: SetClock
):
    await closed(editor, closing(slots[0], slots[1]))
    await editor.post(f"/offers/{offer_id}/calendars", json=calendar(clock, first_start="10:30", last_start="11:30"))
    found = await statuses(visitor, offer_id, clock)
    # 11:30 to 12:30 begins before the closure ends at 12:00.
    assert found == ["closed"] * 4 + ["available"] * 8


async def test_delete_closure_opens_what_no_other_one_closes(
    editor: Client, visitor: Client, offer_id: UUID, slots: list[Json], clock: SetClock
):
    whole = await closed(editor, closing(slots[0], slots[3]))
    part = await closed(editor, closing(slots[2], slots[2], offer_id=str(offer_id)))
    answer = await editor.delete(f"/closures/{whole['id']}")
    assert (answer.status_code, answer.json()["id"]) == (200, whole["id"])
    assert await statuses(visitor, offer_id, clock) == ["available"] * 2 + ["closed"] + ["available"] * 3
    await editor.delete(f"/closures/{part['id']}")
    assert await statuses(visitor, offer_id, clock) == ["available"] * 6
    assert (await editor.delete(f"/closures/{part['id']}")).status_code == 404


async def test_delete_closure_does_not_open_removed_slots(
    editor: Client,
    inventory: InProcessInventory,
    establishment_id: UUID,
    offer_id: UUID,
    slots: list[Json],
):
    closure = await closed(editor, closing(slots[0], slots[5]))
    [rule] = (await editor.get(f"/offers/{offer_id}/calendars")).json()["items"]
    await editor.delete(f"/offers/{offer_id}/calendars/{rule['id']}")
    await editor.delete(f"/closures/{closure['id']}")
    with pytest.raises(SlotClosed):
        await inventory.place_hold(sale(establishment_id, slots[0]["id"], 1))


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"until": "2027-01-01T00:00:00Z"}, "#/until"),
        ({"from": "2027-01-02T00:00:00"}, "#/from"),
        ({"from": "0001-01-01T00:00:00+12:00"}, "#/from"),
        ({"until": "9999-12-31T23:59:59-12:00"}, "#/until"),
        ({"offer_id": "nonsense"}, "#/offer_id"),
        ({"offer_id": "00000000-0000-0000-0000-000000000000"}, "#/offer_id"),
        ({"reason": {}}, "#/reason"),
        ({"colour": "red"}, "#/colour"),
    ],
)
async def test_create_closure_names_the_wrong_field(editor: Client, changes: dict[str, object], pointer: str):
    body = {"from": "2027-01-01T00:00:00Z", "until": "2027-01-02T00:00:00Z", "reason": STRIKE} | changes
    answer = await editor.post("/closures", json=body)
    assert answer.status_code == 422, answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_closures_of_another_establishment_are_nowhere(editor: Client, inventory_http: Http, slots: list[Json]):
    closure = await closed(editor, closing(slots[0], slots[1]))
    stranger = inventory_http(key_principal(uuid4(), "admin"))
    assert (await stranger.get("/closures")).json() == {"items": [], "next_cursor": None}
    assert (await stranger.get(f"/closures/{closure['id']}")).status_code == 404
    assert (await stranger.delete(f"/closures/{closure['id']}")).status_code == 404
    assert (await editor.get(f"/closures/{closure['id']}")).json() == closure


async def test_list_closures_asks_the_same_for_one_and_three(editor: Client, slots: list[Json], statements: list[str]):
    await closed(editor, closing(slots[0], slots[1]))
    statements.clear()
    assert len((await editor.get("/closures")).json()["items"]) == 1
    for_one = len(statements)
    for _ in range(2):
        await closed(editor, closing(slots[0], slots[1]))
    statements.clear()
    assert len((await editor.get("/closures")).json()["items"]) == 3
    assert len(statements) == for_one == 1


async def test_find_closed_slots_answers_those_that_were_sold(
    editor: Client,
    inventory: InProcessInventory,
    establishment_id: UUID,
    slots: list[Json],
    clock: SetClock,
):
    for slot in slots[:4]:
        await inventory.place_hold(sale(establishment_id, slot["id"], 1))
    # Twice closed, once found; the last one of these was not sold, the first one is not closed.
    await closed(editor, closing(slots[1], slots[3]))
    await closed(editor, closing(slots[3], slots[4]))

    query = FindClosedSlots(establishment_id=establishment_id, ends_after=clock.now())
    found = await inventory.find_closed_slots(query)

    assert found == sorted(UUID(slot["id"]) for slot in slots[1:4])
    rest = msgspec.structs.replace(query, after=found[0], limit=1)
    assert await inventory.find_closed_slots(rest) == found[1:2]
    later = msgspec.structs.replace(query, ends_after=datetime.fromisoformat(slots[2]["ends_at"]))
    assert await inventory.find_closed_slots(later) == [UUID(slots[3]["id"])]
    assert await inventory.find_closed_slots(msgspec.structs.replace(query, establishment_id=uuid4())) == []


async def test_find_closed_slots_knows_the_offer(
    editor: Client,
    inventory: InProcessInventory,
    establishment_id: UUID,
    offer_id: UUID,
    slots: list[Json],
    clock: SetClock,
):
    other = uuid4()
    await inventory.put_schedule(schedule(establishment_id, other))
    await inventory.place_hold(sale(establishment_id, slots[0]["id"], 1))
    query = FindClosedSlots(establishment_id=establishment_id, ends_after=clock.now())
    await closed(editor, closing(slots[0], slots[0], offer_id=str(other)))
    assert await inventory.find_closed_slots(query) == []
    await closed(editor, closing(slots[0], slots[0], offer_id=str(offer_id)))
    assert await inventory.find_closed_slots(query) == [UUID(slots[0]["id"])]
