"""Passages of tickets, undone ones, people inside, and scanners that are paired."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from services.kit.migrations import fence
from services.ticketing.instance_level import PAIRING_STATEMENTS

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TENANT_TABLES = ("scan_undos", "occupancies")
NEW_COLUMNS = {
    "tickets": (
        sa.Column("entries", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("inside", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("passed_at", sa.DateTime(timezone=True), nullable=True),
    ),
    "offers": (
        sa.Column("entry", JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("language", sa.Text(), nullable=True),
    ),
    "scans": (
        sa.Column("judged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Text(), server_default="server", nullable=False),
        sa.Column("override_reason", sa.Text(), nullable=True),
        sa.Column("conflict_with", sa.UUID(), nullable=True),
        sa.Column("objection", sa.Text(), nullable=True),
    ),
    "devices": (
        sa.Column("public_key", sa.LargeBinary(), nullable=True),
        sa.Column("may_search", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("paired_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("battery_percent", sa.SmallInteger(), nullable=True),
        sa.Column("pending_uploads", sa.Integer(), nullable=True),
        sa.Column("app_version", sa.Text(), nullable=True),
    ),
}


def upgrade() -> None:
    for table, columns in NEW_COLUMNS.items():
        for column in columns:
            op.add_column(table, column, schema="ticketing")
    op.alter_column("devices", "secret_hash", nullable=True, schema="ticketing")
    op.create_table(
        "scan_undos",
        sa.Column("establishment_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("scan_id", sa.UUID(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("establishment_id", "id", name=op.f("pk_scan_undos")),
        schema="ticketing",
    )
    op.create_index(
        op.f("ix_scan_undos_establishment_id_scan_id"),
        "scan_undos",
        ["establishment_id", "scan_id"],
        schema="ticketing",
    )
    op.create_table(
        "occupancies",
        sa.Column("establishment_id", sa.UUID(), nullable=False),
        sa.Column("gauge_id", sa.UUID(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("inside", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("establishment_id", "gauge_id", "day", name=op.f("pk_occupancies")),
        schema="ticketing",
        postgresql_with={"fillfactor": "10"},
    )
    op.create_table(
        "pairing_codes",
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("establishment_id", sa.UUID(), nullable=False),
        sa.Column("device_id", sa.UUID(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("code_hash", name=op.f("pk_pairing_codes")),
        schema="ticketing",
    )
    op.create_index(op.f("ix_pairing_codes_expires_at"), "pairing_codes", ["expires_at"], schema="ticketing")
    for table in TENANT_TABLES:
        fence(table, "ticketing", "parvis_ticketing")
    for statement in PAIRING_STATEMENTS:
        op.execute(statement)
