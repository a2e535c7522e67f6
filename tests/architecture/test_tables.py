"""Tenancy as the database has it, not as the code means it: the catalogue of a migrated database is asked."""

from collections.abc import AsyncIterator
from typing import TypeAlias

import asyncpg
import pytest
import pytest_asyncio
import sqlalchemy as sa

from parvis.embedded.servers import EmbeddedServers
from services.kit.tenancy import POLICY
from tests.architecture.houses import HOUSES, INSTANCE_TABLES, TENANT_TABLES

Catalogue: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

SCHEMAS = [house.schema for house in HOUSES]
ROLES = [house.role for house in HOUSES]
TENANT_NAMES = {table.fullname for table in TENANT_TABLES}
FENCE = "(establishment_id = (NULLIF(current_setting('app.establishment_id'::text, true), ''::text))::uuid)"

RELATIONS = """
SELECT relnamespace::regnamespace || '.' || relname AS name, relkind::text AS kind,
       relrowsecurity AS fenced, relforcerowsecurity AS forced
FROM pg_class WHERE relnamespace = ANY($1::text[]::regnamespace[]) AND relkind NOT IN ('i', 'I', 't', 'c')"""

CONSTRAINTS = """
SELECT conname AS name, contype::text AS kind, condeferrable AS deferrable,
       confdeltype::text AS on_delete, confupdtype::text AS on_update,
       own.attname AS first_column, own.atttypid::regtype::text AS type, own.attnotnull AS required,
       referred.attname AS first_referred,
       table_.relnamespace::regnamespace || '.' || table_.relname AS table,
       target.relnamespace = table_.relnamespace AS same_schema
FROM pg_constraint
JOIN pg_class AS table_ ON table_.oid = conrelid
JOIN pg_attribute AS own ON own.attrelid = conrelid AND own.attnum = conkey[1]
LEFT JOIN pg_class AS target ON target.oid = nullif(confrelid, 0)
LEFT JOIN pg_attribute AS referred ON referred.attrelid = confrelid AND referred.attnum = confkey[1]
WHERE connamespace = ANY($1::text[]::regnamespace[]) AND contype IN ('p', 'u', 'x', 'f')"""

UNIQUE_INDEXES = """
SELECT indexrelid::regclass::text AS name, attname AS first_column, indrelid::regclass::text AS table
FROM pg_index
JOIN pg_class ON pg_class.oid = indrelid AND relnamespace = ANY($1::text[]::regnamespace[])
LEFT JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0]
WHERE indisunique"""

POLICIES = """
SELECT schemaname || '.' || tablename AS table, policyname, permissive, roles::text AS roles, cmd, qual, with_check
FROM pg_policies WHERE schemaname = ANY($1)"""

FUNCTIONS = """
SELECT pronamespace::regnamespace || '.' || proname AS name, lanname AS language, prosecdef AS beyond_fence,
       prorettype::regtype::text AS returns, proconfig AS settings,
       has_function_privilege('public', pg_proc.oid, 'EXECUTE') AS public
FROM pg_proc JOIN pg_language ON pg_language.oid = prolang
WHERE pronamespace = ANY($1::text[]::regnamespace[])"""


@pytest_asyncio.fixture(scope="module")
async def catalogue(servers: EmbeddedServers, template: str) -> AsyncIterator[Catalogue]:
    """Only looked at, so one database does for all; closed before the next test clones it."""
    url = sa.make_url(servers.admin_url).set(database=template)
    connection = await asyncpg.connect(url.render_as_string(hide_password=False))
    yield connection
    await connection.close()


@pytest.mark.parametrize("table", TENANT_TABLES, ids=lambda table: table.fullname)
def test_table_as_described_begins_every_key_with_its_establishment(table: sa.Table) -> None:
    uniques = [item.columns for item in table.constraints if isinstance(item, sa.UniqueConstraint)]
    unique_indexes = [index.columns for index in table.indexes if index.unique]
    firsts = {next(iter(columns)).name for columns in [table.primary_key.columns, *uniques, *unique_indexes]}
    assert firsts == {"establishment_id"}
    for key in table.foreign_key_constraints:
        assert (key.column_keys[0], key.elements[0].column.name) == ("establishment_id", "establishment_id")
        assert (key.onupdate, key.deferrable) == (None, None)
        assert key.ondelete in (None, "RESTRICT", "CASCADE")


async def test_every_relation_is_a_tenant_table_or_on_the_short_list(catalogue: Catalogue) -> None:
    # No views either: they would look at the tables as their owner, past row-level security.
    relations = await catalogue.fetch(RELATIONS, SCHEMAS)
    assert {row["name"] for row in relations} == TENANT_NAMES | INSTANCE_TABLES
    assert {row["kind"] for row in relations} == {"r"}


async def test_row_level_security_is_enabled_and_not_forced(catalogue: Catalogue) -> None:
    relations = await catalogue.fetch(RELATIONS, SCHEMAS)
    assert {row["name"] for row in relations if row["name"] in TENANT_NAMES and not row["fenced"]} == set()
    assert {row["name"] for row in relations if row["forced"]} == set()


async def test_every_key_begins_with_the_establishment(catalogue: Catalogue) -> None:
    constraints = await catalogue.fetch(CONSTRAINTS, SCHEMAS)
    keys = [row for row in constraints if row["table"] in TENANT_NAMES]
    assert {row["table"] for row in keys if row["kind"] == "p"} == TENANT_NAMES
    assert {(row["first_column"], row["type"], row["required"]) for row in keys} == {("establishment_id", "uuid", True)}
    indexes = await catalogue.fetch(UNIQUE_INDEXES, SCHEMAS)
    assert {row["first_column"] for row in indexes if row["table"] in TENANT_NAMES} == {"establishment_id"}


async def test_foreign_keys_stay_in_one_establishment_and_schema(catalogue: Catalogue) -> None:
    keys = [row for row in await catalogue.fetch(CONSTRAINTS, SCHEMAS) if row["kind"] == "f"]
    assert {(row["first_referred"], row["same_schema"]) for row in keys} == {("establishment_id", True)}
    # a, r, c: no action, restrict, cascade. Never SET NULL or SET DEFAULT, never ON UPDATE, never later.
    assert {row["name"] for row in keys if row["on_delete"] not in "arc"} == set()
    assert {(row["on_update"], row["deferrable"]) for row in keys} == {("a", False)}


async def test_tenant_table_has_exactly_its_policy(catalogue: Catalogue) -> None:
    policies = await catalogue.fetch(POLICIES, SCHEMAS)
    ours = [row for row in policies if row["table"] in TENANT_NAMES]
    assert sorted(row["table"] for row in ours) == sorted(TENANT_NAMES)
    assert {tuple(row)[1:] for row in ours} == {(POLICY, "PERMISSIVE", "{public}", "ALL", FENCE, FENCE)}
    # Citus cannot evaluate a subquery in a policy, of whatever table.
    assert [row for row in policies if "select" in f"{row['qual']} {row['with_check']}".lower()] == []


async def test_service_roles_are_nobody_special(catalogue: Catalogue) -> None:
    roles = await catalogue.fetch(
        """SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication
           FROM pg_roles WHERE rolname = ANY($1)""",
        ROLES,
    )
    assert {tuple(row) for row in roles} == {(role, False, False, False, False, False) for role in ROLES}
    assert await catalogue.fetch("SELECT * FROM pg_auth_members WHERE member = ANY($1::text[]::regrole[])", ROLES) == []


async def test_service_roles_own_nothing_in_any_database(catalogue: Catalogue) -> None:
    owned = await catalogue.fetch(
        "SELECT * FROM pg_shdepend WHERE deptype = 'o' AND refclassid = 'pg_authid'::regclass "
        "AND refobjid = ANY($1::text[]::regrole[])",
        ROLES,
    )
    assert owned == []


async def test_service_roles_reach_their_own_schema_and_create_nothing(catalogue: Catalogue) -> None:
    reached = await catalogue.fetch(
        """SELECT role, schema, has_schema_privilege(role, schema, 'CREATE') AS creates
           FROM unnest($1::text[]) AS role, unnest($2::text[]) AS schema
           WHERE has_schema_privilege(role, schema, 'USAGE') ORDER BY role, schema""",
        ROLES,
        [*SCHEMAS, "public"],
    )
    own = {(house.role, house.schema, False) for house in HOUSES}
    assert {tuple(row) for row in reached} == own | {(role, "public", False) for role in ROLES}


async def test_nobody_may_truncate_or_attach_triggers(catalogue: Catalogue) -> None:
    # TRUNCATE and the checks of REFERENCES look past row-level security.
    granted = await catalogue.fetch(
        """SELECT grantee, table_schema, table_name, privilege_type FROM information_schema.table_privileges
           WHERE table_schema = ANY($1) AND grantee = ANY($2)
             AND privilege_type NOT IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')""",
        SCHEMAS,
        [*ROLES, "PUBLIC"],
    )
    assert granted == []


async def test_functions_beyond_the_fence_are_those_listed(catalogue: Catalogue) -> None:
    functions = await catalogue.fetch(FUNCTIONS, SCHEMAS)
    listed = {f"{house.schema}.{name}" for house in HOUSES for name in house.functions}
    assert {row["name"] for row in functions if row["beyond_fence"]} == listed
    # pg_temp named last: unnamed, it would be searched first.
    fixed = ["search_path=pg_catalog, pg_temp"]
    assert {row["name"] for row in functions if row["beyond_fence"] and row["settings"] != fixed} == set()
    assert {row["name"] for row in functions if row["public"]} == set()


async def test_functions_are_no_sql_functions(catalogue: Catalogue) -> None:
    # Citus cannot run one that reads tables with its arguments.
    assert {row["language"] for row in await catalogue.fetch(FUNCTIONS, SCHEMAS)} <= {"plpgsql"}


async def test_no_trigger_has_transition_tables(catalogue: Catalogue) -> None:
    triggers = await catalogue.fetch(
        "SELECT tgname FROM pg_trigger WHERE tgoldtable IS NOT NULL OR tgnewtable IS NOT NULL"
    )
    assert triggers == []
