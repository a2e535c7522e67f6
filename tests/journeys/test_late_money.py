"""Money that comes when the places are no longer held: honoured if places remain, sent back if not."""

from tests.journeys.bank import Bank
from tests.journeys.museum import CAPACITY, FULL_PRICE_MINOR, Museum
from tests.journeys.past import Owner, end_hold, end_order
from tests.journeys.visitor import buy, has_status, hold, line, look
from tests.journeys.waiting import eventually


async def test_late_money_is_honoured_when_places_remain(museum: Museum, bank: Bank, owner: Owner):
    await bank.tell(museum)
    slot = (await museum.slots())[0]
    order = await buy(museum, line(slot, museum.full_id, 2), method="stripe")
    await end_hold(owner, order)
    # Somebody takes places that were held; enough remain.
    await buy(museum, line(slot, museum.free_id, CAPACITY - 2))
    await bank.pay(order)
    await eventually(lambda: has_status(museum, order, "confirmed"))
    assert (await look(museum, order)).valid_numbers == [CAPACITY - 1, CAPACITY]
    assert await bank.captured_minor(museum) == (2 * FULL_PRICE_MINOR, 0)
    assert await museum.remaining(slot) == 0


async def test_late_money_goes_back_when_no_place_remains(museum: Museum, bank: Bank, owner: Owner):
    await bank.tell(museum)
    slot = (await museum.slots())[0]
    order = await buy(museum, line(slot, museum.full_id, 2), method="stripe")
    await end_hold(owner, order)
    await buy(museum, line(slot, museum.free_id, CAPACITY - 1))
    await bank.pay(order)

    async def refunded() -> bool:
        return await bank.captured_minor(museum) == (2 * FULL_PRICE_MINOR, 2 * FULL_PRICE_MINOR)

    await eventually(refunded)
    sent_back = await look(museum, order)
    assert sent_back.tickets == []
    assert sent_back.payment
    assert sent_back.payment.refunded.amount == 2 * FULL_PRICE_MINOR
    assert await museum.remaining(slot) == 1
    # The order itself ends like any other whose time is over.
    await end_order(owner, order)
    await eventually(lambda: has_status(museum, order, "expired"))


async def test_expiry_finds_the_money_that_nobody_told_of(museum: Museum, bank: Bank, owner: Owner):
    slot = (await museum.slots())[0]
    order = await buy(museum, line(slot, museum.full_id), method="stripe")
    await bank.pay(order)
    await end_order(owner, order)
    await eventually(lambda: has_status(museum, order, "confirmed"))
    assert await bank.captured_minor(museum) == (FULL_PRICE_MINOR, 0)


async def test_expired_order_closes_its_payment_page(museum: Museum, bank: Bank, owner: Owner):
    slot = (await museum.slots())[0]
    order = await buy(museum, line(slot, museum.full_id), method="stripe")
    await end_order(owner, order)
    await eventually(lambda: has_status(museum, order, "expired"))
    closed = await bank.visit(order)
    assert "<form" not in closed.text
    assert await museum.remaining(slot) == CAPACITY


async def test_held_order_expires_and_frees_its_places(museum: Museum, owner: Owner):
    slot = (await museum.slots())[0]
    order = await hold(museum, line(slot, museum.free_id, CAPACITY))
    await end_order(owner, order)
    await eventually(lambda: has_status(museum, order, "expired"))

    async def free_again() -> bool:
        return await museum.remaining(slot) == CAPACITY

    await eventually(free_again)
