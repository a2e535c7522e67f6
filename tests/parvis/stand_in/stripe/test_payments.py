import pytest
import stripe

from tests.parvis.stand_in.stripe.shop import MUSEUM, THEATRE, StandIn, open_session, take_payment

# The SDK hands its body to httpx in a way that httpx 0.28 deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


async def test_payment_is_taken_in_one_call(stand_in: StandIn):
    sdk = stand_in.sdk()
    intent = await take_payment(sdk)
    charge = await sdk.v1.charges.retrieve_async(str(intent.latest_charge))
    assert (intent.status, charge.status, charge.amount, charge.payment_intent) == (
        "succeeded",
        "succeeded",
        3000,
        intent.id,
    )


async def test_declined_payment_raises_a_card_error_and_can_be_tried_again(stand_in: StandIn):
    sdk = stand_in.sdk()
    intent = await sdk.v1.payment_intents.create_async({"amount": 3000, "currency": "eur"})
    with pytest.raises(stripe.CardError) as declined:
        await sdk.v1.payment_intents.confirm_async(intent.id, {"payment_method": "pm_card_visa_chargeDeclined"})
    assert (declined.value.http_status, declined.value.code) == (402, "card_declined")

    failed = await sdk.v1.payment_intents.retrieve_async(intent.id)
    assert failed.status == "requires_payment_method"
    assert failed.last_payment_error is not None
    assert failed.last_payment_error.decline_code == "generic_decline"
    paid = await sdk.v1.payment_intents.confirm_async(intent.id, {"payment_method": "pm_card_visa"})
    assert (paid.status, paid.last_payment_error) == ("succeeded", None)


async def test_cancelled_payment_stays_cancelled(stand_in: StandIn):
    sdk = stand_in.sdk()
    intent = await sdk.v1.payment_intents.create_async({"amount": 3000, "currency": "eur"})
    cancelled = await sdk.v1.payment_intents.cancel_async(intent.id, {"cancellation_reason": "abandoned"})
    assert (cancelled.status, cancelled.cancellation_reason) == ("canceled", "abandoned")
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await sdk.v1.payment_intents.confirm_async(intent.id, {"payment_method": "pm_card_visa"})
    assert refused.value.code == "payment_intent_unexpected_state"


async def test_refunds_stop_at_what_was_paid(stand_in: StandIn):
    sdk = stand_in.sdk()
    intent = await take_payment(sdk)
    first = await sdk.v1.refunds.create_async({"payment_intent": intent.id, "amount": 1000})
    second = await sdk.v1.refunds.create_async({"charge": str(intent.latest_charge), "amount": 500})

    with pytest.raises(stripe.InvalidRequestError) as too_much:
        await sdk.v1.refunds.create_async({"payment_intent": intent.id, "amount": 1501})
    assert (too_much.value.http_status, too_much.value.param, too_much.value.code) == (400, "amount", None)
    assert too_much.value.user_message == (
        "Refund amount (€15.01) is greater than unrefunded amount on charge (€15.00)"
    )
    rest = await sdk.v1.refunds.create_async({"payment_intent": intent.id, "reason": "requested_by_customer"})
    assert (rest.amount, rest.status) == (1500, "succeeded")
    with pytest.raises(stripe.InvalidRequestError) as nothing_left:
        await sdk.v1.refunds.create_async({"payment_intent": intent.id})
    assert (nothing_left.value.http_status, nothing_left.value.code) == (400, "charge_already_refunded")

    refunds = await sdk.v1.refunds.list_async({"payment_intent": intent.id})
    assert [refund.id for refund in refunds.data] == [rest.id, second.id, first.id]
    assert (await sdk.v1.refunds.retrieve_async(first.id)).amount == 1000
    assert (await sdk.v1.charges.retrieve_async(str(intent.latest_charge))).refunded is True
    truth = await stand_in.truth()
    assert (truth["captured_minor"], truth["refunded_minor"]) == (3000, 3000)


async def test_unpaid_payment_cannot_be_refunded(stand_in: StandIn):
    sdk = stand_in.sdk()
    intent = await sdk.v1.payment_intents.create_async({"amount": 3000, "currency": "eur"})
    with pytest.raises(stripe.InvalidRequestError, match="does not have a successful charge"):
        await sdk.v1.refunds.create_async({"payment_intent": intent.id})


async def test_accounts_do_not_see_each_other(stand_in: StandIn):
    museum, theatre, platform = stand_in.sdk(MUSEUM), stand_in.sdk(THEATRE), stand_in.sdk(None)
    session = await open_session(museum)
    await stand_in.pay(session.id)
    intent = str((await museum.v1.checkout.sessions.retrieve_async(session.id)).payment_intent)
    charge = str((await museum.v1.payment_intents.retrieve_async(intent)).latest_charge)
    refund = await museum.v1.refunds.create_async({"charge": charge, "amount": 1})
    event = (await museum.v1.events.list_async()).data[0].id

    for stranger in (theatre, platform):
        attempts = [
            stranger.v1.checkout.sessions.retrieve_async(session.id),
            stranger.v1.checkout.sessions.expire_async(session.id),
            stranger.v1.payment_intents.retrieve_async(intent),
            stranger.v1.payment_intents.cancel_async(intent),
            stranger.v1.charges.retrieve_async(charge),
            stranger.v1.refunds.create_async({"payment_intent": intent}),
            stranger.v1.refunds.create_async({"charge": charge}),
            stranger.v1.refunds.retrieve_async(refund.id),
            stranger.v1.events.retrieve_async(event),
        ]
        for attempt in attempts:
            with pytest.raises(stripe.InvalidRequestError) as refused:
                await attempt
            assert (refused.value.http_status, refused.value.code) == (404, "resource_missing")
        assert (await stranger.v1.checkout.sessions.list_async()).data == []
        assert (await stranger.v1.refunds.list_async()).data == []
        assert (await stranger.v1.events.list_async()).data == []


async def test_keys_have_accounts_of_their_own(stand_in: StandIn):
    one, two = stand_in.sdk(None, key="sk_test_one"), stand_in.sdk(None, key="sk_test_two")
    intent = await take_payment(one)
    assert (await one.v1.accounts.retrieve_current_async()).id != (await two.v1.accounts.retrieve_current_async()).id
    with pytest.raises(stripe.InvalidRequestError, match="No such payment_intent"):
        await two.v1.payment_intents.retrieve_async(intent.id)


@pytest.mark.parametrize("key", ["sk_live_secret", "pk_test_public", "sk_test_"])
async def test_other_keys_are_refused(stand_in: StandIn, key: str):
    with pytest.raises(stripe.AuthenticationError) as refused:
        await stand_in.sdk(key=key).v1.payment_intents.list_async()
    assert refused.value.http_status == 401
    assert refused.value.request_id is not None


async def test_long_lists_are_paged(stand_in: StandIn):
    sdk = stand_in.sdk()
    intents = [await sdk.v1.payment_intents.create_async({"amount": 100, "currency": "eur"}) for _ in range(5)]
    first_page = await sdk.v1.payment_intents.list_async({"limit": 2})
    everything = [intent.id async for intent in first_page.auto_paging_iter()]
    assert len(first_page.data) == 2
    assert everything == [intent.id for intent in reversed(intents)]


async def test_secret_key_may_come_as_basic_user(stand_in: StandIn):
    answer = await stand_in.control.get("/v1/account", auth=("sk_test_platform", ""))
    assert answer.json()["id"] == (await stand_in.sdk(None).v1.accounts.retrieve_current_async()).id
    assert answer.headers["request-id"].startswith("req_")


async def test_authenticated_payment_names_the_page_to_visit(stand_in: StandIn):
    sdk = stand_in.sdk()
    intent = await sdk.v1.payment_intents.create_async({"amount": 3000, "currency": "eur"})
    asked = await sdk.v1.payment_intents.confirm_async(
        intent.id, {"payment_method": "pm_card_authenticationRequired", "return_url": "http://127.0.0.1:9/back"}
    )
    assert (asked.status, asked.latest_charge) == ("requires_action", None)
    assert asked.next_action is not None
    assert asked.next_action.redirect_to_url is not None
    answered = await stand_in.control.post(str(asked.next_action.redirect_to_url.url), data={"answer": "authorise"})
    assert answered.headers["location"] == "http://127.0.0.1:9/back"
    assert (await sdk.v1.payment_intents.retrieve_async(intent.id)).status == "succeeded"


async def test_payment_of_a_session_is_left_to_its_session(stand_in: StandIn):
    sdk = stand_in.sdk()
    session = await open_session(sdk)
    await stand_in.pay(session.id, "4000000000000002")
    intent = str((await sdk.v1.checkout.sessions.retrieve_async(session.id)).payment_intent)
    with pytest.raises(stripe.InvalidRequestError, match="belongs to a Checkout Session"):
        await sdk.v1.payment_intents.confirm_async(intent, {"payment_method": "pm_card_visa"})
    with pytest.raises(stripe.InvalidRequestError, match="belongs to a Checkout Session"):
        await sdk.v1.payment_intents.cancel_async(intent)
    await sdk.v1.checkout.sessions.expire_async(session.id)
    assert (await sdk.v1.payment_intents.retrieve_async(intent)).status == "canceled"
