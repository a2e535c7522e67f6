"""Cancelling and exchanging, within the establishment's terms and outside them."""

from datetime import UTC, datetime, timedelta

from tests.journeys.answers import Order, Slot, read, refusal
from tests.journeys.bank import Bank
from tests.journeys.house import House
from tests.journeys.museum import CAPACITY, FULL_PRICE_MINOR, Museum, found_museum
from tests.journeys.visitor import buy, cancel, exchange, has_status, line, look
from tests.journeys.waiting import eventually

TERMS_HOURS = 24


async def test_whole_order_cancelled_within_the_terms(museum: Museum, bank: Bank):
    slot = await _far_slot(museum)
    order = await _paid(museum, bank, slot, 2)
    cancelled = read(await cancel(museum, order), Order)
    assert (cancelled.status, cancelled.valid_numbers) == ("cancelled", [])
    assert cancelled.payment
    assert cancelled.payment.refunded.amount == 2 * FULL_PRICE_MINOR
    assert await museum.remaining(slot) == CAPACITY
    assert (await museum.scan(order.tickets[0].code)).reason == "cancelled"
    await eventually(lambda: _sent_back(museum, bank, 2 * FULL_PRICE_MINOR))
    assert refusal(await cancel(museum, order)) == (409, "order_ended")


async def test_part_of_an_order_cancelled(museum: Museum, bank: Bank):
    slot = await _far_slot(museum)
    order = await _paid(museum, bank, slot, 3)
    gone, *kept = order.tickets
    left = read(await cancel(museum, order, gone.id), Order)
    assert (left.status, left.valid_numbers) == ("confirmed", [ticket.number for ticket in kept])
    assert await museum.remaining(slot) == CAPACITY - 2
    await eventually(lambda: _sent_back(museum, bank, FULL_PRICE_MINOR))
    # The same ticket again gives no second refund.
    assert refusal(await cancel(museum, order, gone.id)) == (409, "ticket_used")
    assert await bank.captured_minor(museum) == (3 * FULL_PRICE_MINOR, FULL_PRICE_MINOR)


async def test_outside_the_terms_only_staff_cancel(museum: Museum):
    soon = (await museum.slots())[0]
    order = await buy(museum, line(soon, museum.free_id))
    assert refusal(await cancel(museum, order)) == (409, "outside_terms")
    assert read(await cancel(museum, order, key=museum.admin_key), Order).status == "cancelled"


async def test_establishment_that_never_takes_back(house: House):
    museum = await found_museum(house, cancellation_hours_before=None, exchange_hours_before=None)
    order = await buy(museum, line(await _far_slot(museum), museum.free_id))
    assert refusal(await cancel(museum, order)) == (409, "outside_terms")
    other = (await museum.slots())[0]
    assert refusal(await exchange(museum, order, other, order.tickets[0].id)) == (409, "outside_terms")


async def test_used_ticket_is_not_taken_back(museum: Museum):
    order = await buy(museum, line((await museum.slots())[0], museum.free_id, 2))
    assert (await museum.scan(order.tickets[0].code)).outcome == "admitted"
    assert refusal(await cancel(museum, order, key=museum.admin_key)) == (409, "ticket_used")
    assert (await look(museum, order)).valid_numbers == [1, 2]


async def test_exchange_gives_new_numbers_and_the_old_place_back(museum: Museum):
    old, new = (await museum.slots())[5:7]
    order = await buy(museum, line(old, museum.free_id, 2))
    moved, kept = order.tickets
    after = read(await exchange(museum, order, new, moved.id), Order)
    assert (after.status, after.valid_numbers) == ("confirmed", [2, 3])
    [issued] = [ticket for ticket in after.tickets if ticket.number == 3]
    assert issued.slot.id == new.id
    assert issued.code != moved.code
    assert (await museum.remaining(old), await museum.remaining(new)) == (CAPACITY - 1, CAPACITY - 1)
    assert (await museum.scan(moved.code)).reason == "cancelled"
    assert [(await museum.scan(ticket.code)).outcome for ticket in (kept, issued)] == ["admitted", "admitted"]


async def test_exchange_for_a_full_slot_changes_nothing(museum: Museum):
    old, new = (await museum.slots())[5:7]
    order = await buy(museum, line(old, museum.free_id))
    await buy(museum, line(new, museum.free_id, CAPACITY))
    refused = await exchange(museum, order, new, order.tickets[0].id)
    assert refusal(refused) == (409, "sold_out")
    assert await look(museum, order) == order
    assert await museum.remaining(old) == CAPACITY - 1


async def _far_slot(museum: Museum) -> Slot:
    """One that may still be cancelled."""
    terms = datetime.now(UTC) + timedelta(hours=TERMS_HOURS + 1)
    return next(slot for slot in await museum.slots() if slot.starts_at > terms)


async def _paid(museum: Museum, bank: Bank, slot: Slot, quantity: int) -> Order:
    await bank.tell(museum)
    order = await buy(museum, line(slot, museum.full_id, quantity), method="stripe")
    await bank.pay(order)
    await eventually(lambda: has_status(museum, order, "confirmed"))
    return await look(museum, order)


async def _sent_back(museum: Museum, bank: Bank, amount_minor: int) -> bool:
    return (await bank.captured_minor(museum))[1] == amount_minor
