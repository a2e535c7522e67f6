"""Gauges of a fourth kind: people inside at the same time."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_check_constraint(
        op.f("ck_shared_gauges_known_per"),
        "shared_gauges",
        "per IN ('slot_start', 'day', 'total', 'inside')",
        schema="inventory",
        postgresql_not_valid=True,
    )
    op.execute("ALTER TABLE inventory.shared_gauges VALIDATE CONSTRAINT ck_shared_gauges_known_per")
