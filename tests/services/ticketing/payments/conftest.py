from collections.abc import AsyncIterator

import httpx
import pytest

from parvis.stand_in.stripe.serving import serve_on_loopback, serve_stripe_stand_in
from parvis.stand_in.stripe.settings import StripeStandInSettings
from tests.parvis.stand_in.stripe.shop import WEBHOOK_SECRET, StandIn
from tests.services.ticketing.payments.stages import FakeStage, Mailbox, Stage, StripeStage


@pytest.fixture(scope="session")
async def served_stand_in() -> AsyncIterator[StandIn]:
    settings = StripeStandInSettings(webhook_secret=WEBHOOK_SECRET)
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
async def mailbox() -> AsyncIterator[Mailbox]:
    mailbox = Mailbox()
    async with serve_on_loopback(mailbox.app()) as url:
        mailbox.url = f"{url}/webhook"
        yield mailbox


@pytest.fixture
async def stripe_stage(stand_in: StandIn, mailbox: Mailbox) -> AsyncIterator[StripeStage]:
    stage = StripeStage(stand_in, mailbox)
    await stage.open()
    yield stage
    await stage.provider.close()


@pytest.fixture(params=["stripe", "fake"])
async def stage(request: pytest.FixtureRequest, stripe_stage: StripeStage) -> Stage:
    """Every test of the contract runs on both."""
    return stripe_stage if request.param == "stripe" else FakeStage()
