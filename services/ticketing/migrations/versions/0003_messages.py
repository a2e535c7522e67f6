"""Messages, and how far the event log was turned into them."""

import sqlalchemy as sa
from alembic import op

from services.kit.migrations import fence
from services.ticketing.instance_level import MESSAGE_FUNCTIONS, introducing

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TENANT_TABLES = ("messages", "message_cursors", "reminder_refusals")
WAITING = sa.text("state IN ('queued', 'sending')")
KEY = sa.column("establishment_id", sa.UUID())
HEADS = sa.table("ledger_heads", KEY, sa.column("last_sequence"), schema="ticketing")
CURSORS = sa.table("message_cursors", sa.column("establishment_id"), sa.column("sequence"), schema="ticketing")


def upgrade() -> None:
    op.create_table(
        "messages",
        sa.Column("establishment_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("order_id", sa.UUID(), nullable=True),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("requested", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("state", sa.Text(), server_default="queued", nullable=False),
        sa.Column("attempts", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_error", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('queued', 'sending', 'sent', 'failed', 'dropped')", name=op.f("ck_messages_state")
        ),
        sa.PrimaryKeyConstraint("establishment_id", "id", name=op.f("pk_messages")),
        schema="ticketing",
    )
    op.create_index(
        op.f("ix_messages_establishment_id_created_at_id"),
        "messages",
        ["establishment_id", "created_at", "id"],
        schema="ticketing",
    )
    op.create_index("ix_messages_order", "messages", ["establishment_id", "order_id", "created_at"], schema="ticketing")
    op.create_index(
        "ix_messages_waiting",
        "messages",
        ["establishment_id", "next_attempt_at"],
        schema="ticketing",
        postgresql_where=WAITING,
    )
    op.create_index("ix_messages_due", "messages", ["next_attempt_at"], schema="ticketing", postgresql_where=WAITING)
    op.create_table(
        "message_cursors",
        sa.Column("establishment_id", sa.UUID(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("establishment_id", name=op.f("pk_message_cursors")),
        schema="ticketing",
    )
    op.create_table(
        "reminder_refusals",
        sa.Column("establishment_id", sa.UUID(), nullable=False),
        sa.Column("address_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("establishment_id", "address_hash", name=op.f("pk_reminder_refusals")),
        schema="ticketing",
    )
    for table in TENANT_TABLES:
        fence(table, "ticketing", "parvis_ticketing")
    # What happened before there were messages is told to nobody.
    past = sa.select(HEADS.c.establishment_id, HEADS.c.last_sequence)
    op.execute(sa.insert(CURSORS).from_select(["establishment_id", "sequence"], past))
    for statement in introducing(MESSAGE_FUNCTIONS):
        op.execute(statement)
