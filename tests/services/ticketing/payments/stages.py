"""The two providers of the contract, each with somebody who pays, loses answers and lets time pass."""

from typing import Any, Protocol

import msgspec
import stripe
from litestar import Litestar, Request, get, post

from parvis.stand_in.stripe.calls import account_of_key
from services.ticketing.payments.provider import PaymentProvider
from services.ticketing.payments.stripe_provider import StripeProvider, StripeSettings
from tests.parvis.stand_in.stripe.shop import WEBHOOK_SECRET, StandIn, wait_until
from tests.services.ticketing.payments.fake import Delivered, FakePaymentProvider
from tests.services.ticketing.payments.fake import sign as sign_as_fake

API_KEY = "sk_test_platform"
DECLINED_CARD = "4000000000000002"


class Stage(Protocol):
    @property
    def provider(self) -> PaymentProvider: ...

    async def pay(self, reference: str) -> None: ...

    async def decline(self, reference: str) -> None: ...

    async def pass_time(self, seconds: int) -> None: ...

    async def lose_next_answer(self) -> None: ...

    async def send_twice(self) -> None:
        """Every notification from now on arrives two times."""

    async def delivered(self, event_type: str, copies: int = 1) -> list[Delivered]:
        """Waits for so many notifications of the type."""
        ...

    def sign(self, body: bytes, at: int) -> str: ...

    async def count_checkouts(self, account: str) -> int: ...

    async def refunded_minor(self, account: str) -> int: ...


class FakeStage:
    def __init__(self) -> None:
        self.provider = FakePaymentProvider()

    async def pay(self, reference: str) -> None:
        self.provider.pay(reference)

    async def decline(self, reference: str) -> None:
        self.provider.decline(reference)

    async def pass_time(self, seconds: int) -> None:
        self.provider.pass_time(seconds)

    async def lose_next_answer(self) -> None:
        self.provider.lose_next_answer()

    async def send_twice(self) -> None:
        self.provider.copies = 2

    async def delivered(self, event_type: str, copies: int = 1) -> list[Delivered]:
        return of_type(self.provider.deliveries, event_type, copies)

    def sign(self, body: bytes, at: int) -> str:
        return sign_as_fake(body, at)

    async def count_checkouts(self, account: str) -> int:
        return sum(checkout.account == account for checkout in self.provider.checkouts.values())

    async def refunded_minor(self, account: str) -> int:
        return self.provider.refunded_minor[account]


class Mailbox:
    """A webhook address that keeps what it gets, byte for byte."""

    def __init__(self) -> None:
        self.url = ""
        self.deliveries: list[Delivered] = []

    def app(self) -> Litestar:
        @get("/livez")
        async def live() -> str:
            return "ok"

        @post("/webhook", status_code=200)
        async def receive(request: Request[None, None, Any]) -> None:
            self.deliveries.append(Delivered(await request.body(), request.headers["stripe-signature"]))

        return Litestar([live, receive], openapi_config=None, logging_config=None)


class StripeStage:
    """The real adapter and SDK, over HTTP, with the stand-in at the other end."""

    def __init__(self, stand_in: StandIn, mailbox: Mailbox) -> None:
        # The SDK pauses for half a second before each retry; tests that want one make a provider of their own.
        self.provider = StripeProvider(stripe_settings(stand_in), retries=0)
        self._stand_in = stand_in
        self._mailbox = mailbox

    async def open(self) -> None:
        self._mailbox.deliveries.clear()
        response = await self._stand_in.control.post("/_stand_in/webhook-endpoints", json={"url": self._mailbox.url})
        assert response.status_code == 201

    async def pay(self, reference: str) -> None:
        response = await self._stand_in.pay(reference)
        assert response.status_code == 200, response.text

    async def decline(self, reference: str) -> None:
        response = await self._stand_in.pay(reference, DECLINED_CARD)
        assert response.status_code == 402, response.text

    async def pass_time(self, seconds: int) -> None:
        await self._stand_in.control.post("/_stand_in/clock", json={"advance_seconds": seconds})

    async def lose_next_answer(self) -> None:
        await self._stand_in.order_fault(kind="fail_after_effect", method="POST")

    async def send_twice(self) -> None:
        await self._stand_in.plan_deliveries(copies=2)

    async def delivered(self, event_type: str, copies: int = 1) -> list[Delivered]:
        await wait_until(lambda: len(of_type(self._mailbox.deliveries, event_type, copies)) == copies)
        return of_type(self._mailbox.deliveries, event_type, copies)

    def sign(self, body: bytes, at: int) -> str:
        header: str = stripe.WebhookSignature.generate_signature_header(body.decode(), WEBHOOK_SECRET, at)
        return header

    async def count_checkouts(self, account: str) -> int:
        sessions = (await self._truth(account)).get("sessions", [])
        assert isinstance(sessions, list)
        return len(sessions)

    async def refunded_minor(self, account: str) -> int:
        refunded = (await self._truth(account))["refunded_minor"]
        assert isinstance(refunded, int)
        return refunded

    async def _truth(self, account: str) -> dict[str, object]:
        return await self._stand_in.truth(account or account_of_key(API_KEY))


def stripe_settings(stand_in: StandIn) -> StripeSettings:
    return StripeSettings(api_key=API_KEY, webhook_secret=WEBHOOK_SECRET, api_url=stand_in.url)


def of_type(deliveries: list[Delivered], event_type: str, copies: int) -> list[Delivered]:
    return [one for one in deliveries if msgspec.json.decode(one.body)["type"] == event_type][:copies]
