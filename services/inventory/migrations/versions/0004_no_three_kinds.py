"""The check that knew three kinds of gauges goes: another one knows four."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_constraint(op.f("ck_shared_gauges_per"), "shared_gauges", schema="inventory")
