import ast
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
import sqlalchemy as sa

from services.inventory.tables import gauges
from services.kit.database import Database, ReadSession
from tests.architecture.recording import NEGATIVE_CONTROL, recorded
from tests.architecture.statements import VERBS, complaints

HOMES_OF_SQL = {"tables", "queries", "actions", "instance_level"}
SERVICES = Path(__file__).parents[2] / "services"


ACCEPTED = {
    "one table": "SELECT id FROM inventory.holds WHERE establishment_id = $1",
    "another name": "SELECT id FROM inventory.holds AS h WHERE h.establishment_id = $1::uuid",
    "as SQLAlchemy writes it": """
        SELECT inventory.holds.id FROM inventory.holds WHERE inventory.holds.establishment_id = $1::UUID""",
    "a join": """
        SELECT slots_1.id FROM inventory.slots AS slots_1
        JOIN inventory.gauges ON inventory.gauges.establishment_id = slots_1.establishment_id
        WHERE slots_1.establishment_id = $1 AND inventory.gauges.establishment_id = $1""",
    "insert": """
        INSERT INTO inventory.holds (establishment_id, id) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING id""",
    "insert many": """
        INSERT INTO inventory.holds (establishment_id, id) SELECT $1, new.* FROM unnest($2::uuid[]) AS new""",
    "a CTE": """
        WITH moved AS (UPDATE inventory.holds SET state = 'sold' WHERE establishment_id = $1 RETURNING id, owner_id)
        SELECT id FROM moved""",
    "a subquery": """
        SELECT 1 FROM inventory.slots
        WHERE establishment_id = $1 AND EXISTS(SELECT FROM inventory.holds WHERE establishment_id = $1)""",
    "a union": """
        SELECT id FROM inventory.slots WHERE establishment_id = $1
        UNION SELECT id FROM inventory.holds WHERE $1 = establishment_id""",
    "a function": "SELECT inventory.establishments_with_expired_holds() AS id",
    "an instance-level table": "SELECT slug FROM ticketing.establishments",
    "the time, in a read": "SELECT clock_timestamp() AS now",
    "no query": "SET LOCAL app.establishment_id = '00000000-0000-0000-0000-000000000001'",
    "a mention": "SELECT '(SELECT FROM inventory.holds' -- inventory.holds",
}
REFUSED = {
    "no predicate": ("SELECT id FROM inventory.holds", "inventory.holds"),
    "no comparison": ("SELECT id FROM inventory.holds WHERE establishment_id IS NOT NULL", "inventory.holds"),
    "another name": ("SELECT h.id FROM inventory.holds h WHERE id = $1", "as h"),
    "a join by the other table only": (
        """SELECT 1 FROM inventory.slots JOIN inventory.gauges ON gauges.establishment_id = slots.establishment_id
           WHERE slots.establishment_id = $1""",
        "inventory.gauges",
    ),
    "a join with one of two": (
        "SELECT 1 FROM inventory.slots, inventory.gauges WHERE slots.establishment_id = $1",
        "inventory.gauges",
    ),
    "a subquery without": (
        "SELECT 1 FROM inventory.slots WHERE establishment_id = $1 AND EXISTS(SELECT FROM inventory.holds)",
        "inventory.holds",
    ),
    "half a union": (
        "SELECT id FROM inventory.slots WHERE establishment_id = $1 UNION SELECT id FROM inventory.holds",
        "inventory.holds",
    ),
    "a CTE without": ("WITH gone AS (DELETE FROM inventory.holds RETURNING id) SELECT FROM gone", "inventory.holds"),
    "insert without": ("INSERT INTO inventory.holds (id) VALUES ($1)", "INSERT INTO inventory.holds"),
    "a row that moves": (
        "UPDATE inventory.holds SET establishment_id = $1 WHERE establishment_id = $1",
        "SET establishment_id",
    ),
    "the time, in an update": (
        "UPDATE inventory.holds SET sold_at = clock_timestamp() WHERE establishment_id = $1",
        "clock_timestamp",
    ),
    "chance, in an upsert": (
        "INSERT INTO inventory.holds (establishment_id) VALUES ($1) ON CONFLICT (id) DO UPDATE SET id = random()",
        "random",
    ),
    "a function returned": ("DELETE FROM inventory.holds WHERE establishment_id = $1 RETURNING now()", "RETURNING"),
    "a cast returned": (
        "UPDATE inventory.holds SET state = '' WHERE establishment_id = $1 RETURNING id::text",
        "RETURNING",
    ),
    "set_config": ("SELECT set_config('app.establishment_id', $1, true)", "set_config"),
    "merge": (
        "MERGE INTO inventory.holds AS h USING new ON h.establishment_id = $1 WHEN MATCHED THEN DELETE",
        "MERGE",
    ),
}


@pytest.mark.parametrize("sql", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_linter_accepts(sql: str) -> None:
    assert complaints(sql) == []


@pytest.mark.parametrize(("sql", "word"), REFUSED.values(), ids=REFUSED.keys())
def test_linter_complains_once(sql: str, word: str) -> None:
    assert [word in complaint for complaint in complaints(sql)] == [True]


def test_statements_written_in_the_code_name_their_establishment() -> None:
    """Those too that no test sends."""
    found = {place: complaints(sql) for place, sql in _written()}
    assert {place: what for place, what in found.items() if what} == {}
    assert found


def test_sql_is_written_where_it_is_looked_for() -> None:
    found = {place for place, _ in _written()}
    elsewhere = {place for place in found if Path(place.partition(":")[0]).stem not in HOMES_OF_SQL}
    assert {place for place in elsewhere if not place.startswith("kit/")} == set()


def test_only_tests_send_negative_controls() -> None:
    assert [str(path) for path in SERVICES.rglob("*.py") if NEGATIVE_CONTROL in path.read_text()] == []


async def test_recording_sees_what_sqlalchemy_and_the_driver_send(
    inventory_database: Database, establishment_id: UUID
) -> None:
    on_the_driver = "SELECT id FROM inventory.gauges WHERE establishment_id = $1"

    async def look(session: ReadSession) -> None:
        await session.fetch(on_the_driver, establishment_id)
        await session.all(sa.select(gauges.c.id).where(gauges.c.establishment_id == establishment_id))

    with recorded() as statements:
        await inventory_database.read(establishment_id, look)
    about_gauges = sorted(" ".join(statement.split()) for statement in statements if "gauges" in statement)
    assert about_gauges == [
        on_the_driver,
        "SELECT inventory.gauges.id FROM inventory.gauges WHERE inventory.gauges.establishment_id = $1::UUID",
    ]


def _written() -> Iterator[tuple[str, str]]:
    for path in SERVICES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and _is_statement(node.value):
                yield f"{path.relative_to(SERVICES)}:{node.lineno}", node.value


def _is_statement(text: str) -> bool:
    words = text.split(maxsplit=1)
    return len(words) > 1 and words[0].isupper() and words[0].lower() in VERBS
