"""Notes and their remarks: the smallest tenant tables there are."""

from collections.abc import Awaitable, Callable
from uuid import UUID

import asyncpg
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from services.kit.columns import reference, tenant_key
from services.kit.database import WriteSession
from services.kit.idempotency import idempotency_table
from services.kit.ids import new_id
from services.kit.tenancy import NAMING, establishment_column, own_id, protect
from services.ticketing.tables import ROLE

SCHEMA = "kit_test"
metadata = sa.MetaData(schema=SCHEMA, naming_convention=NAMING)
notes = sa.Table("notes", metadata, establishment_column(), own_id(), sa.Column("text", sa.Text, nullable=False))
remarks = sa.Table(
    "remarks",
    metadata,
    establishment_column(),
    own_id(),
    reference("note_id"),
    sa.Column("stars", sa.Integer, nullable=False),
    tenant_key(SCHEMA, "note_id", "notes"),
)
idempotency_keys = idempotency_table(metadata)

INSERT_NOTE = "INSERT INTO kit_test.notes (establishment_id, id, text) VALUES ($1, $2, $3)"
UPDATE_NOTE = "UPDATE kit_test.notes SET text = $3 WHERE establishment_id = $1 AND id = $2"
READ_NOTES = "SELECT text FROM kit_test.notes WHERE establishment_id = $1 ORDER BY text"


async def make_notes(owner: asyncpg.Connection) -> None:
    await owner.execute(f"CREATE SCHEMA {SCHEMA}; GRANT USAGE ON SCHEMA {SCHEMA} TO {ROLE}")
    for table in metadata.sorted_tables:
        await owner.execute(str(sa.schema.CreateTable(table).compile(dialect=postgresql.dialect())))
        for statement in protect(table.name, SCHEMA, ROLE):
            await owner.execute(statement)


def add_note(establishment_id: UUID, text: str) -> Callable[[WriteSession], Awaitable[UUID]]:
    async def action(session: WriteSession) -> UUID:
        note_id = new_id()
        await session.fetch(INSERT_NOTE, establishment_id, note_id, text)
        return note_id

    return action


async def texts(owner: asyncpg.Connection, establishment_id: UUID) -> list[str]:
    """What is really there, past row-level security."""
    return [row["text"] for row in await owner.fetch(READ_NOTES, establishment_id)]
