"""How every tenant table is shaped: the establishment first in each key, row-level security, one policy."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import UUID

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
ALL_PRIVILEGES = "SELECT, INSERT, UPDATE, DELETE"
POLICY = "own_establishment"
# No subquery and no set_config: Citus evaluates the policy on its workers. The empty string is what a pooled
# connection shows after its first transaction.
OWN_ESTABLISHMENT = "establishment_id = nullif(current_setting('app.establishment_id', true), '')::uuid"


def establishment_column() -> sa.Column[Any]:
    return sa.Column("establishment_id", UUID(as_uuid=True), primary_key=True, nullable=False)


def own_id(name: str = "id") -> sa.Column[Any]:
    return sa.Column(name, UUID(as_uuid=True), primary_key=True, nullable=False)


def tenant_tables(metadata: sa.MetaData) -> Iterator[sa.Table]:
    return (table for table in metadata.sorted_tables if "establishment_id" in table.primary_key.columns)


def plan_for_the_largest(table: str, schema: str) -> str:
    """Makes the server count on an establishment that has a large part of the table, from the next ANALYZE on.

    A statement is planned once for all establishments. For the average one, which has a handful of rows, a plan that
    reads all of them and filters is good enough; for a museum with a million it is not. A plan for the museum suits
    everybody: it finds each row by its whole key.
    """
    return f"ALTER TABLE {schema}.{table} ALTER COLUMN establishment_id SET (n_distinct = 1)"


def protect(table: str, schema: str, role: str, privileges: str = ALL_PRIVILEGES) -> list[str]:
    """The statements that fence a new tenant table; each is executed on its own (rule 6 of Citus)."""
    name = f"{schema}.{table}"
    return [
        plan_for_the_largest(table, schema),
        # ENABLE and not FORCE: forced security hangs Citus's shard moves; the services are not the owner.
        f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY",
        f"CREATE POLICY {POLICY} ON {name} USING ({OWN_ESTABLISHMENT}) WITH CHECK ({OWN_ESTABLISHMENT})",
        f"GRANT {privileges} ON {name} TO {role}",
    ]
