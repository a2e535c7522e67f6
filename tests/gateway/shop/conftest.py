from collections.abc import AsyncIterator

import asyncpg
import pytest_asyncio

from tests.gateway.shop.browser import Browser
from tests.gateway.shop.street import Street, open_street
from tests.gateway.shop.till import Till, open_till
from tests.journeys.conftest import cloned_database


@pytest_asyncio.fixture(scope="session")
async def street(servers, template) -> AsyncIterator[Street]:
    """The demo's establishments, whole: what visitors see first must be right."""
    async with cloned_database(servers, template) as instance, open_street(instance) as opened:
        yield opened


@pytest_asyncio.fixture(scope="session")
async def till(servers, template) -> AsyncIterator[Till]:
    """A shop that takes cards."""
    async with cloned_database(servers, template) as instance, open_till(instance) as opened:
        yield opened


@pytest_asyncio.fixture
async def browser(till) -> AsyncIterator[Browser]:
    opened = till.browser()
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def till_owner(till) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """Past row-level security: to bring about what only time would."""
    connection = await asyncpg.connect(till.house.settings.database_url)
    yield connection
    await connection.close()
