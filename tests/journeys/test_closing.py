from datetime import UTC, datetime, timedelta
from uuid import UUID

from tests.journeys.answers import refusal
from tests.journeys.museum import Museum
from tests.journeys.visitor import ADA, buy, cancel, hold, line


async def test_closing_a_day_answers_whom_it_affects(museum: Museum):
    now = datetime.now(UTC)
    slots = await museum.slots()
    inside = [slot for slot in slots if slot.starts_at < now + timedelta(hours=24)]
    outside = next(slot for slot in slots if slot.starts_at > now + timedelta(hours=26))
    bought = await buy(museum, line(inside[0], museum.free_id, 2))
    held = await hold(museum, line(inside[1], museum.free_id))
    spread = await buy(museum, line(inside[0], museum.free_id), line(outside, museum.free_id))
    unaffected = await buy(museum, line(outside, museum.free_id))

    closure = {
        "from": now.isoformat(),
        "until": (now + timedelta(hours=25)).isoformat(),
        "reason": {"fr": "Grève", "en": "Strike"},
    }
    closed = await museum.staff("POST", "/closures", closure, status=201)
    affected = closed["affected"]
    assert {UUID(order_id) for order_id in affected["order_ids"]} == {bought.id, held.id, spread.id}
    places = {UUID(slot["id"]): slot["places"] for slot in affected["slots"]}
    assert places == {inside[0].id: 3, inside[1].id: 1}

    assert {slot.status for slot in await museum.slots() if slot.starts_at < now + timedelta(hours=24)} == {"closed"}
    order = {"lines": [line(inside[2], museum.free_id)], "confirm": {"payment_method": "free", "customer": ADA}}
    assert refusal(await museum.ask("POST", "/orders", order)) == (409, "slot_closed")
    await buy(museum, line(outside, museum.free_id))

    # Staff answer each of them; then nobody is affected any more but those who hold.
    for one in (bought, held, spread):
        assert (await cancel(museum, one, key=museum.admin_key)).status_code == 200
    left = (await museum.staff("GET", f"/closures/{closed['id']}"))["affected"]
    assert left == {"slots": [], "order_ids": []}
    assert (await museum.order(unaffected)).valid_numbers == [5]

    await museum.staff("DELETE", f"/closures/{closed['id']}")
    await buy(museum, line(inside[2], museum.free_id))
