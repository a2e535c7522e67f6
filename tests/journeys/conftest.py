"""The whole product over HTTP, twice: everything in one process, and each service in a process of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast
from uuid import uuid4

import asyncpg
import httpx
import pytest
import pytest_asyncio

from parvis.embedded.servers import EmbeddedServers
from parvis.establishments import operator_key
from parvis.settings import Settings
from parvis.stand_in.stripe.serving import serve_stripe_stand_in
from parvis.stand_in.stripe.settings import StripeStandInSettings
from parvis.verify import verify
from tests.conftest import Instance, _execute, _instance
from tests.journeys.bank import Bank
from tests.journeys.house import House, Shape, running_house
from tests.journeys.museum import Museum, found_museum

WEBHOOK_SECRET = "whsec_of_the_journeys"


@pytest_asyncio.fixture(scope="session", params=["together", "apart"])
async def house(
    request: pytest.FixtureRequest, servers: EmbeddedServers, template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    shape = cast("Shape", request.param)
    stand_in = StripeStandInSettings(webhook_secret=WEBHOOK_SECRET)
    async with cloned_database(servers, template) as instance, serve_stripe_stand_in(stand_in) as stripe_url:
        settings = _settings(instance, stripe_url)
        key = await operator_key(settings, "Journeys")
        async with running_house(shape, settings, key, tmp_path_factory.mktemp(shape)) as running:
            yield running


@pytest_asyncio.fixture(scope="module", autouse=True)
async def every_promise_is_kept(house: House) -> AsyncIterator[None]:
    """After each module: the books are right and no process logged an error of ours."""
    yield
    assert await verify(house.settings) == []
    assert house.bugs() == []


@pytest_asyncio.fixture
async def museum(house: House) -> Museum:
    return await found_museum(house)


@pytest_asyncio.fixture
async def bank(house: House) -> AsyncIterator[Bank]:
    """Well-behaved at the beginning of each test, whatever the one before asked of it."""
    async with httpx.AsyncClient(base_url=house.stripe_url, trust_env=False, timeout=30) as http:
        made = Bank(house, http)
        yield made
        await made.release("in_order")
        await made.plan()


@pytest_asyncio.fixture
async def owner(house: House) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """Past row-level security: to bring about what only time would."""
    connection = await asyncpg.connect(house.settings.database_url)
    yield connection
    await connection.close()


@asynccontextmanager
async def cloned_database(servers: EmbeddedServers, template: str) -> AsyncIterator[Instance]:
    """Migrated, and for longer than one test, unlike `instance`."""
    name = f"journeys_{uuid4().hex}"
    await _execute(servers.admin_url, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield _instance(servers, name)
    await _execute(servers.admin_url, f"DROP DATABASE {name} WITH (FORCE)")


def _settings(instance: Instance, stripe_url: str) -> Settings:
    return instance.settings(
        # Everything comes from one address here.
        read_rate_per_minute=0,
        write_rate_per_minute=0,
        pool_size=4,
        test_mode=True,
        stripe_api_key="sk_test_journeys",
        stripe_api_url=stripe_url,
        stripe_webhook_secret=WEBHOOK_SECRET,
    )
