"""Stripe, through its own SDK. The only module that imports it: that takes a quarter of a second."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

import httpx
import msgspec
import stripe
import structlog

from services.kit.errors import Refused, Unavailable
from services.kit.outgoing import OutgoingRefused, outgoing_client
from services.ticketing.payments.provider import (
    Checkout,
    CheckoutExpired,
    CheckoutLine,
    CheckoutOpen,
    CheckoutPaid,
    CheckoutState,
    Notification,
    NotificationRefused,
    PaymentRefused,
    RefundOrder,
    RefundRefused,
    RefundResult,
    StartedCheckout,
)

log = structlog.get_logger()

CALL_SECONDS: Final = 8.0
RETRIES: Final = 1
CHECKOUT_EVENTS: Final = frozenset(
    {
        "checkout.session.completed",
        "checkout.session.async_payment_succeeded",
        "checkout.session.async_payment_failed",
        "checkout.session.expired",
    }
)
# fmt: off
PAGE_LANGUAGES: Final = frozenset({
    "bg", "cs", "da", "de", "el", "en", "es", "et", "fi", "fr", "hr", "hu", "id", "it", "ja", "ko", "lt", "lv", "ms",
    "mt", "nb", "nl", "pl", "pt", "ro", "ru", "sk", "sl", "sv", "th", "tr", "vi", "zh",
})
# fmt: on
LINE_NAME_LENGTH: Final = 250
# Stripe's answers that say for certain that nothing was done.
REFUSALS: Final = (
    stripe.InvalidRequestError,
    stripe.CardError,
    stripe.IdempotencyError,
    stripe.PermissionError,
)


class StripeSettings(msgspec.Struct, frozen=True, kw_only=True):
    api_key: str
    webhook_secret: str
    """Signs Stripe's notifications; several, one per endpoint, separated by commas. Without one, all are refused."""
    api_url: str = ""
    """Empty: Stripe itself. Another https address, or one on loopback, where the demo has its stand-in."""


class StripeProvider:
    """`PaymentProvider` with Stripe Checkout; connected accounts are charged directly."""

    def __init__(self, settings: StripeSettings, *, retries: int = RETRIES) -> None:
        # It would send details of this machine, and keep a file in the home directory to know it again.
        stripe.enable_telemetry = False
        api_url = settings.api_url.rstrip("/") or stripe.DEFAULT_API_BASE
        self._http = outgoing_client(frozenset({httpx.URL(api_url).raw_host.decode()}), CALL_SECONDS)
        self._webhook_secrets = settings.webhook_secret.replace(",", " ").split()
        self._stripe = stripe.StripeClient(
            settings.api_key,
            base_addresses={"api": api_url},
            max_network_retries=retries,
            http_client=_GuardedHTTPClient(self._http),
        )

    async def start(self, checkout: Checkout) -> StartedCheckout:
        with _translated(PaymentRefused):
            session = await self._stripe.v1.checkout.sessions.create_async(
                _session_parameters(checkout), _options(checkout.account, f"start:{checkout.payment_id}")
            )
        return StartedCheckout(
            reference=session.id, url=session.url or "", expires_at=datetime.fromtimestamp(session.expires_at, UTC)
        )

    async def look_up(self, account: str, reference: str) -> CheckoutState:
        with _translated(PaymentRefused):
            session = await self._stripe.v1.checkout.sessions.retrieve_async(reference, options=_options(account))
        return _state(session)

    async def expire(self, account: str, reference: str) -> CheckoutState:
        with _translated(PaymentRefused):
            try:
                session = await self._stripe.v1.checkout.sessions.expire_async(reference, options=_options(account))
            except stripe.InvalidRequestError:
                # Not open any more, most likely; which of the two it is instead, it does not say.
                return await self.look_up(account, reference)
        return _state(session)

    async def refund(self, refund: RefundOrder) -> RefundResult:
        with _translated(RefundRefused):
            # Stripe forgets the key after a day, and until then repeats even its own 500: the list is the truth.
            made = await self._made(refund) or await self._stripe.v1.refunds.create_async(
                {
                    "payment_intent": refund.provider_reference,
                    "amount": refund.amount_minor,
                    "metadata": {**_metadata(refund), "refund_id": str(refund.refund_id)},
                },
                _options(refund.account, f"refund:{refund.refund_id}"),
            )
        if made.amount != refund.amount_minor:
            raise RefundRefused("This refund was made before, with another amount.")
        if made.status in ("failed", "canceled"):
            raise RefundRefused(f"The refund {made.id} did not reach the payer.")
        return RefundResult(reference=made.id)

    def read_notification(self, body: bytes, signature: str, account: str) -> Notification | None:
        event = self._verified(body, signature)
        if (getattr(event, "account", None) or "") != account:
            raise NotificationRefused("It is about another account.")
        if event.type not in CHECKOUT_EVENTS:
            return None
        return Notification(event_id=event.id, type=event.type, checkout_reference=event.data.object["id"])

    async def close(self) -> None:
        await self._http.aclose()

    def _verified(self, body: bytes, signature: str) -> stripe.Event:
        """Each endpoint that Stripe sends to has a secret of its own: any of ours may have signed."""
        refused: Exception | None = None
        for secret in self._webhook_secrets:
            try:
                return self._stripe.construct_event(body, signature, secret)
            # TypeError: the SDK compares the signature as text, which Python allows for ASCII only.
            except (stripe.SignatureVerificationError, ValueError, TypeError) as error:
                refused = error
        raise NotificationRefused from refused

    async def _made(self, refund: RefundOrder) -> stripe.Refund | None:
        refunds = await self._stripe.v1.refunds.list_async(
            {"payment_intent": refund.provider_reference, "limit": 100}, _options(refund.account)
        )
        async for made in refunds.auto_paging_iter():
            if made.metadata and made.metadata.to_dict().get("refund_id") == str(refund.refund_id):
                return made
        return None


class _GuardedHTTPClient(stripe.HTTPClient):
    """The SDK's calls through our client; its own httpx client would follow proxies and hand bodies over wrongly."""

    name = "httpx"

    def __init__(self, client: httpx.AsyncClient) -> None:
        super().__init__()
        self._client = client

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: str | None = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        try:
            response = await self._client.request(method, url, headers=dict(headers), content=post_data)
        except httpx.HTTPError as error:
            raise stripe.APIConnectionError(  # type: ignore[no-untyped-call]  # the SDK annotates only some arguments
                f"{type(error).__name__}: {error}", should_retry=not isinstance(error, OutgoingRefused)
            ) from error
        return response.content, response.status_code, response.headers

    async def sleep_async(self, secs: float) -> None:
        await asyncio.sleep(secs)


@contextmanager
def _translated(refused: type[Refused]) -> Iterator[None]:
    """The SDK's errors as ours. The provider's own words stay with it: they may hold what the visitor typed."""
    try:
        yield
    except REFUSALS as error:
        reason = error.code or "invalid_request"
        log.warning("payment_provider_refused", kind=refused.code, reason=reason, request_id=error.request_id)
        raise refused(f"Reason: {reason}.") from error
    except stripe.StripeError as error:
        raise Unavailable("The payment provider does not answer as it should.") from error


def _options(account: str, idempotency_key: str = "") -> stripe.RequestOptions:
    options: stripe.RequestOptions = {}
    if account:
        options["stripe_account"] = account
    if idempotency_key:
        options["idempotency_key"] = idempotency_key
    return options


def _session_parameters(checkout: Checkout) -> stripe.params.checkout.SessionCreateParams:
    """Nothing here may depend on the time of the call: Stripe refuses a repetition that differs."""
    parameters: stripe.params.checkout.SessionCreateParams = {
        "mode": "payment",
        "line_items": [_line_item(line, checkout.currency) for line in checkout.lines],
        "success_url": checkout.success_url,
        "cancel_url": checkout.cancel_url,
        "client_reference_id": str(checkout.payment_id),
        "metadata": _metadata(checkout),
        "payment_intent_data": {"metadata": _metadata(checkout)},
        "locale": checkout.language if checkout.language in PAGE_LANGUAGES else "auto",
        "expires_at": int(checkout.expires_at.timestamp()),
    }
    if checkout.customer_email:
        parameters["customer_email"] = checkout.customer_email
    return parameters


def _line_item(line: CheckoutLine, currency: str) -> stripe.params.checkout.SessionCreateParamsLineItem:
    return {
        "quantity": line.quantity,
        "price_data": {
            "currency": currency.lower(),
            "unit_amount": line.unit_amount_minor,
            "product_data": {"name": line.name[:LINE_NAME_LENGTH]},
        },
    }


def _metadata(subject: Checkout | RefundOrder) -> dict[str, str]:
    return {"order_id": str(subject.order_id), "establishment_id": str(subject.establishment_id)}


def _state(session: stripe.checkout.Session) -> CheckoutState:
    if session.status == "expired":
        return CheckoutExpired()
    if session.payment_status != "paid":
        return CheckoutOpen()
    payment = session.payment_intent
    return CheckoutPaid(
        provider_reference=payment if isinstance(payment, str) else payment.id if payment else "",
        amount_minor=session.amount_total or 0,
        currency=(session.currency or "").upper(),
    )
