"""The shop in a real browser, over the whole product in one process, with the stand-in for Stripe."""

from collections.abc import AsyncIterator

import asyncpg
import httpx
import msgspec
import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from parvis.embedded.servers import EmbeddedServers
from parvis.establishments import operator_key
from parvis.stand_in.stripe.serving import serve_stripe_stand_in
from parvis.stand_in.stripe.settings import StripeStandInSettings
from parvis.verify import verify
from tests.browser.chromium import chromium, flags
from tests.browser.shopper import Shopper, arriving
from tests.journeys.bank import Bank
from tests.journeys.conftest import WEBHOOK_SECRET, _settings, cloned_database
from tests.journeys.house import House, running_house
from tests.journeys.museum import Museum, found_museum


@pytest_asyncio.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    path = chromium()
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=path, args=flags())
        yield started
        await started.close()


@pytest_asyncio.fixture(scope="session")
async def house(
    browser: Browser,  # noqa: ARG001 - nothing needs to start where there is none
    servers: EmbeddedServers,
    template: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[House]:
    stand_in = StripeStandInSettings(webhook_secret=WEBHOOK_SECRET)
    async with cloned_database(servers, template) as instance, serve_stripe_stand_in(stand_in) as stripe_url:
        settings = msgspec.structs.replace(_settings(instance, stripe_url), data=str(tmp_path_factory.mktemp("mail")))
        key = await operator_key(settings, "Browser")
        async with running_house("together", settings, key, tmp_path_factory.mktemp("browser")) as running:
            yield running


@pytest_asyncio.fixture(scope="module", autouse=True)
async def every_promise_is_kept(house: House) -> AsyncIterator[None]:
    """After each module: the books are right and no process logged an error of ours."""
    yield
    assert await verify(house.settings) == []
    assert house.bugs() == []


@pytest_asyncio.fixture
async def bank(house: House) -> AsyncIterator[Bank]:
    async with httpx.AsyncClient(base_url=house.stripe_url, trust_env=False, timeout=30) as http:
        yield Bank(house, http)


@pytest_asyncio.fixture
async def museum(house: House, bank: Bank) -> Museum:
    """New for each test, with the bank telling it of payments."""
    made = await found_museum(house)
    await bank.tell(made)
    return made


@pytest_asyncio.fixture
async def shopper(browser: Browser, museum: Museum) -> AsyncIterator[Shopper]:
    async with arriving(browser, museum) as visitor:
        yield visitor


@pytest_asyncio.fixture
async def owner(house: House) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """Past row-level security: to bring about what only time would."""
    connection = await asyncpg.connect(house.settings.database_url)
    yield connection
    await connection.close()
