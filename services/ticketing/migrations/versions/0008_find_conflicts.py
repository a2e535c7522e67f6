"""An index for the few scans that contradict others."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Gates keep working while it is built; hence outside the transaction, and to be run again if it broke off.
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_scans_conflicts",
            "scans",
            ["establishment_id", "judged_at"],
            schema="ticketing",
            postgresql_where=sa.text("conflict_with IS NOT NULL OR objection IS NOT NULL"),
            postgresql_concurrently=True,
            if_not_exists=True,
        )
