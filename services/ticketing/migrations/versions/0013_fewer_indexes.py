"""Indexes that no question uses any more, and the question that used one of them."""

from alembic import op

from services.ticketing.instance_level import MESSAGES_WAITING

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

# Each cost a sale as much as a third of a ticket.
UNUSED = (
    "ix_tickets_establishment_id_hold_id",
    "ix_order_lines_establishment_id_slot_id",
    "ix_settlements_establishment_id_order_id",
    "ix_messages_due",
)


def upgrade() -> None:
    op.execute(MESSAGES_WAITING)
    # Nobody waits to buy meanwhile; hence outside the transaction, and to be run again if it broke off.
    with op.get_context().autocommit_block():
        for index in UNUSED:
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS ticketing.{index}")
