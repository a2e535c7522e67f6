"""Serving the lines: in order, once, and without a place too many."""

import asyncio
from datetime import timedelta
from uuid import UUID

import msgspec
import pytest

from services.inventory.contract import FindPlaces, NotEnoughPlaces, SlotPlaces, SoldOut
from services.kit.errors import Unavailable
from services.ticketing.catalog.actions import TariffChange, change_tariff
from services.ticketing.orders.queries import Order
from services.ticketing.orders.requests import Confirmation
from services.ticketing.waiting import jobs
from services.ticketing.waiting.jobs import WaitingJobs
from tests.conftest import Instance
from tests.services.ticketing.rows import ledger
from tests.services.ticketing.shop import ADA, Shop
from tests.services.ticketing.waiting.lines import Lines


@pytest.fixture
def instance(shared_instance: Instance) -> Instance:
    return shared_instance


async def test_place_that_comes_back_is_held_for_the_first_in_line(lines: Lines, shop: Shop):
    slot, (sold, *_) = await lines.sold_out()
    first, second = await lines.join(slot), await lines.join(slot)
    await lines.serve()
    assert await lines.states(first, second) == ["waiting", "waiting"]
    await lines.cancel(sold)
    await lines.serve()
    assert await lines.states(first, second) == ["offered", "waiting"]
    order = await lines.order_of(first)
    assert (order.status, order.customer_email, order.language) == ("held", first.email, "en")
    assert await shop.taken(slot) == (1, 3)
    with pytest.raises(SoldOut):
        await shop.hold((slot, shop.free_id, 1))


async def test_offer_is_in_the_event_log_without_personal_data(lines: Lines, shop: Shop):
    slot, (sold, *_) = await lines.sold_out()
    entry = await lines.join(slot)
    await lines.cancel(sold)
    await lines.serve()
    order = await lines.order_of(entry)
    (event,) = [event for event in await ledger(shop.owner, shop.tenant) if event.type == "waiting_list.offered"]
    assert event.subject == f"order:{order.id}"
    assert order.expires_at is not None
    assert msgspec.json.decode(event.payload) == {
        "entry_id": str(entry.id),
        "slot_id": str(slot),
        "places": 1,
        "expires_at": msgspec.to_builtins(order.expires_at),
    }


async def test_offer_that_is_taken_ends_the_wait(lines: Lines, shop: Shop):
    slot, (sold, *_) = await lines.sold_out()
    entry = await lines.join(slot)
    await lines.cancel(sold)
    await lines.serve()
    wanted = Confirmation(payment_method="free", customer=ADA)
    await shop.desk.confirm(shop.visitor, await lines.order_of(entry), wanted, None)
    assert await lines.states(entry) == ["taken"]
    await lines.serve()
    assert await lines.states(entry) == ["taken"]
    assert await shop.taken(slot) == (0, 4)


async def test_offer_that_nobody_answers_goes_to_the_next(lines: Lines, shop: Shop):
    slot, (sold, *_) = await lines.sold_out()
    first, second = await lines.join(slot), await lines.join(slot)
    await lines.cancel(sold)
    await lines.serve()
    await lines.let_expire(first)
    await lines.serve()
    assert await lines.states(first, second) == ["expired", "offered"]
    await lines.let_expire(second)
    await lines.serve()
    # Final: whoever did not answer is not asked again.
    assert await lines.states(first, second) == ["expired", "expired"]
    assert await shop.taken(slot) == (0, 3)


async def test_party_that_is_too_large_keeps_its_place(lines: Lines):
    slot, (one, two, *_) = await lines.sold_out()
    large, small = await lines.join(slot, 2), await lines.join(slot, 1)
    await lines.cancel(one)
    await lines.serve()
    assert await lines.states(large, small) == ["waiting", "offered"]
    behind = await lines.join(slot, 1)
    await lines.let_expire(small)
    await lines.cancel(two)
    await lines.serve()
    assert await lines.states(large, small, behind) == ["offered", "expired", "waiting"]


async def test_line_for_a_day_gets_the_earliest_slot_that_has_room(lines: Lines, shop: Shop):
    later, (sold, *_) = await lines.sold_out(2)
    last, (also_sold, *_) = await lines.sold_out(2)
    day = await shop.owner.fetchval("SELECT local_date FROM inventory.slots WHERE id = $1", later)
    entry = await lines.join(offer_id=shop.offer_id, date=day)
    await lines.cancel(also_sold, sold)
    await lines.serve()
    shown = await lines.see(entry)
    assert shown.order is not None
    assert (shown.status, shown.order.slot_id) == ("offered", later)
    assert await shop.taken(last) == (0, 1)


async def test_slot_that_a_buyer_took_meanwhile_leaves_the_next_one_to_the_first_in_line(
    lines: Lines, shop: Shop, monkeypatch: pytest.MonkeyPatch
):
    slot, (sold, *_) = await lines.sold_out(2)
    later, (also_sold, *_) = await lines.sold_out(2)
    day = await shop.owner.fetchval("SELECT local_date FROM inventory.slots WHERE id = $1", slot)
    first, second = await lines.join(offer_id=shop.offer_id, date=day), await lines.join(later)
    await lines.cancel(sold, also_sold)
    find_places = shop.inventory.find_places

    async def found_then_bought(query: FindPlaces) -> list[SlotPlaces]:
        found = await find_places(query)
        if not bought:
            bought.append(await shop.hold((slot, shop.free_id, 1)))
        return found

    bought: list[Order] = []
    with monkeypatch.context() as patches:
        patches.setattr(shop.inventory, "find_places", found_then_bought)
        await lines.serve()
    assert await lines.states(first, second) == ["offered", "waiting"]
    assert (await lines.order_of(first)).lines[0].slot_id == later


async def test_one_line_for_slot_and_day_is_served_by_time_of_joining(lines: Lines, shop: Shop):
    slot, (sold, *_) = await lines.sold_out(2)
    day = await shop.owner.fetchval("SELECT local_date FROM inventory.slots WHERE id = $1", slot)
    any_slot = await lines.join(offer_id=shop.offer_id, date=day)
    this_slot = await lines.join(slot)
    assert this_slot.position == 2
    await lines.cancel(sold)
    await lines.serve()
    assert await lines.states(any_slot, this_slot) == ["offered", "waiting"]


async def test_raised_capacity_serves_the_line(lines: Lines, shop: Shop):
    slot, _ = await lines.sold_out(2)
    entries = [await lines.join(slot) for _ in range(3)]
    await shop.owner.execute("UPDATE inventory.gauges SET capacity = 4 WHERE id = $1", slot)
    await lines.serve()
    assert await lines.states(*entries) == ["offered", "offered", "waiting"]
    assert await lines.offered() == [entry.id for entry in entries[:2]]


async def test_two_workers_at_once_make_one_offer(lines: Lines, shop: Shop):
    slot, (one, two, *_) = await lines.sold_out()
    entries = [await lines.join(slot) for _ in range(4)]
    await lines.cancel(one, two)
    workers = [lines.another_worker() for _ in range(3)]
    # Past the turn that they would take, so that they really meet.
    await asyncio.gather(*(worker._round(shop.tenant) for worker in workers))
    assert await lines.states(*entries) == ["offered", "offered", "waiting", "waiting"]
    assert await shop.taken(slot) == (2, 2)
    assert (await shop.events("waiting_list")) == ["waiting_list.offered"] * 2


async def test_worker_waits_while_another_serves(lines: Lines, shop: Shop):
    slot, (sold, *_) = await lines.sold_out()
    entry = await lines.join(slot)
    await lines.serve()
    busy = "UPDATE ticketing.waiting_rounds SET busy_until = now() + interval '{}' WHERE establishment_id = $1"
    await shop.owner.execute(busy.format("10 seconds"), shop.tenant)
    await lines.cancel(sold)
    await lines.serve()
    assert await lines.states(entry) == ["waiting"]
    await shop.owner.execute(busy.format("-1 seconds"), shop.tenant)
    await lines.serve()
    assert await lines.states(entry) == ["offered"]


class DiedError(Exception):
    """The process is gone: nothing after it runs."""


END_HOLDS = """
UPDATE inventory.holds SET expires_at = now() - interval '1 second' WHERE state = 'held' AND establishment_id = $1"""
HELD_ORDERS = "SELECT count(*) FROM ticketing.orders WHERE status = 'held' AND establishment_id = $1"
STEPS = ("begin_offer", "place_hold", "post", "record_offer")


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS)
async def test_worker_that_dies_at_any_step_leaves_the_offer_to_the_next(
    lines: Lines, shop: Shop, monkeypatch: pytest.MonkeyPatch, step: str, *, before: bool
):
    slot, (sold, *_) = await lines.sold_out()
    first, second = await lines.join(slot), await lines.join(slot)
    await lines.cancel(sold)
    with monkeypatch.context() as patches:
        _die_at(patches, lines.worker, step, before=before)
        with pytest.raises(DiedError):
            await lines.worker._round(shop.tenant)
    await lines.another_worker()._round(shop.tenant)
    assert await lines.states(first, second) == ["offered", "waiting"]
    assert await shop.taken(slot) == (1, 3)
    assert await shop.events("waiting_list") == ["waiting_list.offered"]
    assert await shop.owner.fetchval(HELD_ORDERS, shop.tenant) == 1


def _die_at(patches: pytest.MonkeyPatch, worker: WaitingJobs, step: str, *, before: bool) -> None:
    if step == "place_hold":
        target, name = worker._resources.inventory, step
    elif step == "post":
        target, name = worker._checkout, "_enter"
    else:
        target, name = jobs, step
    whole = getattr(target, name)
    if target is worker._resources.inventory or target is worker._checkout:

        async def dying(*arguments: object) -> object:
            if not before:
                await whole(*arguments)
            raise DiedError

        patches.setattr(target, name, dying)
        return
    write = worker._database.write

    async def writing(tenant: UUID, action: object) -> object:
        if getattr(action, "func", None) is not whole:
            return await write(tenant, action)  # type: ignore[arg-type]  # whatever it is
        if not before:
            await write(tenant, action)  # type: ignore[arg-type]  # as above
        raise DiedError

    patches.setattr(worker._database, "write", writing)


async def test_hold_of_a_dead_worker_that_ended_is_made_anew(lines: Lines, shop: Shop, monkeypatch: pytest.MonkeyPatch):
    slot, (sold, *_) = await lines.sold_out()
    entry = await lines.join(slot)
    await lines.cancel(sold)
    with monkeypatch.context() as patches:
        _die_at(patches, lines.worker, "place_hold", before=False)
        with pytest.raises(DiedError):
            await lines.worker._round(shop.tenant)
    await shop.owner.execute(END_HOLDS, shop.tenant)
    worker = lines.another_worker()
    for _ in range(3):
        await worker.run_once()
    assert await lines.states(entry) == ["offered"]
    assert await shop.taken(slot) == (1, 3)


async def test_inventory_that_is_away_costs_nobody_their_place(
    lines: Lines, shop: Shop, monkeypatch: pytest.MonkeyPatch
):
    slot, (sold, *_) = await lines.sold_out()
    first, second = await lines.join(slot), await lines.join(slot)
    await lines.cancel(sold)

    async def away(_: object) -> object:
        raise Unavailable("Not now.")

    with monkeypatch.context() as patches:
        patches.setattr(shop.inventory, "place_hold", away)
        await lines.worker.run_once()
    await lines.worker.run_once()
    assert await lines.states(first, second) == ["offered", "waiting"]


async def test_entry_that_left_while_its_offer_was_made_gives_the_places_back(
    lines: Lines, shop: Shop, monkeypatch: pytest.MonkeyPatch
):
    slot, (sold, *_) = await lines.sold_out()
    first, second = await lines.join(slot), await lines.join(slot)
    await lines.cancel(sold)
    place_hold = shop.inventory.place_hold

    async def leaving(request: object) -> object:
        assert isinstance(first.token, str)
        await lines.desk.leave(shop.visitor, first.id, first.token)
        return await place_hold(request)  # type: ignore[arg-type]  # whatever it is

    with monkeypatch.context() as patches:
        patches.setattr(shop.inventory, "place_hold", leaving)
        await lines.serve()
    await lines.serve()
    assert await lines.states(first, second) == ["left", "offered"]
    assert await shop.taken(slot) == (1, 3)


async def test_tariff_that_is_no_longer_sold_ends_the_wait(lines: Lines, shop: Shop):
    slot, (sold, *_) = await lines.sold_out()
    tariff = await shop.add_tariff("Bientôt fini", 0)
    shop.resources.catalogues.forget(shop.tenant)
    gone, other = await lines.join(slot, tariff_id=tariff), await lines.join(slot)
    await shop._write(change_tariff, offer_id=shop.offer_id, tariff_id=tariff, change=TariffChange(archived=True))
    shop.resources.catalogues.forget(shop.tenant)
    await lines.cancel(sold)
    await lines.serve()
    assert await lines.states(gone, other) == ["over", "offered"]


async def test_line_for_a_slot_that_has_begun_is_over_and_forgotten_a_week_later(lines: Lines, shop: Shop):
    slot, _ = await lines.sold_out()
    entry = await lines.join(slot)
    await shop.owner.execute("UPDATE ticketing.waiting_entries SET over_at = now() WHERE id = $1", entry.id)
    await lines.serve()
    assert await lines.states(entry) == ["over"]
    await shop.owner.execute(
        "UPDATE ticketing.waiting_entries SET over_at = now() - interval '8 days' WHERE id = $1", entry.id
    )
    await lines.worker.run_once()
    assert await shop.owner.fetchval("SELECT count(*) FROM ticketing.waiting_entries WHERE id = $1", entry.id) == 0


async def test_nothing_is_offered_in_the_last_minutes(lines: Lines, shop: Shop):
    slot, (sold, *_) = await lines.sold_out()
    entry = await lines.join(slot)
    await lines.cancel(sold)
    starts = "UPDATE inventory.slots SET starts_at = now() + $2, ends_at = now() + interval '2 hours' WHERE id = $1"
    await shop.owner.execute(starts, slot, timedelta(minutes=14))
    await lines.serve()
    assert await lines.states(entry) == ["waiting"]
    assert (await shop.hold((slot, shop.free_id, 1))).status == "held"


async def test_line_and_buyers_together_never_get_more_than_there_is(lines: Lines, shop: Shop):
    slot, sold = await lines.sold_out(6)
    entries = [await lines.join(slot, quantity) for quantity in (2, 1, 3, 1, 2)]

    async def buy() -> bool:
        try:
            await shop.hold((slot, shop.free_id, 1))
        except (SoldOut, NotEnoughPlaces):
            return False
        return True

    async def serve() -> None:
        for worker in (lines.worker, lines.another_worker()):
            await worker._round(shop.tenant)

    bought = 0
    for order in sold:
        _, *outcomes = await asyncio.gather(lines.cancel(order), serve(), *(buy() for _ in range(3)))
        bought += sum(outcome is True for outcome in outcomes)
    await lines.worker._round(shop.tenant)
    held, still_sold = await shop.taken(slot)
    states = await lines.states(*entries)
    offered = sum(entry.places for entry, state in zip(entries, states, strict=True) if state == "offered")
    assert still_sold == 0
    assert held == offered + bought <= 6
