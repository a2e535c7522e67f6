"""The bank's notifications come late, twice, in any order, or not at all: one payment, one order, in every case."""

from functools import partial

import pytest

from tests.journeys.answers import Order
from tests.journeys.bank import Bank
from tests.journeys.museum import FULL_PRICE_MINOR, Museum
from tests.journeys.past import Owner, age_payment
from tests.journeys.visitor import buy, has_status, line, look
from tests.journeys.waiting import eventually


@pytest.mark.parametrize("plan", [{"delay_seconds": 0.5}, {"copies": 3}, {"order": "reversed"}], ids=str)
async def test_notification_that_misbehaves_confirms_once(
    museum: Museum, bank: Bank, plan: dict[str, float | int | str]
):
    await bank.tell(museum)
    await bank.plan(**plan)
    order = await _to_pay(museum)
    await bank.pay(order)
    await _paid_once(museum, bank, order)


async def test_notifications_of_two_orders_in_reverse(museum: Museum, bank: Bank):
    await bank.tell(museum)
    await bank.plan(hold=True, copies=2)
    first, second = await _to_pay(museum), await _to_pay(museum)
    await bank.pay(first)
    await bank.pay(second)
    assert (await look(museum, first)).status == "awaiting_payment"
    await bank.release("reversed")
    for order in (first, second):
        await eventually(partial(has_status, museum, order, "confirmed"))
    assert await bank.captured_minor(museum) == (2 * FULL_PRICE_MINOR, 0)
    assert [event.type for event in await museum.events()].count("payment.received") == 2


async def test_lost_notification_is_made_up_by_asking(museum: Museum, bank: Bank, owner: Owner):
    # The bank was never told where to notify.
    order = await _to_pay(museum)
    await bank.pay(order)
    assert (await look(museum, order)).status == "awaiting_payment"
    await age_payment(owner, order)
    await _paid_once(museum, bank, order)


async def test_forged_notification_is_refused(museum: Museum, bank: Bank):
    order = await _to_pay(museum)
    await bank.pay(order)
    url = f"/v1/payments/stripe/{museum.slug}/webhook"
    forged = await museum.house.http.post(url, json={}, headers={"stripe-signature": "t=1,v1=00"})
    assert (forged.status_code, forged.json()["code"]) == (400, "notification_refused")
    assert (await look(museum, order)).status == "awaiting_payment"


async def _to_pay(museum: Museum) -> Order:
    return await buy(museum, line((await museum.slots())[0], museum.full_id), method="stripe")


async def _paid_once(museum: Museum, bank: Bank, order: Order) -> None:
    await eventually(lambda: has_status(museum, order, "confirmed"))
    assert (await look(museum, order)).valid_numbers == [1]
    assert await bank.captured_minor(museum) == (FULL_PRICE_MINOR, 0)
    types = [event.type for event in await museum.events()]
    assert (types.count("payment.received"), types.count("order.confirmed")) == (1, 1)
