"""What the stand-in remembers. Amounts are integer minor units, times are Unix seconds."""

from typing import Literal

import msgspec

from parvis.stand_in.stripe.cards import CardFailure

SessionStatus = Literal["open", "complete", "expired"]
IntentStatus = Literal["requires_payment_method", "requires_confirmation", "requires_action", "canceled", "succeeded"]
DeliveryStatus = Literal["held", "waiting", "delivered", "failed", "dropped"]


class Stored(msgspec.Struct, kw_only=True):
    id: str
    account: str
    created: int


class Account(Stored):
    """`connected` if it was first named by a Stripe-Account header; otherwise it belongs to a secret key."""

    connected: bool


class LineItem(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    description: str | None
    unit_amount: int
    quantity: int

    @property
    def amount(self) -> int:
        return self.unit_amount * self.quantity


class IntentOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller may say about a payment before it exists."""

    amount: int
    currency: str
    description: str | None = None
    receipt_email: str | None = None
    return_url: str | None = None
    application_fee_amount: int | None = None
    metadata: dict[str, str] = {}


class SessionOrder(msgspec.Struct, frozen=True, kw_only=True):
    line_items: list[LineItem]
    intent: IntentOrder
    success_url: str
    cancel_url: str | None
    customer_email: str | None
    client_reference_id: str | None
    locale: str | None
    metadata: dict[str, str]
    expires_at: int


class CheckoutSession(Stored):
    order: SessionOrder
    url: str
    status: SessionStatus = "open"
    payment_intent: str | None = None
    email: str | None = None


class PaymentIntent(Stored):
    order: IntentOrder
    client_secret: str
    status: IntentStatus = "requires_payment_method"
    payment_method: str | None = None
    latest_charge: str | None = None
    checkout_session: str | None = None
    failure: CardFailure | None = None
    amount_received: int = 0
    canceled_at: int | None = None
    cancellation_reason: str | None = None
    authentication_url: str | None = None


class Charge(Stored):
    payment_intent: str
    amount: int
    currency: str
    brand: str
    last4: str
    metadata: dict[str, str]
    description: str | None = None
    email: str | None = None
    failure: CardFailure | None = None
    amount_refunded: int = 0

    @property
    def amount_captured(self) -> int:
        return 0 if self.failure else self.amount


class Refund(Stored):
    charge: str
    payment_intent: str
    amount: int
    currency: str
    reason: str | None
    metadata: dict[str, str]


class Event(Stored):
    type: str
    object_json: str
    """The object as it was then, rendered; later changes must not show."""
    connected: bool
    pending_webhooks: int = 0


class WebhookEndpoint(Stored):
    """`account` is empty when the endpoint takes the events of every account."""

    url: str
    secret: str
    enabled_events: list[str]


class Delivery(Stored):
    event: str
    endpoint: str
    status: DeliveryStatus
    attempts: int = 0
    last_http_status: int | None = None
    last_error: str | None = None


class KeptAnswer(Stored):
    """The answer to an Idempotency-Key; `id` is account and key."""

    endpoint: str
    fingerprint: str
    http_status: int
    body: str
