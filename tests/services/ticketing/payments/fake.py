"""A payment provider in memory: no network, no keys, and it does what a test tells it to."""

import hashlib
import hmac
import json
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID

import msgspec

from services.kit.errors import Unavailable
from services.ticketing.payments.provider import (
    Checkout,
    CheckoutExpired,
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

SECRET = b"secret of the fake"
TOLERANCE_SECONDS = 300


class Delivered(msgspec.Struct, frozen=True):
    """A notification as it reaches the shop."""

    body: bytes
    signature: str


class Event(msgspec.Struct, frozen=True):
    id: str
    type: str
    account: str
    checkout: str


class FakePaymentProvider:
    """The same promises as the real one; `deliveries` are the notifications sent so far, signed as of now."""

    def __init__(self) -> None:
        self.deliveries: list[Delivered] = []
        self.copies = 1
        self.refunded_minor: Counter[str] = Counter()
        self.checkouts: dict[str, Checkout] = {}
        self._states: dict[str, CheckoutState] = {}
        self._references: dict[UUID, str] = {}
        self._refunds: dict[UUID, RefundOrder] = {}
        self._clock_offset = timedelta()
        self._loses_answer = False
        self._numbers = count(1)

    async def start(self, checkout: Checkout) -> StartedCheckout:
        reference = self._references.get(checkout.payment_id, f"cs_fake_{next(self._numbers)}")
        if self.checkouts.get(reference, checkout) != checkout:
            raise PaymentRefused("Reason: another payment has this id.")
        if reference not in self.checkouts:
            self._references[checkout.payment_id] = reference
            self.checkouts[reference] = checkout
            self._states[reference] = CheckoutOpen()
        self._answer()
        return StartedCheckout(reference, f"https://pay.example.org/{reference}", checkout.expires_at)

    async def look_up(self, account: str, reference: str) -> CheckoutState:
        state = self._state(self._checkout(account, reference), reference)
        self._answer()
        return state

    async def expire(self, account: str, reference: str) -> CheckoutState:
        checkout = self._checkout(account, reference)
        if isinstance(self._state(checkout, reference), CheckoutOpen):
            self._end(checkout, reference)
        self._answer()
        return self._states[reference]

    async def refund(self, refund: RefundOrder) -> RefundResult:
        if self._refunds.get(refund.refund_id, refund) != refund:
            raise RefundRefused("This refund was made before, with another amount.")
        if refund.refund_id not in self._refunds:
            earlier = [made for made in self._refunds.values() if made.provider_reference == refund.provider_reference]
            if sum(made.amount_minor for made in earlier) + refund.amount_minor > self._paid_minor(refund):
                raise RefundRefused("Reason: invalid_request.")
            self._refunds[refund.refund_id] = refund
            self.refunded_minor[refund.account] += refund.amount_minor
        self._answer()
        return RefundResult(reference=f"re_fake_{refund.refund_id.hex}")

    def read_notification(self, body: bytes, signature: str, account: str) -> Notification | None:
        at, _, _ = signature.removeprefix("t=").partition(",")
        genuine = at.isdecimal() and hmac.compare_digest(sign(body, int(at)).encode(), signature.encode())
        if not genuine or int(at) < time.time() - TOLERANCE_SECONDS:
            raise NotificationRefused
        event = msgspec.json.decode(body, type=Event)
        if event.account != account:
            raise NotificationRefused("It is about another account.")
        if not event.type.startswith("checkout.session."):
            return None
        return Notification(event_id=event.id, type=event.type, checkout_reference=event.checkout)

    async def close(self) -> None:
        pass

    def pay(self, reference: str) -> None:
        checkout = self.checkouts[reference]
        assert isinstance(self._state(checkout, reference), CheckoutOpen)
        self._states[reference] = CheckoutPaid(f"pi_fake_{reference}", checkout.amount_minor, checkout.currency)
        self._tell("charge.succeeded", checkout.account, reference)
        self._tell("checkout.session.completed", checkout.account, reference)

    def decline(self, reference: str) -> None:
        self._tell("charge.failed", self.checkouts[reference].account, reference)

    def pass_time(self, seconds: int) -> None:
        self._clock_offset += timedelta(seconds=seconds)

    def lose_next_answer(self) -> None:
        """The next call takes effect, but its caller is not told."""
        self._loses_answer = True

    def _answer(self) -> None:
        if self._loses_answer:
            self._loses_answer = False
            raise Unavailable("The payment provider does not answer as it should.")

    def _checkout(self, account: str, reference: str) -> Checkout:
        checkout = self.checkouts.get(reference)
        if checkout is None or checkout.account != account:
            raise PaymentRefused("Reason: resource_missing.")
        return checkout

    def _state(self, checkout: Checkout, reference: str) -> CheckoutState:
        overdue = checkout.expires_at <= datetime.now(UTC) + self._clock_offset
        if overdue and isinstance(self._states[reference], CheckoutOpen):
            self._end(checkout, reference)
        return self._states[reference]

    def _end(self, checkout: Checkout, reference: str) -> None:
        self._states[reference] = CheckoutExpired()
        self._tell("checkout.session.expired", checkout.account, reference)

    def _paid_minor(self, refund: RefundOrder) -> int:
        for reference, state in self._states.items():
            if isinstance(state, CheckoutPaid) and state.provider_reference == refund.provider_reference:
                return state.amount_minor if self.checkouts[reference].account == refund.account else 0
        return 0

    def _tell(self, event_type: str, account: str, reference: str) -> None:
        event = Event(id=f"evt_fake_{next(self._numbers)}", type=event_type, account=account, checkout=reference)
        body = json.dumps(msgspec.to_builtins(event)).encode()
        self.deliveries += [Delivered(body, sign(body, int(time.time())))] * self.copies


def sign(body: bytes, at: int) -> str:
    return f"t={at},v1={hmac.new(SECRET, b'%d.' % at + body, hashlib.sha256).hexdigest()}"
