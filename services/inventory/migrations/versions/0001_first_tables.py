"""The first tables of inventory."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from services.inventory.instance_level import FUNCTIONS
from services.kit.migrations import fence
from services.kit.tenancy import ALL_PRIVILEGES

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TENANT_TABLES = (
    "closures",
    "holds",
    "idempotency_keys",
    "schedules",
    "shared_gauges",
    "timetables",
    "calendars",
    "gauges",
    "hold_lines",
    "place_returns",
    "slots",
)


def upgrade() -> None:
    op.execute("GRANT USAGE ON SCHEMA inventory TO parvis_inventory")
    op.create_table(
        "closures",
        sa.Column("establishment_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("offer_id", sa.UUID(), nullable=True),
        sa.Column("closed_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("closed_from < closed_until", name=op.f("ck_closures_order")),
        sa.PrimaryKeyConstraint("establishment_id", "id", name=op.f("pk_closures")),
        schema="inventory",
    )
    op.create_index(
        op.f("ix_closures_establishment_id_closed_until"),
        "closures",
        ["establishment_id", "closed_until"],
        unique=False,
        schema="inventory",
    )
    op.create_table(
        "holds",
        sa.Column("establishment_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("owner_id", sa.UUID(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sold_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("(state <> 'held') OR (expires_at IS NOT NULL)", name=op.f("ck_holds_held_expires")),
        sa.CheckConstraint("state IN ('held', 'sold', 'released', 'expired')", name=op.f("ck_holds_state")),
        sa.PrimaryKeyConstraint("establishment_id", "id", name=op.f("pk_holds")),
        schema="inventory",
    )
    op.create_index(
        "ix_holds_expiring",
        "holds",
        ["establishment_id", "expires_at"],
        unique=False,
        schema="inventory",
        postgresql_where=sa.text("state = 'held'"),
    )
    op.create_index(
        "ix_holds_sold",
        "holds",
        ["establishment_id", "sold_at"],
        unique=False,
        schema="inventory",
        postgresql_where=sa.text("state = 'sold'"),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("establishment_id", sa.UUID(), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("sealed_body", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("establishment_id", "key_hash", name=op.f("pk_idempotency_keys")),
        schema="inventory",
    )
    op.create_index(
        op.f("ix_idempotency_keys_establishment_id_created_at"),
        "idempotency_keys",
        ["establishment_id", "created_at"],
        unique=False,
        schema="inventory",
    )
    op.create_table(
        "schedules",
        sa.Column("establishment_id", sa.UUID(), nullable=False),
        sa.Column("offer_id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("gauge_ids", postgresql.ARRAY(sa.UUID()), nullable=False),
        sa.Column("published", sa.Boolean(), nullable=False),
        sa.Column("opens_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closes_minutes_before", sa.Integer(), nullable=False),
        sa.Column("early_entry_minutes", sa.Integer(), nullable=False),
        sa.Column("late_entry_minutes", sa.Integer(), nullable=True),
        sa.CheckConstraint("kind IN ('timed', 'open')", name=op.f("ck_schedules_kind")),
        sa.PrimaryKeyConstraint("establishment_id", "offer_id", name=op.f("pk_schedules")),
        schema="inventory",
    )
    op.create_table(
        "shared_gauges",
        sa.Column("establishment_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("name", sa.JSON(), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("per", sa.Text(), nullable=False),
        sa.CheckConstraint("per IN ('slot_start', 'day', 'total')", name=op.f("ck_shared_gauges_per")),
        sa.CheckConstraint("capacity >= 0", name=op.f("ck_shared_gauges_capacity")),
        sa.PrimaryKeyConstraint("establishment_id", "id", name=op.f("pk_shared_gauges")),
        schema="inventory",
    )
    op.create_table(
        "timetables",
        sa.Column("establishment_id", sa.UUID(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("establishment_id", name=op.f("pk_timetables")),
        schema="inventory",
    )
    op.create_table(
        "calendars",
        sa.Column("establishment_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("offer_id", sa.UUID(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("weekdays", postgresql.ARRAY(sa.SmallInteger()), nullable=False),
        sa.Column("first_start", sa.Time(), nullable=False),
        sa.Column("last_start", sa.Time(), nullable=False),
        sa.Column("every_minutes", sa.Integer(), nullable=False),
        sa.Column("duration_minutes", sa.Integer(), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("made_until", sa.Date(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["establishment_id", "offer_id"],
            ["inventory.schedules.establishment_id", "inventory.schedules.offer_id"],
            name=op.f("fk_calendars_establishment_id_offer_id"),
        ),
        sa.PrimaryKeyConstraint("establishment_id", "id", name=op.f("pk_calendars")),
        schema="inventory",
    )
    op.create_index(
        op.f("ix_calendars_establishment_id_offer_id"),
        "calendars",
        ["establishment_id", "offer_id"],
        unique=False,
        schema="inventory",
    )
    op.create_index(op.f("ix_calendars_made_until"), "calendars", ["made_until"], unique=False, schema="inventory")
    op.create_table(
        "gauges",
        sa.Column("establishment_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("shared_gauge_id", sa.UUID(), nullable=True),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("held", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("sold", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("closed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.CheckConstraint(
            "held >= 0 AND sold >= 0 AND held + sold <= capacity", name=op.f("ck_gauges_never_oversold")
        ),
        sa.ForeignKeyConstraint(
            ["establishment_id", "shared_gauge_id"],
            ["inventory.shared_gauges.establishment_id", "inventory.shared_gauges.id"],
            name=op.f("fk_gauges_establishment_id_shared_gauge_id"),
        ),
        sa.PrimaryKeyConstraint("establishment_id", "id", name=op.f("pk_gauges")),
        schema="inventory",
        postgresql_with={"fillfactor": "50"},
    )
    op.create_index(
        op.f("ix_gauges_establishment_id_shared_gauge_id"),
        "gauges",
        ["establishment_id", "shared_gauge_id"],
        unique=False,
        schema="inventory",
    )
    op.create_table(
        "hold_lines",
        sa.Column("establishment_id", sa.UUID(), nullable=False),
        sa.Column("hold_id", sa.UUID(), nullable=False),
        sa.Column("slot_id", sa.UUID(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.CheckConstraint("quantity >= 0", name=op.f("ck_hold_lines_quantity")),
        sa.ForeignKeyConstraint(
            ["establishment_id", "hold_id"],
            ["inventory.holds.establishment_id", "inventory.holds.id"],
            name=op.f("fk_hold_lines_establishment_id_hold_id"),
        ),
        sa.PrimaryKeyConstraint("establishment_id", "hold_id", "slot_id", name=op.f("pk_hold_lines")),
        schema="inventory",
    )
    op.create_index(
        op.f("ix_hold_lines_establishment_id_slot_id"),
        "hold_lines",
        ["establishment_id", "slot_id"],
        unique=False,
        schema="inventory",
    )
    op.create_table(
        "place_returns",
        sa.Column("establishment_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("hold_id", sa.UUID(), nullable=False),
        sa.Column("returned_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["establishment_id", "hold_id"],
            ["inventory.holds.establishment_id", "inventory.holds.id"],
            name=op.f("fk_place_returns_establishment_id_hold_id"),
        ),
        sa.PrimaryKeyConstraint("establishment_id", "id", name=op.f("pk_place_returns")),
        schema="inventory",
    )
    op.create_table(
        "slots",
        sa.Column("establishment_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("offer_id", sa.UUID(), nullable=False),
        sa.Column("calendar_id", sa.UUID(), nullable=True),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("local_date", sa.Date(), nullable=False),
        sa.Column("gauge_ids", postgresql.ARRAY(sa.UUID()), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["establishment_id", "offer_id"],
            ["inventory.schedules.establishment_id", "inventory.schedules.offer_id"],
            name=op.f("fk_slots_establishment_id_offer_id"),
        ),
        sa.PrimaryKeyConstraint("establishment_id", "id", name=op.f("pk_slots")),
        schema="inventory",
    )
    op.create_index(
        op.f("ix_slots_establishment_id_calendar_id"),
        "slots",
        ["establishment_id", "calendar_id"],
        unique=False,
        schema="inventory",
    )
    op.create_index(
        op.f("ix_slots_establishment_id_offer_id_local_date"),
        "slots",
        ["establishment_id", "offer_id", "local_date"],
        unique=False,
        schema="inventory",
    )
    op.create_index(
        "uq_slots_start",
        "slots",
        ["establishment_id", "offer_id", "starts_at"],
        unique=True,
        schema="inventory",
        postgresql_where=sa.text("removed_at IS NULL"),
    )
    for table in TENANT_TABLES:
        fence(table, "inventory", "parvis_inventory", ALL_PRIVILEGES)
    for function in FUNCTIONS.values():
        for statement in function:
            op.execute(statement)
