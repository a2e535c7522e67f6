"""One migrated database for all tests in which each establishment is a world of its own: a clone per test costs more
than the test. What looks across establishments takes a database to itself.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest_asyncio
import sqlalchemy as sa

from parvis.embedded.servers import EmbeddedServers
from tests.conftest import Instance


@asynccontextmanager
async def cloned(servers: EmbeddedServers, template: str, name: str) -> AsyncIterator[Instance]:
    admin = await asyncpg.connect(servers.admin_url)
    await admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    urls = [servers.admin_url, servers.inventory_url, servers.ticketing_url]
    owner, inventory, ticketing = [
        sa.make_url(url).set(database=name).render_as_string(hide_password=False) for url in urls
    ]
    yield Instance(owner_url=owner, inventory_url=inventory, ticketing_url=ticketing, valkey_url=servers.valkey_url)
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


@pytest_asyncio.fixture(scope="session")
async def shared_instance(servers: EmbeddedServers, template: str) -> AsyncIterator[Instance]:
    async with cloned(servers, template, "parvis_shared") as instance:
        yield instance
