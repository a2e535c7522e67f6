"""A database with one tenant table of its own, so that kit's tests need no word of the domain."""

from collections.abc import AsyncIterator

import asyncpg
import pytest_asyncio

from services.kit.database import Database
from tests.conftest import Instance
from tests.services.kit.notes import make_notes


@pytest_asyncio.fixture
async def notes_url(instance: Instance, owner: asyncpg.Connection) -> str:
    """A role that row-level security binds, in a database that has the tables of `notes`."""
    await make_notes(owner)
    return instance.ticketing_url


@pytest_asyncio.fixture
async def database(notes_url: str) -> AsyncIterator[Database]:
    database = Database(notes_url, pool_size=4)
    yield database
    await database.close()
