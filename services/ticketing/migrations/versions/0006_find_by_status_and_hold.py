"""Indexes for a long past: orders by status, places given back by hold."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Nobody waits to buy while they are built; hence outside the transaction, and to be run again if it broke off.
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_orders_status",
            "orders",
            ["establishment_id", "status", "created_at", "id"],
            schema="ticketing",
            postgresql_where=sa.text("status <> 'confirmed'"),
            postgresql_concurrently=True,
            if_not_exists=True,
        )
        op.create_index(
            op.f("ix_place_returns_establishment_id_hold_id"),
            "place_returns",
            ["establishment_id", "hold_id"],
            schema="ticketing",
            postgresql_concurrently=True,
            if_not_exists=True,
        )
