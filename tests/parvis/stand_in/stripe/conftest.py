from collections.abc import AsyncIterator

import httpx
import pytest

from parvis.stand_in.stripe.serving import serve_on_loopback, serve_stripe_stand_in
from parvis.stand_in.stripe.settings import StripeStandInSettings
from tests.parvis.stand_in.stripe.shop import WEBHOOK_SECRET, Receiver, StandIn


@pytest.fixture(scope="session")
async def served_stand_in() -> AsyncIterator[StandIn]:
    settings = StripeStandInSettings(webhook_secret=WEBHOOK_SECRET, webhook_retry_delays_seconds=(0.05, 0.05))
    async with serve_stripe_stand_in(settings) as url, httpx.AsyncClient(base_url=url, trust_env=False) as control:
        stand_in = StandIn(url, control)
        yield stand_in
        await stand_in.close()


@pytest.fixture
async def stand_in(served_stand_in: StandIn) -> StandIn:
    response = await served_stand_in.control.delete("/_stand_in/state")
    assert response.status_code == 204
    return served_stand_in


@pytest.fixture(scope="session")
async def served_receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    async with serve_on_loopback(receiver.app()) as url:
        receiver.url = f"{url}/webhook"
        yield receiver


@pytest.fixture
async def receiver(served_receiver: Receiver, stand_in: StandIn) -> Receiver:
    """Takes the five kinds of event that a shop acts on, of every account."""
    served_receiver.events.clear()
    served_receiver.refusals = 0
    kinds = [
        "checkout.session.completed",
        "checkout.session.expired",
        "payment_intent.succeeded",
        "payment_intent.payment_failed",
        "charge.refunded",
        "refund.created",
    ]
    endpoint = {"url": served_receiver.url, "enabled_events": kinds}
    response = await stand_in.control.post("/_stand_in/webhook-endpoints", json=endpoint)
    assert response.status_code == 201
    return served_receiver
