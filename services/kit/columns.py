"""Shorthands for the columns that many tables share."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import UUID


def moment(name: str, *, nullable: bool = False, default_now: bool = False) -> sa.Column[Any]:
    """A point in time, kept in UTC."""
    default = sa.func.now() if default_now else None
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable, server_default=default)


def reference(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    """The id of another row."""
    return sa.Column(name, UUID(as_uuid=True), nullable=nullable)


def minor_units(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def tenant_key(schema: str, column: str, table: str, target: str = "id") -> sa.ForeignKeyConstraint:
    """A foreign key within one establishment; never across schemas."""
    return sa.ForeignKeyConstraint(
        ["establishment_id", column], [f"{schema}.{table}.establishment_id", f"{schema}.{table}.{target}"]
    )


def known(value: str) -> sa.BindParameter[str]:
    """A value of ours that is written into the statement: a plan for any value could not use an index for this one."""
    return sa.literal(value, literal_execute=True)
