"""Real servers for every test: one throw-away PostgreSQL and Valkey per session, one cloned database per test."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import hypothesis
import msgspec
import pytest
import pytest_asyncio
import sqlalchemy as sa
from hypothesis import HealthCheck

from parvis.embedded.servers import EmbeddedServers, embedded_servers
from parvis.migrate import migrate
from parvis.settings import Settings
from services.kit.database import Database
from services.kit.watched import WatchedDatabase
from tests.architecture.recording import every_statement_is_checked  # noqa: F401 - a fixture of the whole run

# A busy machine makes slow examples; what they find does not change.
hypothesis.settings.register_profile("parvis", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis.settings.load_profile("parvis")

TEMPLATE = "parvis_template"
SECRET = "dGVzdHMgdGVzdHMgdGVzdHMgdGVzdHMgdGVzdHMgdGVzdHM="


class Instance(msgspec.Struct, frozen=True):
    """A migrated database of its own. The owner's URL looks past row-level security: only for checks."""

    owner_url: str
    inventory_url: str
    ticketing_url: str
    valkey_url: str

    def settings(self, **changes: object) -> Settings:
        return msgspec.structs.replace(
            Settings(
                database_url=self.owner_url,
                inventory_database_url=self.inventory_url,
                ticketing_database_url=self.ticketing_url,
                valkey_url=self.valkey_url,
                secret=SECRET,
            ),
            **changes,
        )


@pytest_asyncio.fixture(scope="session")
async def servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedServers]:
    folder: Path = tmp_path_factory.mktemp("servers")
    # Not durable: nothing here outlives the run. Tests of durability start a server of their own.
    async with embedded_servers(folder / "data", durable=False) as running:
        yield running


@pytest_asyncio.fixture(scope="session")
async def template(servers: EmbeddedServers) -> str:
    await _execute(servers.admin_url, f"CREATE DATABASE {TEMPLATE}")
    await migrate(_instance(servers, TEMPLATE).settings())
    return TEMPLATE


@pytest_asyncio.fixture
async def instance(servers: EmbeddedServers, template: str) -> AsyncIterator[Instance]:
    name = f"test_{uuid4().hex}"
    await _execute(servers.admin_url, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield _instance(servers, name)
    await _execute(servers.admin_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest_asyncio.fixture
async def inventory_database(instance: Instance) -> AsyncIterator[WatchedDatabase]:
    database = WatchedDatabase(instance.inventory_url)
    yield database
    await database.close()


@pytest_asyncio.fixture
async def ticketing_database(instance: Instance) -> AsyncIterator[Database]:
    database = Database(instance.ticketing_url)
    yield database
    await database.close()


@pytest_asyncio.fixture
async def owner(instance: Instance) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """Past row-level security: to look at what is really there, and to bring about what time would."""
    connection = await asyncpg.connect(instance.owner_url)
    yield connection
    await connection.close()


@pytest.fixture
def establishment_id() -> UUID:
    return uuid4()


def _instance(servers: EmbeddedServers, database: str) -> Instance:
    return Instance(
        owner_url=_in_database(servers.admin_url, database),
        inventory_url=_in_database(servers.inventory_url, database),
        ticketing_url=_in_database(servers.ticketing_url, database),
        valkey_url=servers.valkey_url,
    )


def _in_database(url: str, database: str) -> str:
    return sa.make_url(url).set(database=database).render_as_string(hide_password=False)


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
