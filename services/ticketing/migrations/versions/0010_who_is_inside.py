"""Tickets admitted before passages were folded, and still of use, count as inside."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TICKETS = sa.table(
    "tickets",
    sa.column("entries"),
    sa.column("inside"),
    sa.column("passed_at"),
    sa.column("admitted_at"),
    sa.column("valid_until"),
    schema="ticketing",
)


def upgrade() -> None:
    # Of those whose time is over nobody asks again; an upload that comes late folds its ticket anew anyway.
    op.execute(
        sa.update(TICKETS)
        .where(TICKETS.c.admitted_at.is_not(None), TICKETS.c.valid_until > sa.func.now())
        .values(entries=1, inside=True, passed_at=TICKETS.c.admitted_at)
    )
