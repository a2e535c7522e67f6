from collections.abc import AsyncIterator

import pytest_asyncio

from tests.gateway.shop.street import Street, open_street
from tests.journeys.conftest import cloned_database


@pytest_asyncio.fixture(scope="session")
async def street(servers, template) -> AsyncIterator[Street]:
    """The demo's establishments, whole: what visitors see first must be right."""
    async with cloned_database(servers, template) as instance, open_street(instance) as opened:
        yield opened
