"""Alembic for a service that has its own schema, role and history in its own database."""

from collections.abc import Iterable
from importlib.resources import files
from typing import Any

import sqlalchemy as sa
from alembic import command, context, op
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.ext.asyncio import create_async_engine

from services.kit.tenancy import ALL_PRIVILEGES, plan_for_the_largest, protect

# A migration that waits behind a long query would stop every sale behind it: it gives up instead.
SETTINGS = (
    "SET lock_timeout = '3s'",
    "SET statement_timeout = '60s'",
    # Accepted by any PostgreSQL as placeholders; Citus needs them (rules 6 of its list).
    "SET citus.multi_shard_modify_mode = 'sequential'",
    "SET citus.enable_local_reference_table_foreign_keys = off",
    "SET citus.enable_unsafe_triggers = on",
)


def configuration(package: str) -> Config:
    """`package` holds `env.py` and `versions/`, such as `services.inventory.migrations`."""
    configuration = Config()
    configuration.set_main_option("script_location", str(files(package)))
    return configuration


async def upgrade(url: str, package: str, schema: str) -> None:
    """Brings the schema to the newest revision, as the owner of the tables."""
    await _with_connection(url, lambda connection: _upgrade(connection, package, schema))


async def is_current(url: str, package: str, schema: str) -> bool:
    head = ScriptDirectory.from_config(configuration(package)).get_current_head()

    def revision(connection: sa.Connection) -> str | None:
        found = MigrationContext.configure(connection, opts={"version_table_schema": schema})
        return found.get_current_revision()

    return bool(await _with_connection(url, revision) == head)


async def _with_connection(url: str, work: Any) -> Any:  # noqa: ANN401 - SQLAlchemy's run_sync is not generic enough
    engine = create_async_engine(sa.make_url(url).set(drivername="postgresql+asyncpg"), poolclass=sa.NullPool)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(work)
    finally:
        await engine.dispose()


def _upgrade(connection: sa.Connection, package: str, schema: str) -> None:
    for setting in SETTINGS:
        connection.execute(sa.text(setting))
    connection.execute(sa.text(f"CREATE SCHEMA IF NOT EXISTS {schema}"))
    connection.commit()
    alembic = configuration(package)
    alembic.attributes["connection"] = connection
    command.upgrade(alembic, "head")
    connection.commit()


def run_environment(metadata: sa.MetaData) -> None:
    """The whole of each service's `env.py`."""
    connection = context.config.attributes["connection"]
    context.configure(
        connection=connection,
        target_metadata=metadata,
        version_table_schema=metadata.schema,
        include_schemas=True,
        include_name=lambda name, kind, _: name == metadata.schema if kind == "schema" else True,
        compare_server_default=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def fence(table: str, schema: str, role: str, privileges: str = ALL_PRIVILEGES) -> None:
    """Row-level security for a new tenant table, and its distribution where the server is Citus."""
    for statement in protect(table, schema, role, privileges):
        op.execute(statement)
    if _is_citus():
        op.execute(f"SELECT create_distributed_table('{schema}.{table}', 'establishment_id')")


def plan_tables_for_the_largest(schema: str, tables: Iterable[str]) -> None:
    """For tables fenced before this was a part of it. Citus forwards no such change, and plans each shard by itself."""
    if _is_citus():
        return
    for table in tables:
        op.execute(plan_for_the_largest(table, schema))


def _is_citus() -> bool:
    return bool(op.get_bind().scalar(sa.text("SELECT to_regproc('create_distributed_table')")))
