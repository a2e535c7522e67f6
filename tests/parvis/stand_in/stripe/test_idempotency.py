import asyncio

import pytest
import stripe

from tests.parvis.stand_in.stripe.shop import THEATRE, StandIn, open_session, session_parameters, take_payment

# The SDK hands its body to httpx in a way that httpx 0.28 deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


async def test_same_key_and_parameters_get_the_first_answer_again(stand_in: StandIn):
    sessions = stand_in.sdk().v1.checkout.sessions
    first = await sessions.create_async(session_parameters(), {"idempotency_key": "order-1"})
    await stand_in.pay(first.id)
    again = await sessions.create_async(session_parameters(), {"idempotency_key": "order-1"})

    assert again.to_dict() == first.to_dict()
    assert again.last_response is not None
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    assert first.last_response is not None
    assert "Idempotent-Replayed" not in first.last_response.headers
    assert len((await sessions.list_async()).data) == 1


async def test_same_key_with_other_parameters_is_refused(stand_in: StandIn):
    sessions = stand_in.sdk().v1.checkout.sessions
    await sessions.create_async(session_parameters(), {"idempotency_key": "order-1"})
    with pytest.raises(stripe.IdempotencyError) as refused:
        await sessions.create_async(session_parameters(locale="en"), {"idempotency_key": "order-1"})
    assert refused.value.http_status == 400


async def test_same_key_at_another_address_is_refused(stand_in: StandIn):
    sdk = stand_in.sdk()
    first, second = await open_session(sdk), await open_session(sdk)
    await sdk.v1.checkout.sessions.expire_async(first.id, options={"idempotency_key": "end"})
    with pytest.raises(stripe.IdempotencyError, match="same endpoint"):
        await sdk.v1.checkout.sessions.expire_async(second.id, options={"idempotency_key": "end"})


async def test_each_account_has_its_own_keys(stand_in: StandIn):
    museum = await stand_in.sdk().v1.checkout.sessions.create_async(session_parameters(), {"idempotency_key": "1"})
    theatre = await stand_in.sdk(THEATRE).v1.checkout.sessions.create_async(
        session_parameters(), {"idempotency_key": "1"}
    )
    assert museum.id != theatre.id


async def test_same_key_at_the_same_time_is_a_conflict(stand_in: StandIn):
    sdk = stand_in.sdk()
    intent = await take_payment(sdk)
    await stand_in.order_fault(kind="delay", seconds=0.2, method="POST")
    answers = await asyncio.gather(
        *(
            sdk.v1.refunds.create_async({"payment_intent": intent.id, "amount": 100}, {"idempotency_key": "refund"})
            for _ in range(2)
        ),
        return_exceptions=True,
    )
    [refund] = [answer for answer in answers if isinstance(answer, stripe.Refund)]
    [conflict] = [answer for answer in answers if isinstance(answer, stripe.StripeError)]
    assert (refund.amount, conflict.http_status) == (100, 409)
    assert conflict.error is not None
    assert conflict.error.code == "idempotency_key_in_use"


async def test_answer_lost_after_effect_is_found_by_the_retry(stand_in: StandIn):
    sdk = stand_in.sdk(retries=2)
    intent = await take_payment(sdk)
    await stand_in.order_fault(kind="fail_after_effect", path_prefix="/v1/refunds")
    refund = await sdk.v1.refunds.create_async({"payment_intent": intent.id, "amount": 100})

    assert [found.id for found in (await sdk.v1.refunds.list_async()).data] == [refund.id]
    assert (await stand_in.truth())["refunded_minor"] == 100


async def test_answer_lost_without_a_retry_has_taken_effect_all_the_same(stand_in: StandIn):
    sdk = stand_in.sdk()
    await stand_in.order_fault(kind="fail_after_effect", calls=2)
    for _ in range(2):
        with pytest.raises(stripe.APIError) as lost:
            await sdk.v1.checkout.sessions.create_async(session_parameters(), {"idempotency_key": "order-1"})
        assert lost.value.http_status == 500
    session = await sdk.v1.checkout.sessions.create_async(session_parameters(), {"idempotency_key": "order-1"})
    assert [found.id for found in (await sdk.v1.checkout.sessions.list_async()).data] == [session.id]


async def test_failure_before_effect_leaves_nothing(stand_in: StandIn):
    sdk = stand_in.sdk()
    await stand_in.order_fault(kind="fail_before_effect")
    with pytest.raises(stripe.APIError):
        await open_session(sdk)
    assert (await sdk.v1.checkout.sessions.list_async()).data == []


async def test_declined_card_is_declined_again_under_the_same_key(stand_in: StandIn):
    sdk = stand_in.sdk()
    intent = await sdk.v1.payment_intents.create_async({"amount": 3000, "currency": "eur"})
    for _ in range(2):
        with pytest.raises(stripe.CardError):
            await sdk.v1.payment_intents.confirm_async(
                intent.id, {"payment_method": "pm_card_chargeDeclined"}, {"idempotency_key": "try"}
            )
    assert len((await sdk.v1.charges.list_async()).data) == 1


async def test_refused_parameters_do_not_use_up_the_key(stand_in: StandIn):
    sessions = stand_in.sdk().v1.checkout.sessions
    with pytest.raises(stripe.InvalidRequestError):
        await sessions.create_async(session_parameters(mode="setup"), {"idempotency_key": "order-1"})
    session = await sessions.create_async(session_parameters(), {"idempotency_key": "order-1"})
    assert session.status == "open"
