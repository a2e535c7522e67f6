"""What signs tickets as passes for phones; tickets whose slot the establishment closed; mails to an address."""

import sqlalchemy as sa
from alembic import op

from services.kit.migrations import fence

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "establishments", sa.Column("wallet_until", sa.DateTime(timezone=True), nullable=True), schema="ticketing"
    )
    op.add_column("tickets", sa.Column("waived_at", sa.DateTime(timezone=True), nullable=True), schema="ticketing")
    op.create_table(
        "wallet_certificates",
        sa.Column("establishment_id", sa.UUID(), nullable=False),
        sa.Column("pass_type_id", sa.Text(), nullable=False),
        sa.Column("team_id", sa.Text(), nullable=False),
        sa.Column("certificate_pem", sa.Text(), nullable=False),
        sa.Column("intermediate_pem", sa.Text(), nullable=False),
        sa.Column("sealed_private_key", sa.LargeBinary(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("establishment_id", name=op.f("pk_wallet_certificates")),
        schema="ticketing",
    )
    fence("wallet_certificates", "ticketing", "parvis_ticketing")
    # Mail goes on while it is built; hence outside the transaction, and to be run again if it broke off.
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_messages_recipient",
            "messages",
            ["establishment_id", "recipient", "created_at"],
            schema="ticketing",
            postgresql_concurrently=True,
            if_not_exists=True,
        )
