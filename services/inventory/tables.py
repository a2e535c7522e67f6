"""The tables of inventory. `gauges` is the heart: one row per capacity, guarded by its CHECK."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, UUID

from services.kit.columns import moment
from services.kit.idempotency import idempotency_table
from services.kit.tenancy import NAMING, establishment_column, own_id

SCHEMA = "inventory"
ROLE = "parvis_inventory"

metadata = sa.MetaData(schema=SCHEMA, naming_convention=NAMING)

# A gauge is one capacity that holds and sales draw on. Every slot has one of its own, under the slot's id;
# shared gauges (a lift, a room) have one row per start, per day or in all, made together with the slots.
gauges = sa.Table(
    "gauges",
    metadata,
    establishment_column(),
    own_id(),
    sa.Column("shared_gauge_id", UUID(as_uuid=True)),
    sa.Column("capacity", sa.Integer, nullable=False),
    sa.Column("held", sa.Integer, nullable=False, server_default=sa.text("0")),
    sa.Column("sold", sa.Integer, nullable=False, server_default=sa.text("0")),
    # On this row because it is the one that is locked: a sale sees a closure that was committed before it.
    sa.Column("closed", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.CheckConstraint("held >= 0 AND sold >= 0 AND held + sold <= capacity", name="never_oversold"),
    sa.ForeignKeyConstraint(
        ["establishment_id", "shared_gauge_id"],
        [f"{SCHEMA}.shared_gauges.establishment_id", f"{SCHEMA}.shared_gauges.id"],
    ),
    sa.Index(None, "establishment_id", "shared_gauge_id"),
    # Counters change at every sale: room in the page keeps the updates off the index.
    postgresql_with={"fillfactor": "50"},
)

# What an establishment calls a gauge: the definition behind the rows above.
shared_gauges = sa.Table(
    "shared_gauges",
    metadata,
    establishment_column(),
    own_id(),
    sa.Column("name", sa.JSON, nullable=False),
    sa.Column("capacity", sa.Integer, nullable=False),
    sa.Column("per", sa.Text, nullable=False),
    sa.CheckConstraint("capacity >= 0", name="capacity"),
    sa.CheckConstraint("per IN ('slot_start', 'day', 'total', 'inside')", name="known_per"),
)

# One row per establishment, locked first by whoever changes rules, closures or slots: a closure and the slots that
# are made at the same time always know of each other. Holds never touch it.
timetables = sa.Table(
    "timetables",
    metadata,
    establishment_column(),
    sa.Column("version", sa.BigInteger, nullable=False),
)

schedules = sa.Table(
    "schedules",
    metadata,
    establishment_column(),
    own_id("offer_id"),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("timezone", sa.Text, nullable=False),
    sa.Column("gauge_ids", ARRAY(UUID(as_uuid=True)), nullable=False),
    sa.Column("published", sa.Boolean, nullable=False),
    moment("opens_at", nullable=True),
    sa.Column("closes_minutes_before", sa.Integer, nullable=False),
    sa.Column("early_entry_minutes", sa.Integer, nullable=False),
    sa.Column("late_entry_minutes", sa.Integer),
    sa.CheckConstraint("kind IN ('timed', 'open')", name="kind"),
)

calendars = sa.Table(
    "calendars",
    metadata,
    establishment_column(),
    own_id(),
    sa.Column("offer_id", UUID(as_uuid=True), nullable=False),
    sa.Column("valid_from", sa.Date, nullable=False),
    sa.Column("valid_until", sa.Date),
    sa.Column("weekdays", ARRAY(sa.SmallInteger), nullable=False),
    sa.Column("first_start", sa.Time, nullable=False),
    sa.Column("last_start", sa.Time, nullable=False),
    sa.Column("every_minutes", sa.Integer, nullable=False),
    sa.Column("duration_minutes", sa.Integer, nullable=False),
    sa.Column("capacity", sa.Integer, nullable=False),
    # Local dates before this one have their slots.
    sa.Column("made_until", sa.Date, nullable=False),
    moment("created_at", default_now=True),
    sa.ForeignKeyConstraint(
        ["establishment_id", "offer_id"], [f"{SCHEMA}.schedules.establishment_id", f"{SCHEMA}.schedules.offer_id"]
    ),
    sa.Index(None, "establishment_id", "offer_id"),
    sa.Index(None, "made_until"),
)

closures = sa.Table(
    "closures",
    metadata,
    establishment_column(),
    own_id(),
    sa.Column("offer_id", UUID(as_uuid=True)),
    moment("closed_from"),
    moment("closed_until"),
    sa.Column("reason", sa.JSON, nullable=False),
    moment("created_at", default_now=True),
    sa.CheckConstraint("closed_from < closed_until", name="order"),
    sa.Index(None, "establishment_id", "closed_until"),
)

slots = sa.Table(
    "slots",
    metadata,
    establishment_column(),
    own_id(),
    sa.Column("offer_id", UUID(as_uuid=True), nullable=False),
    # Null once the rule was changed or deleted and somebody holds or bought the slot: it lives on by itself.
    sa.Column("calendar_id", UUID(as_uuid=True)),
    moment("starts_at"),
    moment("ends_at"),
    sa.Column("local_date", sa.Date, nullable=False),
    # Every gauge that a place on this slot draws on; the slot's own stands first.
    sa.Column("gauge_ids", ARRAY(UUID(as_uuid=True)), nullable=False),
    # From then on not offered, its own gauge closed for good. The row stays for holds that are on their way, and
    # later for orders that name it; what nobody ever named is purged after a day.
    moment("removed_at", nullable=True),
    sa.ForeignKeyConstraint(
        ["establishment_id", "offer_id"], [f"{SCHEMA}.schedules.establishment_id", f"{SCHEMA}.schedules.offer_id"]
    ),
    sa.Index(
        "uq_slots_start",
        "establishment_id",
        "offer_id",
        "starts_at",
        unique=True,
        postgresql_where=sa.text("removed_at IS NULL"),
    ),
    sa.Index(None, "establishment_id", "offer_id", "local_date"),
    sa.Index(None, "establishment_id", "calendar_id"),
)

holds = sa.Table(
    "holds",
    metadata,
    establishment_column(),
    own_id(),
    sa.Column("owner_id", UUID(as_uuid=True), nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    moment("expires_at", nullable=True),
    moment("sold_at", nullable=True),
    moment("created_at", default_now=True),
    sa.CheckConstraint("state IN ('held', 'sold', 'released', 'expired')", name="state"),
    sa.CheckConstraint("(state <> 'held') OR (expires_at IS NOT NULL)", name="held_expires"),
    sa.Index("ix_holds_expiring", "establishment_id", "expires_at", postgresql_where=sa.text("state = 'held'")),
    sa.Index("ix_holds_sold", "establishment_id", "sold_at", postgresql_where=sa.text("state = 'sold'")),
)

hold_lines = sa.Table(
    "hold_lines",
    metadata,
    establishment_column(),
    own_id("hold_id"),
    own_id("slot_id"),
    # Places still taken; falls to 0 as places are returned.
    sa.Column("quantity", sa.Integer, nullable=False),
    sa.CheckConstraint("quantity >= 0", name="quantity"),
    sa.ForeignKeyConstraint(
        ["establishment_id", "hold_id"], [f"{SCHEMA}.holds.establishment_id", f"{SCHEMA}.holds.id"]
    ),
    # No foreign key to slots: a slot is removed only under the lock of its gauge, when nobody has places on it, and
    # what remains here of expired holds must not keep it alive.
    sa.Index(None, "establishment_id", "slot_id"),
)

# A place goes back once per return_id, however often it is asked.
place_returns = sa.Table(
    "place_returns",
    metadata,
    establishment_column(),
    own_id(),
    sa.Column("hold_id", UUID(as_uuid=True), nullable=False),
    moment("returned_at", default_now=True),
    sa.ForeignKeyConstraint(
        ["establishment_id", "hold_id"], [f"{SCHEMA}.holds.establishment_id", f"{SCHEMA}.holds.id"]
    ),
)

idempotency_keys = idempotency_table(metadata)
