"""What becomes of tickets when the establishment closes their slot."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from services.ticketing.orders.queries import Order
from services.ticketing.orders.requests import Cancellation, Exchange
from services.ticketing.orders.rules import TermsRefused
from tests.conftest import Instance
from tests.services.ticketing.shop import Shop, key

SOON = timedelta(hours=2)
EVENTS = "SELECT payload FROM ticketing.events WHERE establishment_id = $1 AND type = 'order.visit_closed'"


@pytest.fixture
def instance(shared_instance: Instance) -> Instance:
    return shared_instance


async def bought(shop: Shop, *slots: UUID, quantity: int = 2) -> Order:
    return await shop.buy(*((slot, shop.free_id, quantity) for slot in slots))


async def waived(shop: Shop, order: Order) -> list[int]:
    return [ticket.number for ticket in (await shop.read(order)).tickets if ticket.waived_at]


async def told(shop: Shop) -> list[str]:
    return [row["payload"] for row in await shop.owner.fetch(EVENTS, shop.tenant)]


async def test_tickets_of_a_closed_slot_are_freed_of_the_terms_and_nobody_elses(shop: Shop):
    closed, open_ = await shop.slot(), await shop.slot(starts_in=timedelta(days=4))
    order, other = await bought(shop, closed, open_), await bought(shop, open_)
    await shop.close_slots(closed)
    await shop.jobs.notice_closures()
    numbers = [ticket.number for ticket in order.tickets if ticket.slot_id == closed]
    assert await waived(shop, order) == numbers
    assert await waived(shop, other) == []
    assert await told(shop) == [f'{{"tickets":[{numbers[0]},{numbers[1]}]}}']


async def test_each_order_is_told_once_however_many_workers_look(shop: Shop):
    slot = await shop.slot()
    orders = [await bought(shop, slot, quantity=1) for _ in range(3)]
    await shop.close_slots(slot, slot)
    await asyncio.gather(*(shop.jobs.notice_closures() for _ in range(4)))
    await shop.jobs.notice_closures()
    assert len(await told(shop)) == len(orders)


async def test_more_orders_than_one_transaction_takes_are_all_told(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("services.ticketing.orders.jobs.ORDERS_TOLD_AT_ONCE", 2)
    slot = await shop.slot()
    for _ in range(5):
        await bought(shop, slot, quantity=1)
    await shop.close_slots(slot)
    await shop.jobs.notice_closures()
    assert len(await told(shop)) == 5


async def test_who_buys_from_a_hold_placed_before_the_closure_is_told_too(shop: Shop):
    slot = await shop.slot()
    await shop.close_slots(slot)
    await shop.jobs.notice_closures()
    assert await told(shop) == []
    # The closure did not close the gauge here: as if the hold had been placed before.
    order = await bought(shop, slot)
    await shop.jobs.notice_closures()
    assert await waived(shop, order) == [ticket.number for ticket in order.tickets]


async def test_used_cancelled_and_past_visits_are_left_alone(shop: Shop):
    slot, past = await shop.slot(), await shop.slot(starts_in=timedelta(minutes=1))
    order, over = await bought(shop, slot), await bought(shop, past)
    used, cancelled = order.tickets
    await shop.owner.execute("UPDATE ticketing.tickets SET admitted_at = now() WHERE id = $1", used.id)
    await shop.desk.after_sales.cancel(shop.staff, order, Cancellation(ticket_ids=[cancelled.id]), key())
    await shop.close_slots(slot, past)
    shop.clock.advance(hours=3)
    await shop.jobs.notice_closures()
    assert [await waived(shop, one) for one in (order, over)] == [[], []]
    assert await told(shop) == []


async def test_visitor_may_move_or_cancel_after_the_deadline_once_it_is_closed(shop: Shop):
    slot, later = await shop.slot(starts_in=SOON), await shop.slot()
    order = await bought(shop, slot)
    first, second = order.tickets
    with pytest.raises(TermsRefused):
        await shop.desk.after_sales.cancel(shop.visitor, order, Cancellation(), key("early"))
    await shop.close_slots(slot)
    await shop.jobs.notice_closures()
    shop.clock.advance(hours=1, minutes=30)
    order = await shop.read(order)
    wanted = Exchange(ticket_ids=[first.id], slot_id=later)
    await shop.desk.after_sales.exchange(shop.visitor, order, wanted, key("move"))
    order = await shop.read(order)
    await shop.desk.after_sales.cancel(shop.visitor, order, Cancellation(ticket_ids=[second.id]), key("cancel"))
    left = [ticket for ticket in (await shop.read(order)).tickets if ticket.status == "valid"]
    assert [(ticket.slot_id, ticket.waived_at) for ticket in left] == [(later, None)]
