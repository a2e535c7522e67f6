"""An index for the tickets of one day, which every scanner takes along."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Nobody waits to buy while it is built; hence outside the transaction, and to be run again if it broke off.
    with op.get_context().autocommit_block():
        op.create_index(
            op.f("ix_tickets_establishment_id_valid_until_valid_from"),
            "tickets",
            ["establishment_id", "valid_until", "valid_from"],
            schema="ticketing",
            postgresql_concurrently=True,
            if_not_exists=True,
        )
