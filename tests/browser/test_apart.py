"""Once with each service in a process of its own: what a visitor sees is the same."""

import httpx
from playwright.async_api import Browser

from parvis.embedded.servers import EmbeddedServers
from parvis.establishments import operator_key
from parvis.stand_in.stripe.serving import serve_stripe_stand_in
from parvis.stand_in.stripe.settings import StripeStandInSettings
from tests.browser.shopper import arriving
from tests.browser.test_buying import later_slot
from tests.browser.test_card import arrived
from tests.journeys.bank import GOOD_CARD, Bank
from tests.journeys.conftest import WEBHOOK_SECRET, _settings, cloned_database
from tests.journeys.house import running_house
from tests.journeys.museum import FULL_PRICE_MINOR, found_museum


async def test_card_with_every_service_apart(browser: Browser, servers: EmbeddedServers, template: str, tmp_path):
    stand_in = StripeStandInSettings(webhook_secret=WEBHOOK_SECRET)
    async with cloned_database(servers, template) as instance, serve_stripe_stand_in(stand_in) as stripe_url:
        settings = _settings(instance, stripe_url)
        key = await operator_key(settings, "Apart")
        async with (
            running_house("apart", settings, key, tmp_path) as house,
            httpx.AsyncClient(base_url=stripe_url, trust_env=False, timeout=30) as http,
        ):
            museum, bank = await found_museum(house), Bank(house, http)
            await bank.tell(museum)
            async with arriving(browser, museum) as shopper:
                await shopper.begin(await later_slot(museum), full=1)
                await shopper.fill_in()
                await shopper.press("Order with obligation to pay")
                await shopper.pay_by_card(GOOD_CARD)
                await arrived(shopper)
                assert shopper.faults == []
            assert await bank.captured_minor(museum) == (FULL_PRICE_MINOR, 0)
            assert house.bugs() == []
