"""A shop that uses the stand-in as it would use Stripe: the official SDK, a webhook address, and orders to pay."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import stripe
from litestar import Litestar, Request, Response, get, post

WEBHOOK_SECRET = "whsec_of_the_tests"
MUSEUM = "acct_museum"
THEATRE = "acct_theatre"


class StandIn:
    """The stand-in as tests see it: the official SDK on one side, the control API on the other."""

    def __init__(self, url: str, control: httpx.AsyncClient) -> None:
        self.url = url
        self.control = control
        self._http_client = stripe.HTTPXClient()

    def sdk(
        self, account: str | None = MUSEUM, *, key: str = "sk_test_platform", retries: int = 0
    ) -> stripe.StripeClient:
        return stripe.StripeClient(
            key,
            stripe_account=account,
            base_addresses={"api": self.url},
            http_client=self._http_client,
            max_network_retries=retries,
        )

    async def order_fault(self, **fault: object) -> None:
        response = await self.control.post("/_stand_in/faults", json=fault)
        assert response.status_code == 201, response.text

    async def plan_deliveries(self, **plan: object) -> None:
        response = await self.control.put("/_stand_in/webhook-delivery-plan", json=plan)
        assert response.status_code == 200, response.text

    async def pay(self, session_id: str, card: str = "4242424242424242", **more: str) -> httpx.Response:
        return await self.control.post(f"/_stand_in/checkout/{session_id}/pay", json={"card": card, **more})

    async def truth(self, account: str = MUSEUM) -> dict[str, object]:
        state = (await self.control.get("/_stand_in/state")).json()
        found: dict[str, object] = state["accounts"][account]
        return found

    async def close(self) -> None:
        await self._http_client.close_async()  # type: ignore[no-untyped-call]  # the SDK leaves it unannotated


class Receiver:
    """A shop's webhook address. It verifies every signature with the SDK before it believes anything."""

    def __init__(self) -> None:
        self.url = ""
        self.events: list[stripe.Event] = []
        self.refusals = 0
        """How many of the next webhooks it answers with 500."""

    def app(self) -> Litestar:
        @get("/livez")
        async def live() -> str:
            return "ok"

        @post("/webhook", status_code=200)
        async def receive(request: Request[None, None, Any]) -> Response[None]:
            if self.refusals:
                self.refusals -= 1
                return Response(None, status_code=500)
            signature = request.headers["stripe-signature"]
            self.events.append(stripe.Webhook.construct_event(await request.body(), signature, WEBHOOK_SECRET))
            return Response(None)

        return Litestar([live, receive], openapi_config=None, logging_config=None)

    def types(self) -> list[str]:
        return [event.type for event in self.events]

    async def wait_for(self, count: int) -> None:
        await wait_until(lambda: len(self.events) >= count)


async def wait_until(holds: Callable[[], bool], timeout_seconds: float = 5.0) -> None:
    for _ in range(int(timeout_seconds / 0.01)):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"Still not so after {timeout_seconds} s.")


def session_parameters(**changes: Any) -> Any:  # noqa: ANN401 (the SDK's own parameters are typed dictionaries)
    parameters: dict[str, Any] = {
        "mode": "payment",
        "line_items": [
            {
                "quantity": 2,
                "price_data": {
                    "currency": "eur",
                    "unit_amount": 1500,
                    "product_data": {"name": "Plein tarif – Été", "description": "14 juillet, 10 h"},
                },
            },
            {
                "quantity": 1,
                "price_data": {"currency": "eur", "unit_amount": 0, "product_data": {"name": "Moins de 26 ans"}},
            },
        ],
        "success_url": "http://127.0.0.1:9/merci?session={CHECKOUT_SESSION_ID}",
        "cancel_url": "http://127.0.0.1:9/panier",
        "customer_email": "ada@example.org",
        "client_reference_id": "order-1",
        "metadata": {"order": "order-1"},
        "payment_intent_data": {"metadata": {"order": "order-1"}},
        "locale": "fr",
    }
    return parameters | changes


async def open_session(sdk: stripe.StripeClient, **changes: Any) -> stripe.checkout.Session:  # noqa: ANN401 (as above)
    return await sdk.v1.checkout.sessions.create_async(session_parameters(**changes))


async def take_payment(sdk: stripe.StripeClient, amount: int = 3000) -> stripe.PaymentIntent:
    return await sdk.v1.payment_intents.create_async(
        {"amount": amount, "currency": "eur", "payment_method": "pm_card_visa", "confirm": True}
    )
