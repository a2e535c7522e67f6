"""The event log and the two uninterrupted series of an establishment: events and ticket numbers."""

import sqlalchemy as sa

from services.kit.columns import moment
from services.kit.tenancy import establishment_column
from services.ticketing.tables import metadata

# One row per establishment, locked by whoever appends: this lock is what makes both series gapless.
ledger_heads = sa.Table(
    "ledger_heads",
    metadata,
    establishment_column(),
    sa.Column("last_sequence", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    sa.Column("last_hash", sa.LargeBinary, nullable=False),
    sa.Column("last_ticket_number", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    postgresql_with={"fillfactor": "10"},
)

events = sa.Table(
    "events",
    metadata,
    establishment_column(),
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    # Text and not jsonb: the hash covers these very characters.
    sa.Column("payload", sa.Text, nullable=False),
    moment("occurred_at"),
    sa.Column("previous_hash", sa.LargeBinary, nullable=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
)
