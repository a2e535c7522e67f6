"""A busy day of a museum, in this process: what visitors, staff, gates and the worker ask of the services."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import asyncpg
import httpx

from gateway.lifespan import Lifespan
from parvis.asgi import make_everything, make_inventory, make_provider, make_site
from parvis.settings import Settings
from services.inventory.calendars.jobs import extend_calendars
from services.inventory.holds.jobs import sweep_expired_holds
from services.kit.clock import SystemClock
from services.kit.database import Database
from services.ticketing.app import resources
from services.ticketing.orders.cashier import Cashier
from services.ticketing.orders.checkout import Checkout
from services.ticketing.orders.jobs import OrderJobs
from tests.journeys.answers import Order, read
from tests.journeys.bank import Bank
from tests.journeys.house import House
from tests.journeys.museum import Museum
from tests.journeys.visitor import ADA, buy, cancel, confirm, exchange, hold, line, look

SLOTS_PER_HOUR = 8
OVERDUE = "UPDATE {table} SET expires_at = now() - interval '1 minute' WHERE establishment_id = $1 AND {column} = $2"
ASKED_LONG_AGO = "UPDATE ticketing.payments SET created_at = created_at - interval '1 hour' WHERE order_id = $1"


@asynccontextmanager
async def house_in_this_process(settings: Settings, operator_key: str) -> AsyncIterator[House]:
    app = make_everything(settings)
    lifespan = Lifespan("growth", app)
    await lifespan.start()
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]  # httpx and Litestar type ASGI differently
    url = settings.public_url
    async with httpx.AsyncClient(transport=transport, base_url=url) as http:
        yield House(url, settings.stripe_api_url, operator_key, settings, http, Path())
    await lifespan.stop()


async def visitors_buy(
    museum: Museum, bank: Bank, owner: "asyncpg.Connection[asyncpg.Record]", hour: int
) -> list[Order]:
    """In every way there is; returns orders with tickets. Leaves work for the jobs behind. Each hour has its slots."""
    slots = (await museum.slots())[hour * SLOTS_PER_HOUR :][:SLOTS_PER_HOUR]
    await museum.ask("GET", f"/offers/{museum.offer_id}/availability?view=days")
    key = str(uuid4())
    body = {"lines": [line(slots[0], museum.free_id, 2)], "confirm": {"payment_method": "free", "customer": ADA}}
    bought = [read(await museum.ask("POST", "/orders", body, idempotency_key=key), Order, 201)]
    assert read(await museum.ask("POST", "/orders", body, idempotency_key=key), Order, 201) == bought[0]
    bought += [await buy(museum, line(slot, museum.free_id, 2)) for slot in slots[:4]]
    await look(museum, bought[0])

    held = await hold(museum, line(slots[0], museum.free_id))
    changed = {"lines": [line(slots[1], museum.free_id)], "customer": ADA}
    read(await museum.ask("PATCH", f"/orders/{held.id}", changed, key=held.access_token), Order)
    read(await museum.ask("POST", f"/orders/{held.id}/extension", key=held.access_token), Order)
    bought.append(await confirm(museum, held, "free"))

    on_site = await buy(museum, line(slots[2], museum.full_id, 2), method="on_site")
    await museum.staff("POST", f"/orders/{on_site.id}/payments", {"means": "cash"}, status=201)
    await museum.staff("POST", f"/orders/{on_site.id}/refunds", {"reason": "Goodwill", "amount": 100}, status=201)

    far = slots[-1]
    moved = await buy(museum, line(slots[-2], museum.free_id))
    read(await exchange(museum, moved, far, moved.tickets[0].id), Order)
    read(await cancel(museum, await buy(museum, line(far, museum.free_id))), Order)
    read(await cancel(museum, await hold(museum, line(far, museum.free_id))), Order)

    paying = await buy(museum, line(slots[3], museum.full_id), method="stripe")
    await bank.pay(paying)
    await owner.execute(ASKED_LONG_AGO, paying.id)
    late = await hold(museum, line(slots[4], museum.free_id))
    await owner.execute(OVERDUE.format(table="ticketing.orders", column="id"), museum.id, late.id)
    await owner.execute(OVERDUE.format(table="inventory.holds", column="owner_id"), museum.id, late.id)
    return bought


async def gates_scan(museum: Museum, orders: list[Order], codes_of_the_past: list[str]) -> None:
    for order in orders:
        for ticket in order.tickets:
            assert (await museum.scan(ticket.code)).outcome == "admitted"
            assert (await museum.scan(ticket.short_code)).reason == "already_admitted"
    for code in codes_of_the_past:
        assert (await museum.scan(code, gate_id=museum.gate_id)).outcome == "admitted"
        await _upload_a_copy(museum, code)


async def _upload_a_copy(museum: Museum, code: str) -> None:
    now = datetime.now(UTC)
    scan = {"id": str(uuid4()), "code": code, "gate_id": str(museum.gate_id), "scanned_at": now.isoformat()}
    sent = {"sent_at": now.isoformat(), "scans": [scan | {"outcome": "admitted"}]}
    undo = {"id": str(uuid4()), "reason": "A copy", "undone_at": now.isoformat()}
    await museum.staff("POST", "/scans/batch", sent)
    await museum.staff("GET", f"/scans/conflicts?date={now.date()}")
    await museum.staff("POST", f"/scans/{scan['id']}/undo", undo)


async def scanners_ask(museum: Museum, order: Order) -> None:
    """A phone is paired, takes the day along and keeps up with it; its staff look somebody up."""
    body = {"name": "Hall", "gate_ids": [str(museum.gate_id)], "may_search": True}
    offered = await museum.staff("POST", "/devices", body, status=201)
    offered = await museum.staff("POST", f"/devices/{offered['id']}/pairing", status=201)
    pairing = {"code": offered["pairing_code"]}
    answer = await museum.house.http.post("/v1/devices/pairing", json=pairing)
    token = answer.json()["device_token"]
    day = order.tickets[0].slot.starts_at.date()
    for date in (day, day + timedelta(days=1)):
        path, cursor = f"/entry-pass?gate_id={museum.gate_id}&date={date}", ""
        for _ in range(3):
            told = await museum.ask("GET", f"{path}{cursor}", key=token)
            assert told.status_code == 200, told.text
            cursor = f"&cursor={quote(told.json()['cursor'])}"
            if date == day:
                free = [slot for slot in await museum.slots() if slot.remaining]
                await buy(museum, line(free[0], museum.free_id))
        found = await museum.ask("GET", f"/entry/search?q=lovelace&date={date}", key=token)
        assert found.status_code == 200, found.text
    status = {"pending_uploads": 0, "app_version": "1"}
    assert (await museum.ask("PUT", "/devices/self/status", status, key=token)).status_code == 204
    await museum.staff("GET", "/devices")
    await museum.staff("DELETE", f"/devices/{offered['id']}", status=204)


async def staff_look(museum: Museum, order: Order) -> None:
    """Lists, and what changes the offer."""
    for query in ("", "status=confirmed", "status=held", "status=expired", "status=cancelled", "limit=100"):
        await museum.staff("GET", f"/orders?{query}")
    first = await museum.orders(limit="10")
    assert first.next_cursor
    await museum.orders(limit="10", cursor=quote(first.next_cursor))
    await museum.orders(reference=order.reference)
    await museum.orders(email=ADA["email"])
    await museum.orders(**{"from": quote((datetime.now(UTC) - timedelta(hours=1)).isoformat())})
    for after in (0, 5_000):
        await museum.staff("GET", f"/events?after={after}")
    ticket = order.tickets[0]
    offer = f"/offers/{museum.offer_id}"
    for path in (f"/tickets/{ticket.id}", f"/tickets/{ticket.id}.svg", "/offers", offer, f"{offer}/tariffs"):
        await museum.ask("GET", path, key=museum.admin_key)
    await museum.staff("GET", "/attendance")
    for path in ("/venues", "/gauges", "/closures", "/api-keys", "/signing-keys", f"{offer}/calendars", ""):
        await museum.staff("GET", path)
    await museum.staff("GET", f"/tickets/{ticket.id}")
    day = ticket.slot.starts_at + timedelta(days=1)
    closure = {"from": day.isoformat(), "until": (day + timedelta(hours=2)).isoformat(), "reason": {"fr": "Grève"}}
    closed = await museum.staff("POST", "/closures", closure, status=201)
    await museum.staff("GET", f"/closures/{closed['id']}")
    await museum.staff("DELETE", f"/closures/{closed['id']}")
    calendar = (await museum.staff("GET", f"{offer}/calendars"))["items"][0]
    await museum.staff("PATCH", f"{offer}/calendars/{calendar['id']}", {"capacity": 9})
    await museum.staff("PATCH", offer, {"description": {"fr": "Autrement"}})
    await museum.make_key("orders:read")


async def jobs_run(settings: Settings) -> None:
    """One round of the worker."""
    clock = SystemClock()
    inventory_database, database = Database(settings.inventory_database_url), Database(settings.ticketing_database_url)
    inventory, provider = make_inventory(settings), make_provider(settings)
    assert provider is not None
    checkout = Checkout(resources(database, inventory, site=make_site(settings), clock=clock))
    jobs = OrderJobs(checkout.resources, Cashier(checkout, provider), provider)
    await sweep_expired_holds(inventory_database)
    await extend_calendars(inventory_database, clock)
    # The second round sends what the first one decided.
    await jobs.run_once()
    await jobs.run_once()
    await jobs.reconcile()
    await checkout.close()
    await inventory.close()
    await provider.close()
    await inventory_database.close()
    await database.close()
