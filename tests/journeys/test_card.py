from tests.journeys.answers import Order
from tests.journeys.bank import AUTHENTICATED_CARD, DECLINED_CARD, GOOD_CARD, Bank
from tests.journeys.museum import CAPACITY, FULL_PRICE_MINOR, Museum
from tests.journeys.visitor import buy, confirm, has_status, hold, line, look
from tests.journeys.waiting import eventually


async def test_step_by_step_with_a_card_on_the_hosted_page(museum: Museum, bank: Bank):
    await bank.tell(museum)
    slot = (await museum.slots())[0]
    held = await hold(museum, line(slot, museum.full_id, 2))
    assert (held.status, held.tickets) == ("held", [])
    assert held.expires_at

    waiting = await confirm(museum, held, "stripe")
    assert (waiting.status, waiting.tickets) == ("awaiting_payment", [])
    back = await bank.type_card(waiting, GOOD_CARD)
    # The page leads the visitor back to the order itself.
    assert back.json()["id"] == str(held.id)

    paid = await _confirmed(museum, held)
    assert paid.payment
    assert (paid.payment.status, paid.payment.amount.amount) == ("paid", 2 * FULL_PRICE_MINOR)
    assert paid.valid_numbers == [1, 2]
    assert await bank.captured_minor(museum) == (2 * FULL_PRICE_MINOR, 0)
    assert await museum.remaining(slot) == CAPACITY - 2


async def test_one_call_leads_to_the_payment_page(museum: Museum, bank: Bank):
    await bank.tell(museum)
    order = await buy(museum, line((await museum.slots())[0], museum.full_id), method="stripe")
    assert order.status == "awaiting_payment"
    await bank.pay(order)
    assert (await _confirmed(museum, order)).valid_numbers == [1]


async def test_card_with_3d_secure_refused_then_authorised(museum: Museum, bank: Bank):
    await bank.tell(museum)
    order = await buy(museum, line((await museum.slots())[0], museum.full_id), method="stripe")
    asked = await bank.type_card(order, AUTHENTICATED_CARD)
    refused = await bank.answer(asked, "refuse")
    assert 'role="alert"' in refused.text
    assert (await look(museum, order)).status == "awaiting_payment"

    await bank.answer(await bank.type_card(order, AUTHENTICATED_CARD), "authorise")
    await _confirmed(museum, order)
    assert await bank.captured_minor(museum) == (FULL_PRICE_MINOR, 0)


async def test_declined_card_then_a_good_one(museum: Museum, bank: Bank):
    await bank.tell(museum)
    order = await buy(museum, line((await museum.slots())[0], museum.full_id), method="stripe")
    declined = await bank.type_card(order, DECLINED_CARD)
    assert 'role="alert"' in declined.text
    assert (await look(museum, order)).status == "awaiting_payment"
    # The visitor comes back to the shop and goes to pay again: it is the same page.
    again = await confirm(museum, order, "stripe")
    assert again.payment == order.payment

    await bank.type_card(order, GOOD_CARD)
    await _confirmed(museum, order)
    assert await bank.captured_minor(museum) == (FULL_PRICE_MINOR, 0)


async def _confirmed(museum: Museum, order: Order) -> Order:
    await eventually(lambda: has_status(museum, order, "confirmed"))
    return await look(museum, order)
