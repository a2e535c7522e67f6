import time

import pytest
import stripe

from tests.parvis.stand_in.stripe.shop import StandIn, open_session, session_parameters

# The SDK hands its body to httpx in a way that httpx 0.28 deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


async def test_session_is_created_as_asked(stand_in: StandIn):
    expires_at = int(time.time()) + 1900
    session = await open_session(stand_in.sdk(), expires_at=expires_at)

    assert session.id.startswith("cs_test_")
    assert (session.status, session.payment_status, session.payment_intent) == ("open", "unpaid", None)
    assert (session.amount_total, session.currency) == (3000, "eur")
    assert (session.client_reference_id, session.customer_email) == ("order-1", "ada@example.org")
    assert session.metadata is not None
    assert session.metadata.to_dict() == {"order": "order-1"}
    assert session.expires_at == expires_at
    assert session.url == f"{stand_in.url}/c/pay/{session.id}"


async def test_paid_session_is_complete_and_names_its_payment(stand_in: StandIn):
    sdk = stand_in.sdk()
    session = await open_session(sdk)
    assert (await stand_in.pay(session.id)).status_code == 200

    paid = await sdk.v1.checkout.sessions.retrieve_async(
        session.id, {"expand": ["payment_intent.latest_charge", "line_items"]}
    )
    intent = paid.payment_intent
    assert isinstance(intent, stripe.PaymentIntent)
    assert isinstance(intent.latest_charge, stripe.Charge)
    assert (paid.status, paid.payment_status, paid.url) == ("complete", "paid", None)
    assert (intent.status, intent.amount_received, intent.metadata.to_dict()) == (
        "succeeded",
        3000,
        {"order": "order-1"},
    )
    assert (intent.latest_charge.captured, intent.latest_charge.amount_captured) == (True, 3000)
    assert paid.line_items is not None
    assert [(item.description, item.quantity, item.amount_total) for item in paid.line_items.data] == [
        ("Plein tarif – Été", 2, 3000),
        ("Moins de 26 ans", 1, 0),
    ]


async def test_session_is_found_by_its_payment(stand_in: StandIn):
    sdk = stand_in.sdk()
    wanted, other = await open_session(sdk), await open_session(sdk)
    await stand_in.pay(wanted.id)
    await stand_in.pay(other.id)
    paid = await sdk.v1.checkout.sessions.retrieve_async(wanted.id)

    found = await sdk.v1.checkout.sessions.list_async({"payment_intent": str(paid.payment_intent)})
    assert [session.id for session in found.data] == [wanted.id]


async def test_declined_card_leaves_the_session_open_for_another(stand_in: StandIn):
    sdk = stand_in.sdk()
    session = await open_session(sdk)

    declined = await stand_in.pay(session.id, "4000000000000002")
    assert (declined.status_code, declined.json()["error"]["code"]) == (402, "card_declined")
    poor = await stand_in.pay(session.id, "4000 0000 0000 9995")
    assert (poor.status_code, poor.json()["error"]["decline_code"]) == (402, "insufficient_funds")
    assert (await sdk.v1.checkout.sessions.retrieve_async(session.id)).status == "open"
    assert (await stand_in.pay(session.id)).status_code == 200

    truth = await stand_in.truth()
    assert (truth["captured_minor"], truth["refunded_minor"]) == (3000, 0)


@pytest.mark.parametrize(("answer", "http_status", "status"), [("authorise", 200, "complete"), ("refuse", 402, "open")])
async def test_authenticated_card_follows_the_cardholder(stand_in: StandIn, answer: str, http_status: int, status: str):
    sdk = stand_in.sdk()
    session = await open_session(sdk)
    waiting = await stand_in.pay(session.id, "4000002760003184")
    assert (waiting.status_code, waiting.json()["status"]) == (200, "open")

    answered = await stand_in.pay(session.id, "4000002760003184", authentication=answer)
    assert answered.status_code == http_status
    assert (await sdk.v1.checkout.sessions.retrieve_async(session.id)).status == status


async def test_expired_session_cannot_be_paid(stand_in: StandIn):
    sdk = stand_in.sdk()
    session = await open_session(sdk)
    expired = await sdk.v1.checkout.sessions.expire_async(session.id)
    assert (expired.status, expired.url) == ("expired", None)

    assert (await stand_in.pay(session.id)).status_code == 400
    with pytest.raises(stripe.InvalidRequestError, match="status of `expired`"):
        await sdk.v1.checkout.sessions.expire_async(session.id)


async def test_paid_session_cannot_be_expired(stand_in: StandIn):
    sdk = stand_in.sdk()
    session = await open_session(sdk)
    await stand_in.pay(session.id)
    with pytest.raises(stripe.InvalidRequestError, match="status of `complete`"):
        await sdk.v1.checkout.sessions.expire_async(session.id)


async def test_session_expires_by_the_clock(stand_in: StandIn):
    sdk = stand_in.sdk()
    early = await open_session(sdk, expires_at=int(time.time()) + 1800)
    late = await open_session(sdk, expires_at=int(time.time()) + 7200)
    await stand_in.control.post("/_stand_in/clock", json={"advance_seconds": 1900})

    sessions = await sdk.v1.checkout.sessions.list_async()
    assert {session.id: session.status for session in sessions.data} == {early.id: "expired", late.id: "open"}


@pytest.mark.parametrize(
    ("changes", "param", "code"),
    [
        ({"line_items": []}, "line_items", "parameter_missing"),
        ({"success_url": "javascript:alert(1)"}, "success_url", "url_invalid"),
        ({"expires_at": 1}, "expires_at", None),
        ({"expires_at": 2**40}, "expires_at", None),
        ({"mode": "subscription"}, "mode", None),
        ({"allow_promotion_codes": True}, "allow_promotion_codes", "parameter_unknown"),
        (
            {"payment_intent_data": {"metadate": {}, "shipping": {"name": "x"}}},
            "payment_intent_data[shipping]",
            "parameter_unknown",
        ),
    ],
)
async def test_wrong_parameters_are_refused_by_name(
    stand_in: StandIn, changes: dict[str, object], param: str, code: str | None
):
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await stand_in.sdk().v1.checkout.sessions.create_async(session_parameters(**changes))
    assert (refused.value.http_status, refused.value.param, refused.value.code) == (400, param, code)


async def test_amount_below_the_minimum_is_refused(stand_in: StandIn):
    cheap = {"quantity": 1, "price_data": {"currency": "eur", "unit_amount": 49, "product_data": {"name": "x"}}}
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await open_session(stand_in.sdk(), line_items=[cheap])
    assert refused.value.code == "amount_too_small"
