"""What every payment provider promises, tried on Stripe's adapter over HTTP and on the fake."""

import time
from datetime import timedelta

import msgspec
import pytest

from services.kit.errors import Unavailable
from services.ticketing.payments.provider import (
    LONGEST_CHECKOUT,
    SHORTEST_CHECKOUT,
    CheckoutExpired,
    CheckoutLine,
    CheckoutOpen,
    CheckoutPaid,
    NotificationRefused,
    PaymentRefused,
    RefundRefused,
)
from tests.parvis.stand_in.stripe.shop import MUSEUM, THEATRE
from tests.services.ticketing.payments.orders import checkout, paid_checkout, refund_of
from tests.services.ticketing.payments.stages import Stage

OWN_ACCOUNT = ""
DAY_SECONDS = 24 * 3600


async def test_same_payment_gets_the_same_page(stage: Stage):
    wanted = checkout()
    first = await stage.provider.start(wanted)
    again = await stage.provider.start(wanted)

    assert again == first
    assert first.url.startswith("http")
    assert first.expires_at == wanted.expires_at
    assert await stage.count_checkouts(MUSEUM) == 1
    assert (await stage.provider.start(checkout())).reference != first.reference


async def test_same_payment_gets_the_same_page_long_after(stage: Stage):
    wanted = checkout(expires_in_seconds=60)
    first = await stage.provider.start(wanted)
    await stage.pass_time(1200)
    assert await stage.provider.start(wanted) == first


async def test_same_payment_with_another_amount_is_refused(stage: Stage):
    wanted = checkout()
    await stage.provider.start(wanted)
    changed = msgspec.structs.replace(wanted, amount_minor=100, lines=[CheckoutLine("Plein tarif", 1, 100)])
    with pytest.raises(PaymentRefused):
        await stage.provider.start(changed)


async def test_lost_answer_leaves_one_page(stage: Stage):
    wanted = checkout()
    await stage.lose_next_answer()
    with pytest.raises(Unavailable):
        await stage.provider.start(wanted)
    started = await stage.provider.start(wanted)

    assert await stage.count_checkouts(MUSEUM) == 1
    assert await stage.provider.look_up(MUSEUM, started.reference) == CheckoutOpen()


@pytest.mark.parametrize(
    ("asked_seconds", "granted"), [(60, SHORTEST_CHECKOUT), (3600, timedelta(hours=1)), (259_200, LONGEST_CHECKOUT)]
)
async def test_page_lasts_as_long_as_the_provider_can(stage: Stage, asked_seconds: int, granted: timedelta):
    wanted = checkout(expires_in_seconds=asked_seconds)
    started = await stage.provider.start(wanted)
    assert started.expires_at == (wanted.asked_at + granted).replace(microsecond=0)


async def test_paid_page_says_what_was_taken(stage: Stage):
    started = await stage.provider.start(checkout())
    await stage.pay(started.reference)
    paid = await stage.provider.look_up(MUSEUM, started.reference)

    assert isinstance(paid, CheckoutPaid)
    assert (paid.amount_minor, paid.currency) == (3600, "EUR")
    assert paid.provider_reference.startswith("pi_")


async def test_declined_card_leaves_the_page_open_for_another(stage: Stage):
    started = await stage.provider.start(checkout())
    await stage.decline(started.reference)
    assert await stage.provider.look_up(MUSEUM, started.reference) == CheckoutOpen()

    await stage.pay(started.reference)
    assert isinstance(await stage.provider.look_up(MUSEUM, started.reference), CheckoutPaid)


async def test_open_page_is_ended_once_and_for_all(stage: Stage):
    started = await stage.provider.start(checkout())
    for _ in range(2):
        assert await stage.provider.expire(MUSEUM, started.reference) == CheckoutExpired()
    assert await stage.provider.look_up(MUSEUM, started.reference) == CheckoutExpired()


async def test_ending_a_paid_page_says_paid(stage: Stage):
    reference, paid = await paid_checkout(stage)
    assert await stage.provider.expire(MUSEUM, reference) == paid
    assert await stage.provider.look_up(MUSEUM, reference) == paid


async def test_lost_answer_to_an_end_is_found_out(stage: Stage):
    started = await stage.provider.start(checkout())
    await stage.lose_next_answer()
    with pytest.raises(Unavailable):
        await stage.provider.expire(MUSEUM, started.reference)
    assert await stage.provider.expire(MUSEUM, started.reference) == CheckoutExpired()


async def test_page_ends_by_itself(stage: Stage):
    started = await stage.provider.start(checkout())
    await stage.pass_time(3601)
    assert await stage.provider.look_up(MUSEUM, started.reference) == CheckoutExpired()


@pytest.mark.parametrize("account", [THEATRE, OWN_ACCOUNT])
async def test_page_is_unknown_to_another_account(stage: Stage, account: str):
    started = await stage.provider.start(checkout())
    with pytest.raises(PaymentRefused):
        await stage.provider.look_up(account, started.reference)
    with pytest.raises(PaymentRefused):
        await stage.provider.expire(account, started.reference)
    assert await stage.provider.look_up(MUSEUM, started.reference) == CheckoutOpen()


async def test_refunds_stop_at_what_was_paid(stage: Stage):
    _, paid = await paid_checkout(stage)
    first = await stage.provider.refund(refund_of(paid, amount_minor=1000))
    second = await stage.provider.refund(refund_of(paid, amount_minor=2000))
    with pytest.raises(RefundRefused):
        await stage.provider.refund(refund_of(paid, amount_minor=601))
    rest = await stage.provider.refund(refund_of(paid, amount_minor=600))
    with pytest.raises(RefundRefused):
        await stage.provider.refund(refund_of(paid, amount_minor=1))

    assert len({first.reference, second.reference, rest.reference}) == 3
    assert await stage.refunded_minor(MUSEUM) == 3600


async def test_same_refund_is_made_once(stage: Stage):
    _, paid = await paid_checkout(stage)
    order = refund_of(paid)
    first = await stage.provider.refund(order)

    assert await stage.provider.refund(order) == first
    with pytest.raises(RefundRefused):
        await stage.provider.refund(msgspec.structs.replace(order, amount_minor=500))
    assert await stage.refunded_minor(MUSEUM) == 1000


async def test_refund_whose_answer_was_lost_is_made_once(stage: Stage):
    _, paid = await paid_checkout(stage)
    order = refund_of(paid)
    await stage.lose_next_answer()
    with pytest.raises(Unavailable):
        await stage.provider.refund(order)
    await stage.provider.refund(order)
    assert await stage.refunded_minor(MUSEUM) == 1000


async def test_refund_repeated_after_the_key_was_forgotten_is_made_once(stage: Stage):
    _, paid = await paid_checkout(stage)
    order = refund_of(paid)
    first = await stage.provider.refund(order)
    await stage.pass_time(DAY_SECONDS + 3600)

    assert await stage.provider.refund(order) == first
    assert await stage.refunded_minor(MUSEUM) == 1000


async def test_unpaid_or_foreign_payment_is_not_refunded(stage: Stage):
    _, paid = await paid_checkout(stage)
    with pytest.raises(RefundRefused):
        await stage.provider.refund(refund_of(paid, account=THEATRE))
    with pytest.raises(RefundRefused):
        await stage.provider.refund(refund_of(paid, provider_reference="pi_unknown"))
    assert await stage.refunded_minor(MUSEUM) == 0


async def test_payment_to_the_platform_itself_works_alike(stage: Stage):
    reference, paid = await paid_checkout(stage, OWN_ACCOUNT)
    await stage.provider.refund(refund_of(paid, account=OWN_ACCOUNT))
    [delivered] = await stage.delivered("checkout.session.completed")
    notification = stage.provider.read_notification(delivered.body, delivered.signature, OWN_ACCOUNT)

    assert notification is not None
    assert notification.checkout_reference == reference
    assert await stage.refunded_minor(OWN_ACCOUNT) == 1000
    with pytest.raises(NotificationRefused):
        stage.provider.read_notification(delivered.body, delivered.signature, MUSEUM)


async def test_notification_names_the_paid_page(stage: Stage):
    reference, _ = await paid_checkout(stage)
    [delivered] = await stage.delivered("checkout.session.completed")
    notification = stage.provider.read_notification(delivered.body, delivered.signature, MUSEUM)

    assert notification is not None
    assert notification.event_id.startswith("evt_")
    assert (notification.type, notification.checkout_reference) == ("checkout.session.completed", reference)


async def test_notification_names_the_expired_page(stage: Stage):
    started = await stage.provider.start(checkout())
    await stage.provider.expire(MUSEUM, started.reference)
    [delivered] = await stage.delivered("checkout.session.expired")
    notification = stage.provider.read_notification(delivered.body, delivered.signature, MUSEUM)

    assert notification is not None
    assert notification.checkout_reference == started.reference


async def test_copies_of_a_notification_are_equal(stage: Stage):
    await stage.send_twice()
    await paid_checkout(stage)
    copies = await stage.delivered("checkout.session.completed", copies=2)
    first, second = (stage.provider.read_notification(one.body, one.signature, MUSEUM) for one in copies)

    assert first is not None
    assert first == second


async def test_notification_of_something_else_is_none_of_our_business(stage: Stage):
    await paid_checkout(stage)
    [delivered] = await stage.delivered("charge.succeeded")
    assert stage.provider.read_notification(delivered.body, delivered.signature, MUSEUM) is None


async def test_notification_of_another_account_is_refused(stage: Stage):
    await paid_checkout(stage)
    for event_type in ("checkout.session.completed", "charge.succeeded"):
        [delivered] = await stage.delivered(event_type)
        for account in (THEATRE, OWN_ACCOUNT):
            with pytest.raises(NotificationRefused):
                stage.provider.read_notification(delivered.body, delivered.signature, account)


async def test_forged_notification_is_refused(stage: Stage):
    await paid_checkout(stage)
    [delivered] = await stage.delivered("checkout.session.completed")
    altered = delivered.body.replace(b"completed", b"expired")
    now = int(time.time())
    _, _, digest = delivered.signature.partition("v1=")
    forgeries = [
        (altered, delivered.signature),
        (delivered.body + b" ", delivered.signature),
        (delivered.body, ""),
        (delivered.body, "t=1"),
        (delivered.body, f"v1={digest}"),
        (delivered.body, f"t={now},v0={digest}"),
        (delivered.body, f"t={now + 7},v1={digest}"),
        (delivered.body, f"t={now},v1={'0' * 64}"),
        (delivered.body, f"t={now},v1=é"),
        (b"\xff\xfe", delivered.signature),
        (b"", delivered.signature),
    ]
    for body, signature in forgeries:
        with pytest.raises(NotificationRefused) as refused:
            stage.provider.read_notification(body, signature, MUSEUM)
        assert refused.value.status == 400


async def test_late_notification_is_refused(stage: Stage):
    await paid_checkout(stage)
    [delivered] = await stage.delivered("checkout.session.completed")
    now = int(time.time())

    assert stage.provider.read_notification(delivered.body, stage.sign(delivered.body, now - 290), MUSEUM) is not None
    with pytest.raises(NotificationRefused):
        stage.provider.read_notification(delivered.body, stage.sign(delivered.body, now - 310), MUSEUM)
