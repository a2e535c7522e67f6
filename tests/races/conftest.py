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
async def processes(instance: Instance) -> AsyncIterator[AsyncExitStack]:  # noqa: ARG001 - dropped after these ended
    """What is entered here ends with the test."""
    async with AsyncExitStack() as stack:
        yield stack
