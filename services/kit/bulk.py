"""Many rows for several tables in one statement: what a batch writes leaves in a single round trip."""

from collections.abc import Sequence
from typing import Any

import asyncpg
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from services.kit.database import WriteSession


class BulkInsert:
    """Inserts rows of one establishment into several tables, in the order given (parents first).

    The text of the statement is fixed, so the server plans it once. `columns` are the columns filled beside
    `establishment_id`, per table.
    """

    def __init__(self, *tables: tuple[sa.Table, Sequence[str]], finally_: str = "SELECT 1") -> None:
        """`finally_` is the main statement; its own parameters follow those of the tables (see `next_parameter`)."""
        self._widths = [len(columns) for _, columns in tables]
        position = 2
        parts = []
        for table, columns in tables:
            types = [_array_type(table.c[column]) for column in columns]
            unnested = ", ".join(f"${position + offset}::{type_}" for offset, type_ in enumerate(types))
            position += len(columns)
            parts.append(
                f"new_{table.name} AS (INSERT INTO {table.schema}.{table.name} "
                f"(establishment_id, {', '.join(columns)}) "
                f"SELECT $1, new.* FROM unnest({unnested}) AS new RETURNING establishment_id)"
            )
        self.next_parameter = position
        self._sql = f"WITH {', '.join(parts)} {finally_}"

    async def run(
        self, session: WriteSession, establishment_id: object, rows: Sequence[Sequence[Sequence[Any]]], *more: object
    ) -> list[asyncpg.Record]:
        """`rows`: for each table a list of tuples in the order of its columns. Returns what `finally_` returns."""
        arguments: list[object] = []
        for width, table_rows in zip(self._widths, rows, strict=True):
            columns = list(zip(*table_rows, strict=True)) or [()] * width
            arguments.extend(list(column) for column in columns)
        return await session.fetch(self._sql, establishment_id, *arguments, *more)


def _array_type(column: sa.Column[Any]) -> str:
    return f"{column.type.compile(dialect=postgresql.dialect())}[]"  # type: ignore[no-untyped-call]  # SQLAlchemy's dialect factory
