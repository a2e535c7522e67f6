import msgspec

from services.kit.event_chain import GENESIS, broken_links
from tests.journeys.answers import Order, read, refusal
from tests.journeys.museum import Museum
from tests.journeys.visitor import buy, cancel, confirm, exchange, hold, line


async def test_event_log_is_gapless_and_chained(museum: Museum):
    first, second = (await museum.slots())[5:7]
    order = await buy(museum, line(first, museum.free_id, 2))
    await confirm(museum, await hold(museum, line(first, museum.full_id)), "on_site")
    moved = read(await exchange(museum, order, second, order.tickets[0].id), Order)
    await cancel(museum, moved, key=museum.admin_key)
    await museum.staff("PATCH", f"/offers/{museum.offer_id}", {"description": {"fr": "Œuvres « choisies » \u2028"}})

    # Small pages: the chain must hold across them.
    events = await museum.events(limit=3)
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    assert broken_links([event.chained() for event in events]) == []
    assert bytes.fromhex(events[0].previous_hash) == GENESIS
    assert [event.type for event in events if event.type.startswith("order.")] == [
        "order.confirmed",
        "order.confirmed",
        "order.exchanged",
        "order.cancelled",
    ]


async def test_recomputing_the_chain_finds_a_change(museum: Museum):
    events = [event.chained() for event in await museum.events()]
    forged = msgspec.structs.replace(events[2], payload=events[2].payload.replace("}", ',"x":1}', 1))
    assert broken_links([*events[:2], forged, *events[3:]]) == ["event 3 was changed after it was written"]
    assert broken_links([*events[:2], *events[3:]])[0] == "event 3 is missing: the next one is 4"


async def test_event_log_is_for_the_establishment(museum: Museum):
    reader = (await museum.make_key("orders:read", "catalog:write"))["secret"]
    assert refusal(await museum.ask("GET", "/events", key=reader)) == (403, "forbidden")
    assert refusal(await museum.ask("GET", "/events")) == (401, "unauthenticated")


async def test_payloads_hold_no_personal_data(museum: Museum):
    await buy(museum, line((await museum.slots())[0], museum.free_id))
    written = " ".join(bytes(event.payload).decode() for event in await museum.events())
    assert "Lovelace" not in written
    assert "ada@" not in written
