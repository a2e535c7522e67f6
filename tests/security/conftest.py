from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import pytest_asyncio
import sqlalchemy as sa

from parvis.embedded.servers import EmbeddedServers
from tests.conftest import Instance
from tests.security.world import World, open_world


@pytest_asyncio.fixture(scope="session")
async def house_instance(servers: EmbeddedServers, template: str) -> AsyncIterator[Instance]:
    """A database that all tests of this folder share: making two establishments takes a second."""
    name = f"security_{uuid4().hex}"
    connection = await asyncpg.connect(servers.admin_url)
    await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    urls = [servers.admin_url, servers.inventory_url, servers.ticketing_url]
    inside = [sa.make_url(url).set(database=name).render_as_string(hide_password=False) for url in urls]
    yield Instance(inside[0], inside[1], inside[2], servers.valkey_url)
    await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()


@pytest_asyncio.fixture(scope="session")
async def world(house_instance: Instance) -> AsyncIterator[World]:
    async with open_world(house_instance) as opened:
        yield opened
