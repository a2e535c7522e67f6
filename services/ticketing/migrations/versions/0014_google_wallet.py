"""The accounts of establishments that choose to offer Google Wallet."""

import sqlalchemy as sa
from alembic import op

from services.kit.migrations import fence

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "establishments",
        sa.Column("google_wallet", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        schema="ticketing",
    )
    op.create_table(
        "google_wallets",
        sa.Column("establishment_id", sa.UUID(), nullable=False),
        sa.Column("issuer_id", sa.Text(), nullable=False),
        sa.Column("service_account_email", sa.Text(), nullable=False),
        sa.Column("sealed_private_key", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("establishment_id", name=op.f("pk_google_wallets")),
        schema="ticketing",
    )
    fence("google_wallets", "ticketing", "parvis_ticketing")
