"""Waiting lists."""

import sqlalchemy as sa
from alembic import op

from services.kit.migrations import fence
from services.ticketing.instance_level import WAITING_FUNCTIONS, introducing

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TENANT_TABLES = ("waiting_entries", "waiting_rounds")


def upgrade() -> None:
    op.create_table(
        "waiting_entries",
        sa.Column("establishment_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("target_id", sa.UUID(), nullable=False),
        sa.Column("offer_id", sa.UUID(), nullable=False),
        sa.Column("slot_id", sa.UUID(), nullable=True),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("lines", sa.JSON(), nullable=False),
        sa.Column("places", sa.Integer(), nullable=False),
        sa.Column("customer_name", sa.Text(), nullable=False),
        sa.Column("customer_email", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("offered_slot_id", sa.UUID(), nullable=True),
        sa.Column("order_id", sa.UUID(), nullable=True),
        sa.Column("joined_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("offered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("over_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "status IN ('waiting', 'offering', 'offered', 'taken', 'expired', 'left', 'over')",
            name=op.f("ck_waiting_entries_status"),
        ),
        sa.CheckConstraint("places >= 1", name=op.f("ck_waiting_entries_places")),
        sa.CheckConstraint(
            "status NOT IN ('offering', 'offered') OR (order_id IS NOT NULL AND offered_slot_id IS NOT NULL)",
            name=op.f("ck_waiting_entries_offer"),
        ),
        sa.PrimaryKeyConstraint("establishment_id", "id", name=op.f("pk_waiting_entries")),
        schema="ticketing",
    )
    op.create_index(
        "uq_waiting_entries_open",
        "waiting_entries",
        ["establishment_id", "target_id", "customer_email"],
        unique=True,
        schema="ticketing",
        postgresql_where=sa.text("status IN ('waiting', 'offering', 'offered')"),
    )
    op.create_index(
        "ix_waiting_entries_line",
        "waiting_entries",
        ["establishment_id", "target_id", "joined_at", "id"],
        schema="ticketing",
        postgresql_where=sa.text("status IN ('waiting', 'offering')"),
    )
    op.create_index(
        op.f("ix_waiting_entries_establishment_id_joined_at_id"),
        "waiting_entries",
        ["establishment_id", "joined_at", "id"],
        schema="ticketing",
    )
    op.create_index(
        op.f("ix_waiting_entries_establishment_id_over_at"),
        "waiting_entries",
        ["establishment_id", "over_at"],
        schema="ticketing",
    )
    op.create_table(
        "waiting_rounds",
        sa.Column("establishment_id", sa.UUID(), nullable=False),
        sa.Column("busy_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("served_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("establishment_id", name=op.f("pk_waiting_rounds")),
        schema="ticketing",
    )
    for table in TENANT_TABLES:
        fence(table, "ticketing", "parvis_ticketing")
    for statement in introducing(WAITING_FUNCTIONS):
        op.execute(statement)
