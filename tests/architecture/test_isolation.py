"""What a service role can do in a database that holds the rows of two establishments: with the setting of one,
only that one's; without a setting, nothing."""

from collections.abc import AsyncIterator
from typing import TypeAlias
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from tests.architecture.houses import HOUSES, INVENTORY, House
from tests.conftest import Instance

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

OURS = UUID(int=1)
THEIRS = UUID(int=2)
ANYBODY = UUID(int=3)
TOUCH = "UPDATE {} SET establishment_id = establishment_id"
DELETE = "DELETE FROM {}"
GIVE_AWAY = "UPDATE {} SET establishment_id = '00000000-0000-0000-0000-000000000003'"
ANYTHING = {"BOOLEAN": "false", "BYTEA": r"\x00", "JSON": "{}", "TEXT": "x", "UUID": str(ANYBODY)}
ANYTHING |= dict.fromkeys(["BIGINT", "INTEGER", "SMALLINT"], "1")
A_TIME = "2030-01-01 10:00"
DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's dialect factory


@pytest_asyncio.fixture(params=HOUSES, ids=[house.schema for house in HOUSES])
async def house(request: pytest.FixtureRequest, owner: Connection) -> House:
    """Both establishments have a row in every table of the service."""
    house: House = request.param
    await _drop_constraints(owner, house)
    for establishment_id in (OURS, THEIRS):
        for statement in _inserts(house, establishment_id).values():
            await owner.execute(statement)
    seen = await _seen(owner, house)
    assert seen == {table: [OURS, THEIRS] for table in seen}
    return house


@pytest_asyncio.fixture
async def service(house: House, instance: Instance) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(instance.inventory_url if house is INVENTORY else instance.ticketing_url)
    yield connection
    await connection.close()


async def test_without_a_setting_no_row_is_there(house: House, service: Connection) -> None:
    # As a pooled connection is after its first transaction: the setting is not absent but empty.
    async with service.transaction():
        await _enter(service, OURS)
    seen = await _seen(service, house)
    assert seen == {table: [] for table in seen}


async def test_without_a_setting_no_row_is_written(house: House, service: Connection) -> None:
    inserted = await _outcomes(service, _inserts(house, ANYBODY))
    assert inserted == dict.fromkeys(inserted, "refused")


async def test_with_a_setting_only_own_rows_are_there(house: House, service: Connection) -> None:
    async with service.transaction():
        await _enter(service, OURS)
        seen = await _seen(service, house)
    assert seen == {table: [OURS] for table in seen}


async def test_nothing_is_written_for_another_establishment(house: House, service: Connection) -> None:
    async with service.transaction():
        await _enter(service, OURS)
        inserted = await _outcomes(service, _inserts(house, ANYBODY))
        given_away = await _outcomes(service, _each(house, GIVE_AWAY))
    assert inserted == dict.fromkeys(inserted, "refused")
    assert given_away == dict.fromkeys(given_away, "refused")


async def test_rows_of_another_establishment_stay(house: House, service: Connection) -> None:
    theirs = f"WHERE establishment_id = '{THEIRS}'"
    async with service.transaction():
        await _enter(service, OURS)
        changed = await _outcomes(service, _each(house, f"{TOUCH} {theirs}"))
        deleted = await _outcomes(service, _each(house, f"{DELETE} {theirs}"))
    # Refused: what was written to the tables of record cannot be changed by anybody.
    assert {table: result for table, result in changed.items() if result not in {"refused", "UPDATE 0"}} == {}
    assert {table: result for table, result in deleted.items() if result not in {"refused", "DELETE 0"}} == {}


def _each(house: House, template: str) -> dict[str, str]:
    return {table.fullname: template.format(table.fullname) for table in house.tenant_tables}


def _inserts(house: House, establishment_id: UUID) -> dict[str, str]:
    return {table.fullname: _insert(table, establishment_id) for table in house.tenant_tables}


async def _drop_constraints(owner: Connection, house: House) -> None:
    """Here only who may see a row matters, so rows need not make sense. The database is this test's own."""
    constraints = await owner.fetch(
        """SELECT conrelid::regclass::text AS table, quote_ident(conname) AS name FROM pg_constraint
           WHERE connamespace = $1::text::regnamespace AND contype IN ('c', 'f')""",
        house.schema,
    )
    for constraint in constraints:
        await owner.execute(f"ALTER TABLE {constraint['table']} DROP CONSTRAINT {constraint['name']}")


def _insert(table: sa.Table, establishment_id: UUID) -> str:
    columns = [column for column in table.columns if not column.nullable and column.server_default is None]
    values = ", ".join(_literal(column, establishment_id) for column in columns)
    names = ", ".join(DIALECT.identifier_preparer.quote(column.name) for column in columns)
    return f"INSERT INTO {table.fullname} ({names}) VALUES ({values})"


def _literal(column: sa.Column[object], establishment_id: UUID) -> str:
    kind = column.type.compile(dialect=DIALECT)
    value = "{}" if kind.endswith("[]") else ANYTHING.get(kind, A_TIME)
    if column.name == "establishment_id":
        value = str(establishment_id)
    return f"'{value}'::{kind}"


async def _enter(connection: Connection, establishment_id: UUID) -> None:
    await connection.execute(f"SET LOCAL app.establishment_id = '{establishment_id}'")


async def _seen(connection: Connection, house: House) -> dict[str, list[UUID]]:
    """Whose rows are there, table by table."""
    seen = {}
    for table, statement in _each(house, "SELECT establishment_id FROM {} ORDER BY 1").items():
        seen[table] = [row["establishment_id"] for row in await connection.fetch(statement)]
    return seen


async def _outcomes(connection: Connection, statements: dict[str, str]) -> dict[str, str]:
    return {table: await _outcome(connection, statement) for table, statement in statements.items()}


async def _outcome(connection: Connection, statement: str) -> str:
    """The server's account of what was done, and undone again."""
    savepoint = connection.transaction()
    await savepoint.start()
    try:
        return await connection.execute(statement)
    except asyncpg.InsufficientPrivilegeError:
        return "refused"
    finally:
        await savepoint.rollback()
