"""Roles, schemas and tables of an instance, brought to the newest version. Safe to run again at any time."""

import asyncpg
import sqlalchemy as sa

from parvis.errors import CannotProceed
from parvis.settings import Settings
from services.inventory import tables as inventory
from services.kit import migrations
from services.ticketing import tables as ticketing

PACKAGES = {inventory.SCHEMA: "services.inventory.migrations", ticketing.SCHEMA: "services.ticketing.migrations"}
ROLES = {inventory.SCHEMA: inventory.ROLE, ticketing.SCHEMA: ticketing.ROLE}


async def migrate(settings: Settings) -> None:
    """Raises `CannotProceed` when a DSN is absent or names another role than its service's."""
    owners = owner_urls(settings)
    for schema, url in _service_urls(settings).items():
        owner = owners[schema]
        await _make_role(owner, ROLES[schema], url)
        await migrations.upgrade(owner, PACKAGES[schema], schema)


async def is_current(settings: Settings) -> bool:
    """Has every service its newest tables?"""
    return all(
        [await migrations.is_current(url, PACKAGES[schema], schema) for schema, url in owner_urls(settings).items()]
    )


def owner_urls(settings: Settings) -> dict[str, str]:
    """The owner's URL in the database of each schema: past row-level security, for migrations and `verify`."""
    return {schema: _owner_url(settings, url) for schema, url in _service_urls(settings).items()}


def _service_urls(settings: Settings) -> dict[str, str]:
    urls = {inventory.SCHEMA: settings.inventory_database_url, ticketing.SCHEMA: settings.ticketing_database_url}
    for schema, url in urls.items():
        if not url:
            raise CannotProceed(f"PARVIS_{schema.upper()}_DATABASE_URL is not set.")
        if sa.make_url(url).username != ROLES[schema]:
            raise CannotProceed(f"PARVIS_{schema.upper()}_DATABASE_URL must log in as {ROLES[schema]}.")
    return urls


def _owner_url(settings: Settings, service_url: str) -> str:
    """The owner, in the database that the service uses."""
    if not settings.database_url:
        raise CannotProceed("PARVIS_DATABASE_URL is not set: migrations need the owner of the tables.")
    service, owner = sa.make_url(service_url), sa.make_url(settings.database_url)
    url = owner.set(host=service.host, port=service.port, database=service.database)
    return url.render_as_string(hide_password=False)


async def _make_role(owner_url: str, role: str, service_url: str) -> None:
    url = sa.make_url(service_url)
    connection = await asyncpg.connect(owner_url)
    try:
        # quote_literal on the server: DDL takes no parameters.
        password = await connection.fetchval("SELECT quote_literal($1::text)", url.password or "")
        exists = await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role)
        verb = "ALTER" if exists else "CREATE"
        await connection.execute(
            f"{verb} ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD {password}"
        )
        await connection.execute(f"GRANT CONNECT ON DATABASE {connection_database(url)} TO {role}")
        if await connection.fetchval("SELECT to_regproc('create_distributed_table') IS NOT NULL"):
            await connection.execute(f"ALTER ROLE {role} SET citus.propagate_set_commands TO 'local'")
    finally:
        await connection.close()


def connection_database(url: sa.URL) -> str:
    """The database's name as an SQL identifier."""
    return '"' + (url.database or "postgres").replace('"', '""') + '"'
