"""Each service's tables, brought to the newest revision in a database that has none."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio
import sqlalchemy as sa

from parvis.embedded.servers import EmbeddedServers
from parvis.migrate import PACKAGES
from services.kit.migrations import is_current, upgrade

SCHEMAS = list(PACKAGES.items())
SHAPE = """
SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns
WHERE table_schema = $1 ORDER BY table_name, ordinal_position"""


@pytest_asyncio.fixture
async def empty_url(servers: EmbeddedServers, template: str) -> AsyncIterator[str]:  # noqa: ARG001 - it made the roles
    """The owner's, in a database without tables."""
    admin = await asyncpg.connect(servers.admin_url)
    await admin.execute("CREATE DATABASE parvis_empty")
    yield sa.make_url(servers.admin_url).set(database="parvis_empty").render_as_string(hide_password=False)
    await admin.execute("DROP DATABASE parvis_empty WITH (FORCE)")
    await admin.close()


@pytest.mark.parametrize(("schema", "package"), SCHEMAS)
async def test_upgrade_twice_is_upgrade_once(empty_url: str, schema: str, package: str):
    owner = await asyncpg.connect(empty_url)
    assert not await is_current(empty_url, package, schema)
    await upgrade(empty_url, package, schema)
    assert await is_current(empty_url, package, schema)
    shape = await owner.fetch(SHAPE, schema)
    await owner.execute(f"CREATE TABLE {schema}.kept AS SELECT 1")
    await upgrade(empty_url, package, schema)
    assert [row for row in await owner.fetch(SHAPE, schema) if row["table_name"] != "kept"] == shape
    assert await owner.fetchval(f"SELECT count(*) FROM {schema}.kept") == 1
    await owner.close()


async def test_schemas_have_histories_of_their_own(empty_url: str):
    (first, first_package), (second, second_package) = SCHEMAS
    await upgrade(empty_url, first_package, first)
    assert await is_current(empty_url, first_package, first)
    assert not await is_current(empty_url, second_package, second)


@pytest.mark.parametrize(("schema", "package"), SCHEMAS)
async def test_database_that_is_newer_than_the_code_is_not_current(empty_url: str, schema: str, package: str):
    await upgrade(empty_url, package, schema)
    owner = await asyncpg.connect(empty_url)
    await owner.execute(f"UPDATE {schema}.alembic_version SET version_num = 'of_next_year'")
    await owner.close()
    assert not await is_current(empty_url, package, schema)
