"""A database with one tenant table of its own, so that kit's tests need no word of the domain.

One for the whole run, which is quicker: each test is an establishment of its own in it.
"""

from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio
import sqlalchemy as sa

from parvis.embedded.servers import EmbeddedServers
from services.kit.database import Database
from tests.services.kit.notes import make_notes

NAME = "parvis_kit"


@pytest_asyncio.fixture(scope="session")
async def notes_owner_url(servers: EmbeddedServers, template: str) -> str:  # noqa: ARG001 - it made the roles
    """The owner of the tables, past row-level security."""
    admin = await asyncpg.connect(servers.admin_url)
    await admin.execute(f"CREATE DATABASE {NAME}")
    await admin.close()
    url = _in_database(servers.admin_url)
    owner = await asyncpg.connect(url)
    await make_notes(owner)
    await owner.close()
    return url


@pytest.fixture
def notes_url(servers: EmbeddedServers, notes_owner_url: str) -> str:  # noqa: ARG001 - it made the tables
    """A role that row-level security binds."""
    return _in_database(servers.ticketing_url)


@pytest_asyncio.fixture
async def owner(notes_owner_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(notes_owner_url)
    yield connection
    await connection.close()


@pytest_asyncio.fixture
async def database(notes_url: str) -> AsyncIterator[Database]:
    database = Database(notes_url, pool_size=4)
    yield database
    await database.close()


def _in_database(url: str) -> str:
    return sa.make_url(url).set(database=NAME).render_as_string(hide_password=False)
