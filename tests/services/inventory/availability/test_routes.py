import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from services.inventory.in_process import InProcessInventory
from tests.services.inventory.conftest import Client, Json, SetClock, calendar, sale, schedule, slots_of


@pytest.fixture
async def slots(editor: Client, visitor: Client, offer_id: UUID, clock: SetClock):
    answer = await editor.post(f"/offers/{offer_id}/calendars", json=calendar(clock))
    assert answer.status_code == 201
    return await slots_of(visitor, offer_id, clock)


def first_day(clock: SetClock):
    return (clock.now().date() + timedelta(days=10)).isoformat()


async def test_availability_shows_places_as_they_go(
    visitor: Client,
    inventory: InProcessInventory,
    establishment_id: UUID,
    offer_id: UUID,
    slots: list[Json],
    clock: SetClock,
):
    await inventory.place_hold(sale(establishment_id, slots[0]["id"], 20))
    await inventory.place_hold(sale(establishment_id, slots[1]["id"], 15, seconds=600))
    after = await slots_of(visitor, offer_id, clock)
    assert [(slot["status"], slot["remaining"], slot["capacity"]) for slot in after[:3]] == [
        ("sold_out", 0, 20),
        ("limited", 5, 20),
        ("available", 20, 20),
    ]


async def test_availability_by_day(
    visitor: Client,
    inventory: InProcessInventory,
    establishment_id: UUID,
    offer_id: UUID,
    slots: list[Json],
    clock: SetClock,
):
    await inventory.place_hold(sale(establishment_id, slots[0]["id"], 20))
    await inventory.place_hold(sale(establishment_id, slots[1]["id"], 20))
    await inventory.place_hold(sale(establishment_id, slots[2]["id"], 4))
    path = f"/offers/{offer_id}/availability"
    answer = await visitor.get(path, params={"from": first_day(clock), "view": "days"})
    days = answer.json()["days"]
    assert len(days) == 31
    assert [(day["status"], day["remaining"], day["slots"]) for day in days[:4]] == [
        ("sold_out", 0, 2),
        ("available", 36, 2),
        ("available", 40, 2),
        ("closed", 0, 0),
    ]
    assert days[0]["date"] == first_day(clock)


async def test_availability_by_day_counts_a_day_gauge_once(
    editor: Client,
    visitor: Client,
    inventory: InProcessInventory,
    establishment_id: UUID,
    offer_id: UUID,
    clock: SetClock,
):
    gauge = (await editor.post("/gauges", json={"name": {"fr": "Salle"}, "capacity": 12, "per": "day"})).json()
    await inventory.put_schedule(schedule(establishment_id, offer_id, gauge_ids=[UUID(gauge["id"])]))
    await editor.post(f"/offers/{offer_id}/calendars", json=calendar(clock))
    answer = await visitor.get(f"/offers/{offer_id}/availability", params={"from": first_day(clock), "view": "days"})
    assert [day["remaining"] for day in answer.json()["days"][:4]] == [12, 12, 12, 0]


async def test_availability_between_moments(visitor: Client, offer_id: UUID, slots: list[Json]):
    answer = await visitor.get(
        f"/offers/{offer_id}/availability", params={"from": slots[1]["starts_at"], "until": slots[3]["starts_at"]}
    )
    assert answer.json()["slots"] == slots[1:3]


async def test_availability_is_not_sent_again_unchanged(
    visitor: Client,
    inventory: InProcessInventory,
    establishment_id: UUID,
    offer_id: UUID,
    slots: list[Json],
    clock: SetClock,
):
    path, params = f"/offers/{offer_id}/availability", {"from": first_day(clock)}
    first = await visitor.get(path, params=params)
    assert first.headers["cache-control"] == "public, max-age=1"
    for known in (first.headers["etag"], f'"other", W/{first.headers["etag"]}', "*"):
        again = await visitor.get(path, params=params, headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
        assert again.headers["cache-control"] == "public, max-age=1"
    await inventory.place_hold(sale(establishment_id, slots[0]["id"], 1))
    changed = await visitor.get(path, params=params, headers={"If-None-Match": first.headers["etag"]})
    assert changed.status_code == 200
    assert changed.headers["etag"] != first.headers["etag"]


@pytest.mark.usefixtures("slots")
async def test_availability_of_an_unpublished_offer_is_for_editors(
    editor: Client,
    visitor: Client,
    inventory: InProcessInventory,
    establishment_id: UUID,
    offer_id: UUID,
    clock: SetClock,
):
    await inventory.put_schedule(schedule(establishment_id, offer_id, published=False))
    path, params = f"/offers/{offer_id}/availability", {"from": first_day(clock)}
    assert (await visitor.get(path, params=params)).status_code == 404
    preview = await editor.get(path, params=params)
    assert {slot["status"] for slot in preview.json()["slots"]} == {"closed"}
    assert preview.headers["cache-control"] == "private, no-store"


@pytest.mark.usefixtures("slots")
async def test_availability_before_the_sale_opens_is_closed(
    visitor: Client,
    inventory: InProcessInventory,
    establishment_id: UUID,
    offer_id: UUID,
    clock: SetClock,
):
    opens_at = clock.now() + timedelta(hours=1)
    await inventory.put_schedule(schedule(establishment_id, offer_id, opens_at=opens_at))
    assert {slot["status"] for slot in await slots_of(visitor, offer_id, clock)} == {"closed"}
    clock.advance(timedelta(hours=1))
    # Nothing tells that time has passed: what was seen before is answered for a second.
    async with asyncio.timeout(5):
        while (await slots_of(visitor, offer_id, clock))[0]["status"] != "available":  # noqa: ASYNC110 - the same
            await asyncio.sleep(0.05)


async def test_availability_of_an_offer_without_slots_is_empty(visitor: Client, offer_id: UUID):
    assert (await visitor.get(f"/offers/{offer_id}/availability")).json() == {"slots": []}


async def test_availability_of_nothing_is_nowhere(visitor: Client):
    for offer_id in (uuid4(), "nonsense"):
        assert (await visitor.get(f"/offers/{offer_id}/availability")).status_code == 404


@pytest.mark.parametrize(
    ("params", "pointer"),
    [
        ({"from": "2027-01-01", "until": "2027-03-04"}, "#/until"),
        ({"from": "tomorrow"}, "#/from"),
        ({"until": "9999-12-31"}, "#/until"),
        ({"from": "x" * 41}, "#/from"),
        ({"view": "weeks"}, "#/view"),
    ],
)
async def test_availability_names_the_wrong_parameter(
    visitor: Client, offer_id: UUID, params: dict[str, str], pointer: str
):
    answer = await visitor.get(f"/offers/{offer_id}/availability", params=params)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


@pytest.mark.usefixtures("slots")
async def test_availability_is_one_statement_for_two_slots_and_for_sixty(
    editor: Client, visitor: Client, offer_id: UUID, clock: SetClock, statements: list[str]
):
    path = f"/offers/{offer_id}/availability"
    one_day = {"from": first_day(clock), "until": first_day(clock)}
    statements.clear()
    assert len((await visitor.get(path, params=one_day)).json()["slots"]) == 2
    assert len(statements) == 1
    await editor.post(
        f"/offers/{offer_id}/calendars", json=calendar(clock, first_start="12:00", every_minutes=5, last_start="21:00")
    )
    statements.clear()
    assert len((await visitor.get(path, params={"from": first_day(clock)})).json()["slots"]) > 60
    assert len(statements) == 1
