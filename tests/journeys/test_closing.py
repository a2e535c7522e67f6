from datetime import UTC, datetime, timedelta
from uuid import UUID

from parvis.asgi import make_inventory, make_site
from services.kit.clock import SystemClock
from services.kit.database import Database
from services.ticketing.app import resources
from services.ticketing.orders.cashier import Cashier
from services.ticketing.orders.checkout import Checkout
from services.ticketing.orders.jobs import OrderJobs
from tests.journeys.answers import refusal
from tests.journeys.museum import Museum
from tests.journeys.visitor import ADA, buy, cancel, hold, line
from tests.journeys.waiting import eventually


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


async def test_visitor_whose_slot_was_closed_is_written_to_and_may_cancel(museum: Museum):
    now = datetime.now(UTC)
    soon = (await museum.slots())[0]
    bought = await buy(museum, line(soon, museum.free_id, 2))
    assert refusal(await cancel(museum, bought)) == (409, "outside_terms")
    until = (now + timedelta(hours=6)).isoformat()
    closure = {"from": now.isoformat(), "until": until, "reason": {"fr": "Grève"}}
    await museum.staff("POST", "/closures", closure, status=201)

    await _notice_closures(museum)

    async def is_written() -> bool:
        mails = await museum.staff("GET", f"/messages?order={bought.id}")
        return "visit_closed" in {mail["kind"] for mail in mails["items"]}

    await eventually(is_written)
    assert (await cancel(museum, bought)).status_code == 200


async def _notice_closures(museum: Museum) -> None:
    """As the worker of this house does, which would do so within a minute."""
    settings = museum.house.settings
    made = resources(
        Database(settings.ticketing_database_url, pool_size=2),
        make_inventory(settings),
        site=make_site(settings),
        clock=SystemClock(),
    )
    checkout = Checkout(made)
    await OrderJobs(made, Cashier(checkout, None), None).notice_closures()
    await checkout.close()
    await made.inventory.close()
    await made.database.close()
