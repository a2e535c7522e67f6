from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from parvis.settings import Settings
from tests.conftest import Instance


@pytest.fixture
def settings(instance: Instance) -> Settings:
    """Without limits: all buyers come from one address here."""
    return instance.settings(read_rate_per_minute=0, write_rate_per_minute=0, valkey_url="")


@pytest_asyncio.fixture
async def processes(settings: Settings) -> AsyncIterator[AsyncExitStack]:
    """What is entered here ends before its database is dropped."""
    async with AsyncExitStack() as stack:
        yield stack
