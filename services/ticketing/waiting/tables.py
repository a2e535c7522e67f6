import sqlalchemy as sa

from services.kit.columns import moment, reference
from services.kit.tenancy import establishment_column, own_id
from services.ticketing.tables import metadata

# A place in a line. Open while waiting, offering or offered; every other state is final.
waiting_entries = sa.Table(
    "waiting_entries",
    metadata,
    establishment_column(),
    own_id(),
    # The slot, or an id derived from offer and day: what the line is for.
    reference("target_id"),
    reference("offer_id"),
    reference("slot_id", nullable=True),
    sa.Column("day", sa.Date, nullable=False),
    # [{tariff_id, quantity}], priced when places are offered; `places` is what they need together.
    sa.Column("lines", sa.JSON, nullable=False),
    sa.Column("places", sa.Integer, nullable=False),
    sa.Column("customer_name", sa.Text, nullable=False),
    sa.Column("customer_email", sa.Text, nullable=False),
    sa.Column("language", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    # The attempt names the order that it makes, and is written before any place is taken: see `waiting.jobs`.
    sa.Column("attempt", sa.Integer, nullable=False, server_default=sa.text("0")),
    reference("offered_slot_id", nullable=True),
    reference("order_id", nullable=True),
    moment("joined_at", default_now=True),
    moment("offered_at", nullable=True),
    moment("ended_at", nullable=True),
    # When the last of the wanted slots is no longer sold.
    moment("over_at"),
    sa.CheckConstraint(
        "status IN ('waiting', 'offering', 'offered', 'taken', 'expired', 'left', 'over')", name="status"
    ),
    sa.CheckConstraint("places >= 1", name="places"),
    sa.CheckConstraint(
        "status NOT IN ('offering', 'offered') OR (order_id IS NOT NULL AND offered_slot_id IS NOT NULL)", name="offer"
    ),
    sa.Index(
        "uq_waiting_entries_open",
        "establishment_id",
        "target_id",
        "customer_email",
        unique=True,
        postgresql_where=sa.text("status IN ('waiting', 'offering', 'offered')"),
    ),
    sa.Index(
        "ix_waiting_entries_line",
        "establishment_id",
        "target_id",
        "joined_at",
        "id",
        postgresql_where=sa.text("status IN ('waiting', 'offering')"),
    ),
    sa.Index(None, "establishment_id", "joined_at", "id"),
    sa.Index(None, "establishment_id", "over_at"),
)

# Whose turn it is to serve an establishment's lines, and when that was last done.
waiting_rounds = sa.Table(
    "waiting_rounds",
    metadata,
    establishment_column(),
    moment("busy_until"),
    moment("served_at", nullable=True),
)
