"""What establishments show of themselves in the shop."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

from services.kit.migrations import fence

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "presentations",
        sa.Column("establishment_id", sa.UUID(), nullable=False),
        sa.Column("logo", sa.Text(), nullable=False),
        sa.Column("about", sa.JSON(), nullable=False),
        sa.Column("opening_hours", sa.JSON(), nullable=False),
        sa.Column("access", sa.JSON(), nullable=False),
        sa.Column("terms", sa.JSON(), nullable=False),
        sa.Column("legal_notice", sa.JSON(), nullable=False),
        sa.Column("contact_phone", sa.Text(), nullable=False),
        sa.Column("website", sa.Text(), nullable=False),
        sa.Column("allowed_origins", ARRAY(sa.Text()), nullable=False),
        sa.Column("accessibility", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("establishment_id", name=op.f("pk_presentations")),
        schema="ticketing",
    )
    fence("presentations", "ticketing", "parvis_ticketing")
