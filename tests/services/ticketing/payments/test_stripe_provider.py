"""What only Stripe's adapter does; what every provider does stands in test_provider_contract.py."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

import pytest
import stripe

from services.kit.errors import Unavailable
from services.ticketing.payments.provider import (
    CheckoutLine,
    CheckoutPaid,
    NotificationRefused,
    PaymentRefused,
    RefundRefused,
)
from services.ticketing.payments.stripe_provider import StripeProvider, StripeSettings
from tests.parvis.stand_in.stripe.shop import MUSEUM, StandIn
from tests.services.kit.canned_server import CannedServer, canned_server, http_answer
from tests.services.ticketing.payments.orders import ESTABLISHMENT, checkout, paid_checkout, refund_of
from tests.services.ticketing.payments.stages import API_KEY, StripeStage, stripe_settings

PAID = CheckoutPaid(provider_reference="pi_1", amount_minor=3600, currency="EUR")


def problem(status: int, **error: str) -> bytes:
    return http_answer(status, json.dumps({"error": {"message": "About ada@example.org", **error}}).encode())


UNCLEAR_ANSWERS = {
    "too many requests": problem(429, type="invalid_request_error", code="rate_limit"),
    "key in use": problem(409, type="idempotency_error", code="idempotency_key_in_use"),
    "our key is wrong": problem(401, type="invalid_request_error"),
    "broken": problem(500, type="api_error"),
    "down": http_answer(503, b"<html>Sorry</html>", "Content-Type: text/html"),
    "redirect": http_answer(307, b"", "Location: http://127.0.0.1:9/"),
    "no JSON": http_answer(200, b"<html>"),
    "no HTTP": b"SSH-2.0-OpenSSH\r\n",
    "nothing": b"",
    "cut off": http_answer(200, b"{}")[:-1],
    "endless": http_answer(200, b"[" + b" " * 2_000_000),
}
REFUSALS = {
    "invalid": problem(400, type="invalid_request_error", code="amount_too_small"),
    "unknown": problem(404, type="invalid_request_error", code="resource_missing"),
    "card": problem(402, type="card_error", code="card_declined"),
    "account": problem(403, type="invalid_request_error", code="account_invalid"),
    "other request": problem(400, type="idempotency_error"),
}


@pytest.fixture
async def server() -> AsyncIterator[CannedServer]:
    async with canned_server() as canned:
        yield canned


@pytest.fixture
async def provider(server: CannedServer) -> AsyncIterator[StripeProvider]:
    settings = StripeSettings(api_key="sk_test_1", webhook_secret="whsec_1", api_url=f"{server.url}/")
    provider = StripeProvider(settings, retries=0)
    yield provider
    await provider.close()


@pytest.mark.parametrize("answer", UNCLEAR_ANSWERS.values(), ids=UNCLEAR_ANSWERS)
async def test_unclear_answer_is_unavailable(server: CannedServer, provider: StripeProvider, answer: bytes):
    server.answer = answer
    with pytest.raises(Unavailable):
        await provider.start(checkout())
    with pytest.raises(Unavailable):
        await provider.look_up(MUSEUM, "cs_1")
    with pytest.raises(Unavailable):
        await provider.expire(MUSEUM, "cs_1")
    with pytest.raises(Unavailable):
        await provider.refund(refund_of(PAID))


@pytest.mark.parametrize("answer", REFUSALS.values(), ids=REFUSALS)
async def test_refusal_is_ours_and_keeps_the_words_to_itself(
    server: CannedServer, provider: StripeProvider, answer: bytes
):
    server.answer = answer
    with pytest.raises(PaymentRefused) as refused:
        await provider.start(checkout())
    assert refused.value.problem().code == "payment_refused"
    assert "ada@" not in refused.value.problem().detail
    with pytest.raises(PaymentRefused):
        await provider.expire(MUSEUM, "cs_1")
    with pytest.raises(RefundRefused) as not_refunded:
        await provider.refund(refund_of(PAID))
    assert not_refunded.value.problem().code == "refund_refused"


async def test_nobody_listening_is_unavailable(server: CannedServer):
    settings = StripeSettings(api_key="sk_test_1", webhook_secret="whsec_1", api_url="http://127.0.0.1:1")
    provider = StripeProvider(settings, retries=0)
    with pytest.raises(Unavailable):
        await provider.start(checkout())
    await provider.close()
    assert server.connections == 0


@pytest.mark.parametrize("url", ["http://stripe.example.org", "https://10.0.0.1", "https://169.254.169.254"])
async def test_address_that_leads_inside_is_never_called(url: str):
    provider = StripeProvider(StripeSettings(api_key="sk_test_1", webhook_secret="whsec_1", api_url=url))
    with pytest.raises(Unavailable):
        await provider.start(checkout())
    await provider.close()


async def test_request_tells_no_more_than_it_must(server: CannedServer, provider: StripeProvider):
    wanted = checkout(language="br", lines=[CheckoutLine("x" * 300, 2, 1800)])
    server.answer = problem(500, type="api_error")
    with pytest.raises(Unavailable):
        await provider.start(wanted)
    [(head, body)] = server.requests

    assert dict(parse_qsl(body, strict_parsing=True)) == {
        "mode": "payment",
        "line_items[0][quantity]": "2",
        "line_items[0][price_data][currency]": "eur",
        "line_items[0][price_data][unit_amount]": "1800",
        "line_items[0][price_data][product_data][name]": "x" * 250,
        "success_url": wanted.success_url,
        "cancel_url": wanted.cancel_url,
        "client_reference_id": str(wanted.payment_id),
        "customer_email": "ada@example.org",
        "metadata[order_id]": str(wanted.order_id),
        "metadata[establishment_id]": str(ESTABLISHMENT),
        "payment_intent_data[metadata][order_id]": str(wanted.order_id),
        "payment_intent_data[metadata][establishment_id]": str(ESTABLISHMENT),
        "locale": "auto",
        "expires_at": str(int(wanted.expires_at.timestamp())),
    }
    headers = dict(line.split(": ", 1) for line in head.splitlines()[1:] if line)
    assert headers["Idempotency-Key"] == f"start:{wanted.payment_id}"
    assert headers["Stripe-Account"] == MUSEUM
    assert set(json.loads(headers["X-Stripe-Client-User-Agent"])) <= {
        "bindings_version",
        "lang",
        "lang_version",
        "httplib",
        "ai_agent",
    }
    assert "X-Stripe-Client-Telemetry" not in headers


async def test_payment_to_the_platform_names_no_account_and_no_email(server: CannedServer, provider: StripeProvider):
    server.answer = problem(500, type="api_error")
    with pytest.raises(Unavailable):
        await provider.start(checkout(account="", customer_email=""))
    [(head, body)] = server.requests
    assert "stripe-account" not in head.lower()
    assert "email" not in body


async def test_refund_that_did_not_reach_the_payer_is_refused(server: CannedServer, provider: StripeProvider):
    order = refund_of(PAID)
    refund = {
        "object": "refund",
        "id": "re_1",
        "amount": 1000,
        "status": "failed",
        "metadata": {"refund_id": str(order.refund_id)},
    }
    page = {"object": "list", "data": [refund], "has_more": False, "url": "/v1/refunds"}
    server.answer = http_answer(200, json.dumps(page).encode())
    with pytest.raises(RefundRefused, match="re_1"):
        await provider.refund(order)


async def test_debit_under_way_is_neither_paid_nor_over(server: CannedServer, provider: StripeProvider):
    session = {"object": "checkout.session", "id": "cs_1", "status": "complete", "payment_status": "unpaid"}
    server.answer = http_answer(200, json.dumps(session).encode())
    assert not isinstance(await provider.look_up(MUSEUM, "cs_1"), CheckoutPaid)


async def test_sdk_finds_a_lost_answer_by_itself_despite_proxies(
    stripe_stage: StripeStage, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
):
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:1")
    provider = StripeProvider(stripe_settings(stand_in))
    await stripe_stage.lose_next_answer()
    await provider.start(checkout())
    await provider.close()
    assert await stripe_stage.count_checkouts(MUSEUM) == 1


async def test_first_call_that_comes_too_late_is_refused(stripe_stage: StripeStage):
    with pytest.raises(PaymentRefused):
        await stripe_stage.provider.start(
            checkout(asked_at=datetime.now(UTC) - timedelta(minutes=15), expires_in_seconds=60)
        )


async def test_refund_is_found_beyond_the_first_page(stripe_stage: StripeStage, stand_in: StandIn):
    _, paid = await paid_checkout(stripe_stage)
    order = refund_of(paid, amount_minor=1)
    first = await stripe_stage.provider.refund(order)
    headers = {"authorization": f"Bearer {API_KEY}", "stripe-account": MUSEUM}
    for _ in range(100):
        form = {"payment_intent": paid.provider_reference, "amount": "1"}
        response = await stand_in.control.post("/v1/refunds", headers=headers, data=form)
        assert response.status_code == 200

    assert await stripe_stage.provider.refund(order) == first
    assert await stripe_stage.refunded_minor(MUSEUM) == 101


async def test_without_a_secret_no_notification_is_believed(server: CannedServer):
    provider = StripeProvider(StripeSettings(api_key="sk_test_1", webhook_secret="", api_url=server.url))
    header = stripe.WebhookSignature.generate_signature_header("{}", "")
    with pytest.raises(NotificationRefused):
        provider.read_notification(b"{}", header, "")
    await provider.close()


async def test_any_of_several_secrets_may_have_signed(server: CannedServer):
    settings = StripeSettings(api_key="sk_test_1", webhook_secret="whsec_1, whsec_2", api_url=server.url)
    provider = StripeProvider(settings)
    body = '{"id": "evt_1", "object": "event", "type": "payout.paid", "data": {"object": {"id": "po_1"}}}'
    for secret in ("whsec_1", "whsec_2"):
        header = stripe.WebhookSignature.generate_signature_header(body, secret)
        assert provider.read_notification(body.encode(), header, "") is None
    with pytest.raises(NotificationRefused):
        provider.read_notification(
            body.encode(), stripe.WebhookSignature.generate_signature_header(body, "whsec_3"), ""
        )
    await provider.close()
