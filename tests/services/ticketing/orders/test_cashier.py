"""Money from a provider: whatever it says, however often and in whichever order, it buys tickets once or goes back."""

import asyncio

import msgspec
import pytest

from services.kit.errors import IdempotencyInProgress, Unavailable
from services.ticketing.orders.queries import Order
from services.ticketing.orders.requests import Cancellation, Confirmation, Customer
from services.ticketing.orders.rules import NothingToPay, OrderEnded
from services.ticketing.payments.provider import NotificationRefused, PaymentRefused
from tests.conftest import Instance
from tests.services.ticketing.shop import ACCOUNT, ADA, Shop, key, order, page

STRIPE = Confirmation(payment_method="stripe", customer=ADA)


@pytest.fixture
def instance(shared_instance: Instance) -> Instance:
    return shared_instance


async def waiting(shop: Shop, capacity: int = 10) -> Order:
    """One ticket at the full price, to be paid."""
    return await shop.buy((await shop.slot(capacity), shop.full_id, 1), method="stripe")


async def money(shop: Shop, order: Order) -> list[tuple[str, int]]:
    """Status of each payment of the order and what went back of it, in order of their making."""
    return [(payment.status, payment.refunded_minor) for payment in (await shop.read(order)).payments]


async def pay_again(shop: Shop, order: Order) -> Order:
    """A second payment page, after the first one was closed without money."""
    await shop.provider.expire(ACCOUNT, page(order))
    await shop.tell()
    return await shop.order_in(await shop.desk.confirm(shop.visitor, await shop.read(order), STRIPE, None))


async def test_order_waits_for_its_payment_page(shop: Shop):
    slot = await shop.slot()
    held = await shop.hold((slot, shop.full_id, 2), (slot, shop.free_id, 1))
    answer = await shop.desk.confirm(shop.visitor, held, STRIPE, None)
    opened = await shop.read(held)
    assert (opened.status, opened.tickets) == ("awaiting_payment", [])
    checkout = shop.provider.checkouts[page(opened)]
    assert (checkout.amount_minor, checkout.currency, checkout.account) == (3000, "EUR", ACCOUNT)
    # What costs nothing does not stand on a bill.
    assert [(line.name, line.quantity, line.unit_amount_minor) for line in checkout.lines] == [
        ("Visite – Plein tarif", 2, 1500)
    ]
    assert checkout.success_url.startswith(
        f"http://127.0.0.1:9/v1/establishments/{shop.slug}/orders/{held.id}?token=pvo_"
    )
    assert msgspec.json.decode(answer.body)["payment"]["url"] == f"https://pay.example.org/{page(opened)}"


async def test_paid_order_gets_its_tickets(shop: Shop):
    paid = await waiting(shop)
    await shop.pay(paid)
    await shop.tell()
    confirmed = await shop.read(paid)
    assert (confirmed.status, len(confirmed.tickets)) == ("confirmed", 1)
    assert await money(shop, paid) == [("paid", 0)]
    assert await shop.events("order") == ["order.confirmed"]
    assert await shop.events("payment") == ["payment.received"]


async def test_page_is_closed_when_the_order_is_paid_at_the_desk_instead(shop: Shop):
    changed = await waiting(shop)
    at_the_desk = Confirmation(payment_method="on_site", customer=ADA)
    await shop.desk.confirm(shop.visitor, await shop.read(changed), at_the_desk, None)
    confirmed = await shop.read(changed)
    assert (confirmed.status, confirmed.payment_method) == ("confirmed", "on_site")
    assert sorted(await money(shop, changed)) == [("due", 0), ("expired", 0)]


async def test_paid_at_the_last_moment_instead_of_at_the_desk(shop: Shop):
    paid = await waiting(shop)
    await shop.pay(paid)
    at_the_desk = Confirmation(payment_method="on_site", customer=ADA)
    await shop.desk.confirm(shop.visitor, await shop.read(paid), at_the_desk, None)
    assert (await shop.read(paid)).status == "confirmed"
    assert await money(shop, paid) == [("paid", 0)]


async def test_order_is_confirmed_before_anybody_was_told(shop: Shop):
    """The job asks the provider by itself."""
    paid = await waiting(shop)
    await shop.pay(paid)
    await shop.learn(paid)
    assert (await shop.read(paid)).status == "confirmed"


async def test_notifications_that_come_twice_and_at_once_confirm_once(shop: Shop):
    shop.provider.copies = 3
    paid = await waiting(shop)
    await shop.pay(paid)
    await asyncio.gather(*shop.news(), shop.learn(paid), shop.learn(paid))
    assert await shop.numbers() == [1]
    assert await money(shop, paid) == [("paid", 0)]
    assert await shop.events("payment") == ["payment.received"]
    assert await shop.refunds() == []


async def test_late_news_of_expiry_changes_nothing_about_what_was_paid(shop: Shop):
    paid = await waiting(shop)
    await shop.provider.expire(ACCOUNT, page(paid))
    expired = shop.news()
    shop.force_paid(paid)
    await shop.learn(paid)
    await asyncio.gather(*expired)
    assert await money(shop, paid) == [("paid", 0)]
    assert (await shop.read(paid)).status == "confirmed"


async def test_notification_that_is_not_genuine_is_refused(shop: Shop):
    paid = await waiting(shop)
    await shop.pay(paid)
    (delivery, *_) = [one for one in shop.provider.deliveries if b"completed" in one.body]
    for body, signature in (
        (delivery.body + b" ", delivery.signature),
        (delivery.body, delivery.signature[:-1] + "0"),
        (delivery.body, ""),
        (delivery.body.replace(ACCOUNT.encode(), b"acct_other"), delivery.signature),
    ):
        if (body, signature) != (delivery.body, delivery.signature):
            with pytest.raises(NotificationRefused):
                await shop.desk.cashier.notified(shop.tenant, body, signature)
    assert (await shop.read(paid)).status == "awaiting_payment"


async def test_lost_answer_of_the_provider_is_told_again_later(shop: Shop):
    """A webhook that could not look up the truth fails, so that it is delivered again."""
    paid = await waiting(shop)
    await shop.pay(paid)
    shop.provider.lose_next_answer()
    with pytest.raises(Unavailable):
        await shop.tell()
    await shop.learn(paid)
    assert (await shop.read(paid)).status == "confirmed"


async def test_same_page_again_while_it_is_open(shop: Shop):
    held = await shop.hold((await shop.slot(), shop.full_id, 1))
    pages = set()
    for _ in range(2):
        await shop.desk.confirm(shop.visitor, await shop.read(held), STRIPE, None)
        pages.add(page(await shop.read(held)))
    assert len(pages) == 1
    assert len((await shop.read(held)).payments) == 1


async def test_lost_answer_while_the_page_was_opened_finds_the_same_page(shop: Shop):
    slot = await shop.slot()
    wanted = order((slot, shop.full_id, 1), confirm=STRIPE)
    shop.provider.lose_next_answer()
    with pytest.raises(Unavailable):
        await shop.desk.create(shop.visitor, wanted, key())
    opened = await shop.order_in(await shop.desk.create(shop.visitor, wanted, key()))
    assert opened.status == "awaiting_payment"
    assert list(shop.provider.checkouts) == [page(opened)]
    assert await shop.taken(slot) == (1, 0)


async def test_card_order_with_the_same_key_at_once_opens_one_page(shop: Shop):
    wanted = order((await shop.slot(), shop.full_id, 1), confirm=STRIPE)
    answers = await asyncio.gather(
        *(shop.desk.create(shop.visitor, wanted, key()) for _ in range(3)), return_exceptions=True
    )
    refused = [one for one in answers if isinstance(one, IdempotencyInProgress)]
    assert (len(refused), len(shop.provider.checkouts)) == (2, 1)


async def test_free_order_cannot_be_paid(shop: Shop):
    with pytest.raises(NothingToPay):
        await shop.buy((await shop.slot(), shop.free_id, 1), method="stripe")


async def test_hold_that_is_over_opens_no_page(shop: Shop):
    held = await shop.hold((await shop.slot(), shop.full_id, 1))
    await shop.end_hold(held)
    with pytest.raises(OrderEnded):
        await shop.desk.confirm(shop.visitor, held, STRIPE, None)
    assert shop.provider.checkouts == {}


async def test_payment_page_keeps_the_places_longer(shop: Shop):
    held = await shop.hold((await shop.slot(), shop.full_id, 1), hold_minutes=1)
    await shop.desk.confirm(shop.visitor, held, STRIPE, None)
    after = await shop.read(held)
    assert held.expires_at is not None
    assert after.expires_at is not None
    assert (after.expires_at - held.expires_at).total_seconds() > 18 * 60


@pytest.mark.parametrize("taken_minor", [1400, 1600])
async def test_other_amount_than_was_asked_is_sent_back(shop: Shop, taken_minor: int):
    paid = await waiting(shop)
    shop.force_paid(paid, amount_minor=taken_minor)
    await shop.learn(paid)
    after = await shop.read(paid)
    assert after.tickets == []
    assert await shop.refunds() == [(1500, "waiting")]


async def test_other_amount_is_sent_back_also_when_the_process_died_in_between(shop: Shop):
    """It is known to be paid; whether the amount was right is asked again."""
    paid = await waiting(shop)
    shop.force_paid(paid, amount_minor=1400)
    await shop.owner.execute(
        "UPDATE ticketing.payments SET status = 'paid', paid_at = now(), provider_reference = $2 WHERE order_id = $1",
        paid.id,
        f"pi_{page(paid)}",
    )
    await shop.jobs._settle_payments(shop.tenant)
    assert (await shop.read(paid)).tickets == []
    assert await shop.refunds() == [(1500, "waiting")]


async def test_late_money_is_honoured_while_places_remain(shop: Shop):
    slot = await shop.slot(capacity=2)
    late = await shop.buy((slot, shop.full_id, 1), method="stripe")
    await shop.end_hold(late)
    await shop.buy((slot, shop.free_id, 1))
    await shop.pay(late)
    await shop.tell()
    honoured = await shop.read(late)
    assert (honoured.status, len(honoured.tickets)) == ("confirmed", 1)
    # From a hold of its own, which is the one that its places come back to.
    assert honoured.hold_id != late.hold_id
    assert {ticket.hold_id for ticket in honoured.tickets} == {honoured.hold_id}
    assert await shop.taken(slot) == (0, 2)


async def test_late_money_goes_back_when_nothing_remains(shop: Shop):
    slot = await shop.slot(capacity=1)
    late = await shop.buy((slot, shop.full_id, 1), method="stripe")
    await shop.end_hold(late)
    await shop.buy((slot, shop.free_id, 1))
    await shop.pay(late)
    await shop.tell()
    assert (await shop.read(late)).tickets == []
    assert await money(shop, late) == [("paid", 1500)]
    assert await shop.refunds() == [(1500, "waiting")]
    # However often it is looked at, it goes back once.
    await shop.learn(late)
    await shop.learn(late)
    assert await shop.refunds() == [(1500, "waiting")]
    assert await shop.taken(slot) == (0, 1)


async def test_two_late_payments_for_the_last_place(shop: Shop):
    slot = await shop.slot(capacity=2)
    late = [await shop.buy((slot, shop.full_id, 1), method="stripe") for _ in range(2)]
    for one in late:
        await shop.end_hold(one)
    await shop.buy((slot, shop.free_id, 1))
    for one in late:
        await shop.pay(one)
    await asyncio.gather(*shop.news())
    outcomes = {(len((await shop.read(one)).tickets), *(await money(shop, one))[0]) for one in late}
    assert outcomes == {(1, "paid", 0), (0, "paid", 1500)}
    assert await shop.taken(slot) == (0, 2)


async def test_money_for_an_order_that_expired_in_the_books(shop: Shop):
    slot = await shop.slot(capacity=1)
    late = await shop.buy((slot, shop.full_id, 1), method="stripe")
    await shop.end_order(late)
    assert (await shop.read(late)).status == "expired"
    shop.force_paid(late)
    await shop.learn(late)
    assert (await shop.read(late)).status == "confirmed"
    assert await shop.taken(slot) == (0, 1)


async def test_money_for_an_order_that_was_cancelled_goes_back(shop: Shop):
    slot = await shop.slot()
    given_up = await shop.buy((slot, shop.full_id, 1), method="stripe")
    await shop.desk.after_sales.cancel(shop.visitor, given_up, Cancellation(), None)
    shop.force_paid(given_up)
    await shop.learn(given_up)
    after = await shop.read(given_up)
    assert (after.status, after.tickets) == ("cancelled", [])
    assert await money(shop, given_up) == [("paid", 1500)]
    assert await shop.taken(slot) == (0, 0)


async def test_second_payment_after_the_first_bought_the_tickets_goes_back(shop: Shop):
    first = await waiting(shop)
    second = await pay_again(shop, first)
    shop.force_paid(first)
    await shop.learn(first)
    assert (await shop.read(first)).status == "confirmed"
    await shop.pay(second)
    await shop.tell()
    assert await money(shop, first) == [("paid", 0), ("paid", 1500)]
    assert await shop.numbers() == [1]


async def test_older_payment_after_the_newer_one_bought_the_tickets_goes_back(shop: Shop):
    first = await waiting(shop)
    second = await pay_again(shop, first)
    await shop.pay(second)
    await shop.tell()
    assert (await shop.read(first)).status == "confirmed"
    shop.force_paid(first)
    await shop.learn(first)
    assert await money(shop, first) == [("paid", 1500), ("paid", 0)]
    assert await shop.numbers() == [1]


async def test_two_payments_at_once_buy_once(shop: Shop):
    first = await waiting(shop)
    second = await pay_again(shop, first)
    shop.force_paid(first)
    await shop.pay(second)
    await asyncio.gather(shop.learn(first), shop.learn(second), shop.learn(first), shop.learn(second))
    assert sorted(await money(shop, first)) == [("paid", 0), ("paid", 1500)]
    assert await shop.numbers() == [1]
    assert await shop.refunds() == [(1500, "waiting")]


async def test_process_that_died_after_sending_money_back_is_mended(shop: Shop):
    slot = await shop.slot(capacity=1)
    late = await shop.buy((slot, shop.full_id, 1), method="stripe")
    await shop.end_hold(late)
    taken = await shop.buy((slot, shop.free_id, 1))
    await shop.pay(late)
    await shop.tell()
    await shop.desk.after_sales.cancel(shop.staff, taken, Cancellation(), None)
    await shop.owner.execute("UPDATE ticketing.payments SET settled_at = NULL WHERE order_id = $1", late.id)
    # There is a place again, but the money is on its way.
    await shop.jobs._settle_payments(shop.tenant)
    assert (await shop.read(late)).tickets == []
    assert await shop.refunds() == [(1500, "waiting")]
    settled = "SELECT settled_at IS NOT NULL FROM ticketing.payments WHERE order_id = $1"
    assert await shop.owner.fetchval(settled, late.id)


async def test_refund_that_the_provider_refused_is_left_to_staff(shop: Shop):
    slot = await shop.slot(capacity=1)
    late = await shop.buy((slot, shop.full_id, 1), method="stripe")
    await shop.end_hold(late)
    await shop.buy((slot, shop.free_id, 1))
    # Somebody sent the money back by hand: the provider has nothing left to return.
    shop.force_paid(late)
    await shop.learn(late)
    shop.force_paid(late, amount_minor=0)
    await shop.jobs._send_refunds(shop.tenant)
    assert await shop.refunds() == [(1500, "failed")]
    # The same news again changes nothing.
    await shop.learn(late)
    assert await shop.refunds() == [(1500, "failed")]
    assert await shop.events("refund") == ["refund.started", "refund.failed"]


async def test_refund_at_the_desk_does_not_make_a_second_payment_welcome(shop: Shop):
    first = await waiting(shop)
    second = await pay_again(shop, first)
    shop.force_paid(first)
    await shop.learn(first)
    await shop.owner.execute(
        "UPDATE ticketing.payments SET refunded_minor = 100 WHERE order_id = $1 AND status = 'paid'", first.id
    )
    await shop.pay(second)
    await shop.tell()
    assert await money(shop, first) == [("paid", 100), ("paid", 1500)]


async def test_checkout_of_another_establishment_under_the_same_account_is_no_concern_of_ours(shop: Shop):
    paid = await waiting(shop)
    await shop.owner.execute(
        "UPDATE ticketing.payments SET checkout_reference = 'cs_else' WHERE order_id = $1", paid.id
    )
    await shop.pay(paid)
    await shop.tell()
    assert await money(shop, paid) == [("pending", 0)]


async def test_provider_that_refuses_leaves_the_next_try_open(shop: Shop):
    held = await shop.hold((await shop.slot(), shop.full_id, 1))
    shop.provider.lose_next_answer()
    with pytest.raises(Unavailable):
        await shop.desk.confirm(shop.visitor, held, STRIPE, None)
    # The page that was never answered is somebody else's now: the provider wants the same payment in every field.
    grace = Confirmation("stripe", Customer(name="Grace Hopper", email="grace@example.org"))
    with pytest.raises(PaymentRefused):
        await shop.desk.confirm(shop.visitor, await shop.read(held), grace, None)
    assert await money(shop, held) == [("expired", 0)]
    await shop.desk.confirm(shop.visitor, await shop.read(held), grace, None)
    assert await money(shop, held) == [("expired", 0), ("pending", 0)]
