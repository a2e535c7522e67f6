"""After the hold and after the sale: what goes back, to whom, and how often."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import msgspec
import pytest

from services.inventory.contract import NotEnoughPlaces
from services.kit.errors import Invalid, NotFound
from services.kit.idempotency import Answer
from services.ticketing.orders.queries import Order
from services.ticketing.orders.requests import (
    Cancellation,
    Exchange,
    LineInput,
    OrderChange,
    PaymentReceived,
    RefundRequest,
)
from services.ticketing.orders.rules import AlreadyExtended, OrderEnded, RefundTooLarge, TermsRefused, TicketUsed
from tests.conftest import Instance
from tests.services.ticketing.shop import ADA, Shop, key

DESK = "UPDATE ticketing.tickets SET admitted_at = now() WHERE id = $1"


@pytest.fixture
def instance(shared_instance: Instance) -> Instance:
    return shared_instance


async def paid(shop: Shop, slot: UUID, quantity: int = 2) -> Order:
    """Tickets at 15.00, paid by card."""
    order = await shop.buy((slot, shop.full_id, quantity), method="stripe")
    await shop.pay(order)
    await shop.tell()
    return await shop.read(order)


async def cancel(shop: Shop, order: Order, *ticket_ids: UUID, by_staff: bool = False) -> Order:
    principal = shop.staff if by_staff else shop.visitor
    wanted = Cancellation(ticket_ids=list(ticket_ids) or None)
    return await shop.order_in(await shop.desk.after_sales.cancel(principal, order, wanted, None))


async def exchange(shop: Shop, order: Order, slot: UUID, *ticket_ids: UUID) -> Order:
    wanted = Exchange(ticket_ids=list(ticket_ids) or [one.id for one in order.tickets], slot_id=slot)
    return await shop.order_in(await shop.desk.after_sales.exchange(shop.visitor, order, wanted, None))


def valid(order: Order) -> list[int]:
    return [ticket.number for ticket in order.tickets if ticket.status == "valid"]


async def test_what_was_cancelled_is_no_longer_due(shop: Shop):
    order = await shop.buy((await shop.slot(), shop.full_id, 2), method="on_site")
    partly = await cancel(shop, order, order.tickets[0].id)
    assert [(payment.status, payment.amount_minor) for payment in partly.payments] == [("due", 1500)]
    wholly = await cancel(shop, partly)
    assert [(payment.status, payment.amount_minor) for payment in wholly.payments] == [("expired", 0)]
    with pytest.raises(OrderEnded):
        await shop.desk.after_sales.received(shop.staff, wholly, PaymentReceived(means="cash"), None)


async def test_cancelled_order_gives_places_and_money_back(shop: Shop):
    slot = await shop.slot()
    cancelled = await cancel(shop, await paid(shop, slot))
    assert (cancelled.status, valid(cancelled)) == ("cancelled", [])
    assert await shop.taken(slot) == (0, 0)
    assert await shop.refunds() == [(3000, "waiting")]
    assert await shop.events("order") == ["order.confirmed", "order.cancelled"]
    # A cancelled ticket keeps its number: the next one is the next.
    assert valid(await shop.buy((slot, shop.free_id, 1))) == [3]


async def test_tickets_are_cancelled_one_after_the_other(shop: Shop):
    slot = await shop.slot()
    order = await paid(shop, slot, 3)
    first, second, third = order.tickets
    order = await cancel(shop, order, second.id)
    assert (order.status, valid(order)) == ("confirmed", [first.number, third.number])
    order = await cancel(shop, order, first.id, third.id)
    assert order.status == "cancelled"
    assert await shop.taken(slot) == (0, 0)
    assert await shop.refunds() == [(1500, "waiting"), (3000, "waiting")]
    assert await shop.events("order") == ["order.confirmed", "order.tickets_cancelled", "order.cancelled"]


async def test_odd_cents_of_a_family_ticket_all_come_back(shop: Shop):
    slot = await shop.slot()
    order = await shop.buy((slot, shop.family_id, 1), method="stripe")
    await shop.pay(order)
    await shop.tell()
    order = await shop.read(order)
    for ticket in order.tickets:
        await cancel(shop, order, ticket.id)
    assert [amount for amount, _ in await shop.refunds()] == [1334, 1333, 1333]
    assert [payment.refunded_minor for payment in (await shop.read(order)).payments] == [4000]


async def test_ticket_that_is_not_valid_any_more_is_not_cancelled(shop: Shop):
    slot = await shop.slot()
    order = await paid(shop, slot)
    used, unused = order.tickets
    await shop.owner.execute(DESK, used.id)
    with pytest.raises(TicketUsed):
        await cancel(shop, order, used.id, by_staff=True)
    with pytest.raises(TicketUsed):
        await cancel(shop, order, by_staff=True)
    await cancel(shop, order, unused.id)
    with pytest.raises(TicketUsed):
        await cancel(shop, order, unused.id)
    with pytest.raises(Invalid) as refused:
        await cancel(shop, order, unused.id, uuid4())
    assert [error.pointer for error in refused.value.errors] == ["#/ticket_ids/1"]
    assert await shop.taken(slot) == (0, 1)
    assert await shop.refunds() == [(1500, "waiting")]


async def test_same_tickets_cancelled_at_once_come_back_once(shop: Shop):
    slot = await shop.slot()
    order = await paid(shop, slot)
    answers = await asyncio.gather(*(cancel(shop, order) for _ in range(4)), return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == ["Order", "OrderEnded", "OrderEnded", "OrderEnded"]
    assert await shop.taken(slot) == (0, 0)
    assert await shop.refunds() == [(3000, "waiting")]


async def test_cancellation_is_repeated_safely(shop: Shop):
    order = await paid(shop, await shop.slot())
    after_sales = shop.desk.after_sales
    first = await after_sales.cancel(shop.visitor, order, Cancellation(), key())
    again = await after_sales.cancel(shop.visitor, await shop.read(order), Cancellation(), key())
    assert again == first
    assert await shop.refunds() == [(3000, "waiting")]


async def test_terms_bind_visitors_and_not_staff(shop: Shop):
    slot = await shop.slot(starts_in=timedelta(hours=23))
    order = await shop.buy((slot, shop.free_id, 1))
    with pytest.raises(TermsRefused):
        await cancel(shop, order)
    assert (await cancel(shop, order, by_staff=True)).status == "cancelled"


async def test_order_that_is_only_held_is_let_go(shop: Shop):
    slot = await shop.slot()
    held = await cancel(shop, await shop.hold((slot, shop.full_id, 2)))
    assert held.status == "cancelled"
    assert await shop.taken(slot) == (0, 0)
    with pytest.raises(OrderEnded):
        await cancel(shop, held)


async def test_order_that_was_paid_at_the_last_moment_is_not_given_up_unseen(shop: Shop):
    slot = await shop.slot()
    order = await shop.buy((slot, shop.full_id, 1), method="stripe")
    await shop.pay(order)
    with pytest.raises(OrderEnded):
        await cancel(shop, order)
    confirmed = await shop.read(order)
    assert (confirmed.status, valid(confirmed)) == ("confirmed", [1])
    assert (await cancel(shop, confirmed)).status == "cancelled"
    assert await shop.refunds() == [(1500, "waiting")]


async def test_exchange_gives_new_tickets_for_old(shop: Shop):
    morning, evening = await shop.slot(), await shop.slot()
    order = await paid(shop, morning)
    moved = await exchange(shop, order, evening)
    assert valid(moved) == [3, 4]
    assert [(ticket.slot_id, ticket.price_minor) for ticket in moved.tickets if ticket.status == "valid"] == [
        (evening, 1500)
    ] * 2
    assert (await shop.taken(morning), await shop.taken(evening)) == ((0, 0), (0, 2))
    assert await shop.events("order") == ["order.confirmed", "order.exchanged"]
    # And they can be cancelled from there: their places are those of the new hold.
    await cancel(shop, moved)
    assert await shop.taken(evening) == (0, 0)
    assert await shop.refunds() == [(3000, "waiting")]


async def test_exchange_there_and_back_again(shop: Shop):
    morning, evening = await shop.slot(capacity=1), await shop.slot(capacity=1)
    order = await paid(shop, morning, 1)
    for slot in (evening, morning, evening):
        order = await exchange(shop, order, slot, next(one.id for one in order.tickets if one.status == "valid"))
    assert valid(order) == [4]
    assert (await shop.taken(morning), await shop.taken(evening)) == ((0, 0), (0, 1))


async def test_exchange_that_finds_no_place_changes_nothing(shop: Shop):
    morning, evening = await shop.slot(), await shop.slot(capacity=1)
    order = await paid(shop, morning)
    with pytest.raises(NotEnoughPlaces):
        await exchange(shop, order, evening)
    assert valid(await shop.read(order)) == [1, 2]
    assert (await shop.taken(morning), await shop.taken(evening)) == ((0, 2), (0, 0))


async def test_exchange_of_the_same_ticket_at_once_moves_it_once(shop: Shop):
    morning = await shop.slot()
    elsewhere = [await shop.slot() for _ in range(3)]
    order = await paid(shop, morning, 1)
    answers = await asyncio.gather(*(exchange(shop, order, slot) for slot in elsewhere), return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == ["Order", "TicketUsed", "TicketUsed"]
    assert valid(await shop.read(order)) == [2]
    # What the losers had taken came back.
    assert sorted([await shop.taken(slot) for slot in elsewhere]) == [(0, 0), (0, 0), (0, 1)]
    assert await shop.taken(morning) == (0, 0)


async def test_exchange_is_repeated_safely(shop: Shop):
    morning, evening = await shop.slot(), await shop.slot()
    order = await paid(shop, morning)
    wanted = Exchange(ticket_ids=[one.id for one in order.tickets], slot_id=evening)
    after_sales = shop.desk.after_sales
    first = await after_sales.exchange(shop.visitor, order, wanted, key())
    assert await after_sales.exchange(shop.visitor, await shop.read(order), wanted, key()) == first
    assert await shop.taken(evening) == (0, 2)


async def test_exchange_for_what_is_no_other_visit_is_refused(shop: Shop):
    slot, elsewhere = await shop.slot(), await shop.slot()
    order = await paid(shop, slot, 1)
    await shop.owner.execute("UPDATE ticketing.tickets SET offer_id = $2 WHERE order_id = $1", order.id, uuid4())
    of_another_offer = await shop.read(order)
    for ticketed, wanted in ((order, slot), (of_another_offer, elsewhere), (order, uuid4())):
        with pytest.raises(Invalid) as refused:
            await exchange(shop, ticketed, wanted)
        assert [error.pointer for error in refused.value.errors] == ["#/slot_id"]


async def refund(shop: Shop, order: Order, amount: int | None = None) -> Answer:
    wanted = RefundRequest(reason="Goodwill", amount=amount)
    return await shop.desk.after_sales.refund(shop.staff, order, wanted, None)


async def test_refunds_never_exceed_what_was_paid(shop: Shop):
    order = await paid(shop, await shop.slot())
    await refund(shop, order, 1000)
    with pytest.raises(RefundTooLarge):
        await refund(shop, order, 2001)
    await refund(shop, order)
    with pytest.raises(RefundTooLarge):
        await refund(shop, order)
    assert [amount for amount, _ in await shop.refunds()] == [1000, 2000]
    # The tickets are as good as before.
    assert valid(await shop.read(order)) == [1, 2]


async def test_refunds_at_once_never_exceed_what_was_paid(shop: Shop):
    order = await paid(shop, await shop.slot())
    answers = await asyncio.gather(*(refund(shop, order, 1000) for _ in range(5)), return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == ["Answer"] * 3 + ["RefundTooLarge"] * 2
    assert [amount for amount, _ in await shop.refunds()] == [1000] * 3


async def test_cancellation_after_a_refund_gives_back_only_the_rest(shop: Shop):
    order = await paid(shop, await shop.slot())
    await refund(shop, order, 2000)
    await cancel(shop, order)
    assert [amount for amount, _ in await shop.refunds()] == [2000, 1000]


async def test_nothing_paid_is_nothing_to_refund(shop: Shop):
    due = await shop.buy((await shop.slot(), shop.full_id, 1), method="on_site")
    with pytest.raises(RefundTooLarge):
        await refund(shop, due)
    await cancel(shop, due)
    assert await shop.refunds() == []


async def test_what_was_due_is_received_once(shop: Shop):
    due = await shop.buy((await shop.slot(), shop.full_id, 1), method="on_site")
    after_sales = shop.desk.after_sales
    await after_sales.received(shop.staff, due, PaymentReceived("cash"), None)
    with pytest.raises(OrderEnded):
        await after_sales.received(shop.staff, due, PaymentReceived("card"), None)
    received = await shop.read(due)
    assert [(payment.status, payment.provider_reference) for payment in received.payments] == [("paid", "cash")]
    assert await shop.events("payment") == ["payment.received"]
    # Paid at the desk, refunded at the desk.
    await refund(shop, received, 500)
    await shop.jobs._send_refunds(shop.tenant)
    assert await shop.refunds() == [(500, "sent")]
    assert shop.provider.refunded_minor == {}


async def test_order_is_extended_once(shop: Shop):
    held = await shop.hold((await shop.slot(), shop.free_id, 1), hold_minutes=5)
    after_sales = shop.desk.after_sales
    first = await after_sales.extend(shop.visitor, held, key())
    longer = await shop.read(held)
    assert held.expires_at is not None
    assert longer.expires_at is not None
    assert timedelta(minutes=9) < longer.expires_at - held.expires_at < timedelta(minutes=11)
    assert await after_sales.extend(shop.visitor, held, key()) == first
    with pytest.raises(AlreadyExtended):
        await after_sales.extend(shop.visitor, held, None)


async def test_lines_of_a_held_order_are_exchanged_whole(shop: Shop):
    slot, other = await shop.slot(capacity=4), await shop.slot()
    held = await shop.hold((slot, shop.full_id, 3))
    change = OrderChange(lines=[LineInput(slot, shop.free_id, 4), LineInput(other, shop.full_id, 1)], customer=ADA)
    amended = await shop.desk.after_sales.amend(shop.visitor, held, change)
    assert (amended.total_minor, amended.customer_name) == (1500, "Ada Lovelace")
    assert [(line.slot_id, line.tariff_id, line.quantity) for line in amended.lines] == [
        (slot, shop.free_id, 4),
        (other, shop.full_id, 1),
    ]
    assert (await shop.taken(slot), await shop.taken(other)) == ((4, 0), (1, 0))
    with pytest.raises(NotEnoughPlaces):
        await shop.desk.after_sales.amend(shop.visitor, amended, OrderChange(lines=[LineInput(slot, shop.free_id, 5)]))
    assert await shop.read(held) == amended
    assert (await shop.taken(slot), await shop.taken(other)) == ((4, 0), (1, 0))


async def test_order_that_is_no_longer_held_is_not_amended(shop: Shop):
    slot = await shop.slot()
    bought = await shop.buy((slot, shop.free_id, 1))
    for change in (OrderChange(customer=ADA), OrderChange(lines=[LineInput(slot, shop.free_id, 2)])):
        with pytest.raises(OrderEnded):
            await shop.desk.after_sales.amend(shop.visitor, bought, change)
    stranger = msgspec.structs.replace(bought, id=uuid4(), status="held")
    with pytest.raises(NotFound):
        await shop.desk.after_sales.amend(shop.visitor, stranger, OrderChange(customer=ADA))


async def test_places_that_inventory_does_not_take_now_are_given_back_later(shop: Shop):
    slot = await shop.slot()
    order = await shop.buy((slot, shop.free_id, 2))
    async with shop.owner.transaction():
        # Somebody keeps the gauge for a while.
        await shop.owner.execute("SELECT 1 FROM inventory.gauges WHERE id = $1 FOR UPDATE", slot)
        cancelling = asyncio.create_task(cancel(shop, order))
        while not await shop.owner.fetchval(  # noqa: ASYNC110 - the database offers no event for it
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ):
            await asyncio.sleep(0.01)
        # The process dies while it waits: the books are written, the places are not back.
        cancelling.cancel()
        await asyncio.gather(cancelling, return_exceptions=True)
    assert (await shop.read(order)).status == "cancelled"
    assert await shop.taken(slot) == (0, 2)
    await shop.jobs._return_places(shop.tenant)
    await shop.jobs._return_places(shop.tenant)
    assert await shop.taken(slot) == (0, 0)
