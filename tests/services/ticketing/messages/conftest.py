from collections.abc import AsyncIterator

import pytest_asyncio

from parvis.embedded.servers import EmbeddedServers
from services.ticketing.tickets.documents.pool import RenderPool
from tests.conftest import Instance
from tests.services.conftest import cloned
from tests.services.ticketing.messages.post import PostOffice
from tests.services.ticketing.shop import Shop


@pytest_asyncio.fixture(scope="session")
async def post_instance(servers: EmbeddedServers, template: str) -> AsyncIterator[Instance]:
    """The loops go through every establishment that there is: not through those of other tests."""
    async with cloned(servers, template, "parvis_messages") as instance:
        yield instance


@pytest_asyncio.fixture
async def instance(post_instance: Instance) -> Instance:
    return post_instance


@pytest_asyncio.fixture(scope="session")
async def renders() -> AsyncIterator[RenderPool]:
    """One process that draws for all tests: it takes a second to start."""
    pool = RenderPool()
    yield pool
    pool.close()


@pytest_asyncio.fixture
async def post(shop: Shop, renders: RenderPool) -> AsyncIterator[PostOffice]:
    yield PostOffice(shop, renders)
    # Its waiting mail is no other test's.
    await shop.owner.execute("DELETE FROM ticketing.messages WHERE establishment_id = $1", shop.tenant)
