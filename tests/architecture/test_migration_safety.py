import pytest

from tests.architecture.migration_safety import dangers

SETTINGS = ["SET lock_timeout = '3s'", "SET statement_timeout = '60s'"]
FIRST = [
    "CREATE TABLE inventory.slots (id UUID NOT NULL, CONSTRAINT pk_slots PRIMARY KEY (id))",
    "CREATE INDEX ix_slots_id ON inventory.slots (id)",
    "ALTER TABLE inventory.slots ADD COLUMN capacity INTEGER NOT NULL",
    "INSERT INTO inventory.alembic_version (version_num) VALUES ('0001')",
]


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE inventory.slots ADD COLUMN note TEXT",
        "ALTER TABLE inventory.slots ADD COLUMN note TEXT DEFAULT '' NOT NULL",
        "ALTER TABLE inventory.slots ADD CONSTRAINT ck_note CHECK (note <> '') NOT VALID",
        "ALTER TABLE inventory.slots VALIDATE CONSTRAINT ck_note",
        "ALTER TABLE inventory.slots ADD CONSTRAINT uq_note UNIQUE USING INDEX uq_note",
        "CREATE INDEX CONCURRENTLY ix_slots_note ON inventory.slots (note)",
        "ALTER TABLE inventory.slots ENABLE ROW LEVEL SECURITY",
        "CREATE FUNCTION inventory.f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM 1; PERFORM 2; END $$",
        "UPDATE inventory.slots SET note = ''",
        "ALTER TABLE inventory.slots DROP COLUMN note",
    ],
)
def test_safe_step_is_let_through(statement: str) -> None:
    assert dangers([*SETTINGS, *FIRST, statement]) == []


@pytest.mark.parametrize(
    ("statement", "danger"),
    [
        ("ALTER TABLE inventory.slots ALTER COLUMN id TYPE TEXT", "a column of another type"),
        ("ALTER TABLE inventory.slots ALTER COLUMN note SET NOT NULL", "NOT NULL on a filled column"),
        ("ALTER TABLE inventory.slots ADD COLUMN note TEXT NOT NULL", "NOT NULL without a default"),
        ("ALTER TABLE inventory.slots ADD COLUMN n UUID DEFAULT gen_random_uuid()", "a default that rewrites"),
        ("ALTER TABLE inventory.slots ADD COLUMN n INTEGER CHECK (n > 0)", "a constraint together"),
        ("ALTER TABLE inventory.slots ADD CONSTRAINT ck_n CHECK (n > 0)", "a constraint that reads"),
        ('ALTER TABLE inventory."slots" ADD CONSTRAINT uq_n UNIQUE (n)', "a constraint that reads"),
        ("CREATE UNIQUE INDEX uq_n ON inventory.slots (n)", "an index without CONCURRENTLY"),
        ("ALTER TABLE inventory.slots ADD a INT; ALTER TABLE inventory.slots ADD b INT", "several statements"),
    ],
)
def test_step_that_locks_is_found(statement: str, danger: str) -> None:
    found = dangers([*SETTINGS, *FIRST, statement])
    assert [line.startswith(danger) for line in found] == [True]


def test_expand_and_contract_in_one_revision_is_found() -> None:
    steps = ["ALTER TABLE inventory.slots ADD COLUMN b TEXT", "ALTER TABLE inventory.slots DROP COLUMN a"]
    version = "UPDATE inventory.alembic_version SET version_num = '0002'"
    assert len(dangers([*SETTINGS, *FIRST, *steps])) == 1
    assert dangers([*SETTINGS, *FIRST, steps[0], version, steps[1]]) == []


def test_migration_without_timeouts_is_found() -> None:
    assert len(dangers([SETTINGS[0], FIRST[0]])) == 1
