"""Indexes for what the attendance of a day counts among its scans: the refused, and those that staff let in."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

INDEXES = {"ix_scans_refused": "outcome = 'refused'", "ix_scans_overridden": "override_reason IS NOT NULL"}


def upgrade() -> None:
    # Gates keep working while they are built; hence outside the transaction, and to be run again if it broke off.
    with op.get_context().autocommit_block():
        for name, condition in INDEXES.items():
            op.create_index(
                name,
                "scans",
                ["establishment_id", "judged_at"],
                schema="ticketing",
                postgresql_where=sa.text(condition),
                postgresql_concurrently=True,
                if_not_exists=True,
            )
