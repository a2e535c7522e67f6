"""Rows for several tables in one statement."""

from typing import TypeAlias
from uuid import UUID, uuid4

import asyncpg
import pytest

from services.kit.bulk import BulkInsert
from services.kit.database import Database, WriteSession
from tests.services.kit.notes import notes, remarks, texts

Owner = asyncpg.Connection
Rows: TypeAlias = list[list[tuple[object, ...]]]
NOTE_COLUMNS = ("id", "text")
REMARK_COLUMNS = ("id", "note_id", "stars")
INSERT = BulkInsert((notes, NOTE_COLUMNS), (remarks, REMARK_COLUMNS))


async def stars(owner: Owner, establishment_id: UUID) -> list[int]:
    rows = await owner.fetch("SELECT stars FROM kit_test.remarks WHERE establishment_id = $1", establishment_id)
    return sorted(row["stars"] for row in rows)


async def test_parents_and_children_leave_together(database: Database, owner: Owner, establishment_id: UUID):
    first, second = uuid4(), uuid4()
    rows: Rows = [[(first, "a"), (second, "b")], [(uuid4(), first, 5), (uuid4(), second, 1), (uuid4(), second, 2)]]
    await database.write(establishment_id, lambda session: INSERT.run(session, establishment_id, rows))
    assert await texts(owner, establishment_id) == ["a", "b"]
    assert await stars(owner, establishment_id) == [1, 2, 5]


@pytest.mark.parametrize("rows", [[[], []], [[(uuid4(), "alone")], []]])
async def test_table_without_rows_is_no_trouble(
    database: Database, owner: Owner, establishment_id: UUID, rows: list[list[tuple[object, ...]]]
):
    await database.write(establishment_id, lambda session: INSERT.run(session, establishment_id, rows))
    assert await texts(owner, establishment_id) == [row[1] for row in rows[0]]


async def test_one_bad_row_keeps_out_all(database: Database, owner: Owner, establishment_id: UUID):
    rows: Rows = [[(uuid4(), "a")], [(uuid4(), uuid4(), 5)]]
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await database.write(establishment_id, lambda session: INSERT.run(session, establishment_id, rows))
    assert await texts(owner, establishment_id) == []


async def test_text_that_looks_like_sql_or_an_array_is_only_text(
    database: Database, owner: Owner, establishment_id: UUID
):
    odd = ["'); DROP TABLE kit_test.notes; --", "{a,b}", '"', "\\", "NULL", ""]
    rows = [[(uuid4(), text) for text in odd], []]
    await database.write(establishment_id, lambda session: INSERT.run(session, establishment_id, rows))
    assert sorted(await texts(owner, establishment_id)) == sorted(odd)


async def test_final_statement_runs_with_its_own_parameters(database: Database, owner: Owner, establishment_id: UUID):
    """As the ledger's head moves on with the rows that it covers."""
    kept = uuid4()
    plain = BulkInsert((notes, NOTE_COLUMNS))
    first = plain.next_parameter
    ending = BulkInsert(
        (notes, NOTE_COLUMNS),
        finally_=f"UPDATE kit_test.notes SET text = ${first} WHERE establishment_id = $1 AND id = ${first + 1}",
    )

    async def action(session: WriteSession) -> None:
        await plain.run(session, establishment_id, [[(kept, "before")]])
        await ending.run(session, establishment_id, [[(uuid4(), "new")]], "after", kept)

    await database.write(establishment_id, action)
    assert await texts(owner, establishment_id) == ["after", "new"]


def test_statement_is_the_same_for_any_number_of_rows():
    assert INSERT._sql == BulkInsert((notes, NOTE_COLUMNS), (remarks, REMARK_COLUMNS))._sql
    assert INSERT.next_parameter == 2 + len(NOTE_COLUMNS) + len(REMARK_COLUMNS)


async def test_missing_table_is_a_mistake_that_shows(database: Database, establishment_id: UUID):
    with pytest.raises(ValueError, match="zip"):
        await database.write(establishment_id, lambda session: INSERT.run(session, establishment_id, [[]]))
