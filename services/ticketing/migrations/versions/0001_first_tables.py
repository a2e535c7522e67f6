"""The first tables of ticketing."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from services.kit.migrations import fence
from services.kit.tenancy import ALL_PRIVILEGES
from services.ticketing.instance_level import INSTANCE_STATEMENTS

# What was written stays: the services may add to these tables and change nothing.
APPEND_ONLY = {"events": "SELECT, INSERT", "settlements": "SELECT, INSERT"}
revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TENANT_TABLES = (
    "api_keys",
    "devices",
    "events",
    "idempotency_keys",
    "ledger_heads",
    "orders",
    "place_returns",
    "provider_events",
    "reconciler_cursors",
    "scans",
    "settlements",
    "signing_keys",
    "venues",
    "gates",
    "offers",
    "order_lines",
    "payments",
    "tickets",
    "refunds",
    "tariffs",
)


def upgrade() -> None:
    op.execute("GRANT USAGE ON SCHEMA ticketing TO parvis_ticketing")
    op.create_table(
        "api_keys",
        sa.Column("establishment_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("establishment_id", "id", name=op.f("pk_api_keys")),
        schema="ticketing",
    )
    op.create_table(
        "devices",
        sa.Column("establishment_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("gate_ids", postgresql.ARRAY(sa.UUID()), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("establishment_id", "id", name=op.f("pk_devices")),
        schema="ticketing",
    )
    op.create_table(
        "establishments",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.JSON(), nullable=False),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("languages", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("legal_name", sa.Text(), server_default="", nullable=False),
        sa.Column("registration_number", sa.Text(), server_default="", nullable=False),
        sa.Column("contact_email", sa.Text(), server_default="", nullable=False),
        sa.Column("accent_colour", sa.Text(), server_default="#1d3557", nullable=False),
        sa.Column("payment_methods", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("stripe_account", sa.Text(), server_default="", nullable=False),
        sa.Column("hold_minutes", sa.Integer(), server_default=sa.text("15"), nullable=False),
        sa.Column("extension_minutes", sa.Integer(), server_default=sa.text("10"), nullable=False),
        sa.Column("cancellation_hours_before", sa.Integer(), server_default=sa.text("24"), nullable=True),
        sa.Column("exchange_hours_before", sa.Integer(), server_default=sa.text("1"), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_establishments")),
        sa.UniqueConstraint("slug", name=op.f("uq_establishments_slug")),
        schema="ticketing",
    )
    op.create_table(
        "events",
        sa.Column("establishment_id", sa.UUID(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("previous_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("establishment_id", "sequence", name=op.f("pk_events")),
        schema="ticketing",
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
        schema="ticketing",
    )
    op.create_index(
        op.f("ix_idempotency_keys_establishment_id_created_at"),
        "idempotency_keys",
        ["establishment_id", "created_at"],
        unique=False,
        schema="ticketing",
    )
    op.create_table(
        "ledger_heads",
        sa.Column("establishment_id", sa.UUID(), nullable=False),
        sa.Column("last_sequence", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("last_hash", sa.LargeBinary(), nullable=False),
        sa.Column("last_ticket_number", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("establishment_id", name=op.f("pk_ledger_heads")),
        schema="ticketing",
        postgresql_with={"fillfactor": "10"},
    )
    op.create_table(
        "operator_keys",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operator_keys")),
        schema="ticketing",
    )
    op.create_table(
        "orders",
        sa.Column("establishment_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("hold_id", sa.UUID(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("customer_name", sa.Text(), server_default="", nullable=False),
        sa.Column("customer_email", sa.Text(), server_default="", nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("payment_method", sa.Text(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("total_minor", sa.BigInteger(), nullable=False),
        sa.Column("extended", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('held', 'awaiting_payment', 'confirmed', 'cancelled', 'expired')", name=op.f("ck_orders_status")
        ),
        sa.CheckConstraint("total_minor >= 0", name=op.f("ck_orders_total")),
        sa.PrimaryKeyConstraint("establishment_id", "id", name=op.f("pk_orders")),
        sa.UniqueConstraint("establishment_id", "reference", name=op.f("uq_orders_establishment_id_reference")),
        schema="ticketing",
    )
    op.create_index(
        "ix_orders_email",
        "orders",
        ["establishment_id", "customer_email"],
        unique=False,
        schema="ticketing",
        postgresql_where=sa.text("customer_email <> ''"),
    )
    op.create_index(
        op.f("ix_orders_establishment_id_created_at_id"),
        "orders",
        ["establishment_id", "created_at", "id"],
        unique=False,
        schema="ticketing",
    )
    op.create_index(
        "ix_orders_expiring",
        "orders",
        ["establishment_id", "expires_at"],
        unique=False,
        schema="ticketing",
        postgresql_where=sa.text("status IN ('held', 'awaiting_payment')"),
    )
    op.create_table(
        "place_returns",
        sa.Column("establishment_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("hold_id", sa.UUID(), nullable=False),
        sa.Column("lines", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("establishment_id", "id", name=op.f("pk_place_returns")),
        schema="ticketing",
    )
    op.create_index(
        "ix_place_returns_waiting",
        "place_returns",
        ["establishment_id", "created_at"],
        unique=False,
        schema="ticketing",
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.create_table(
        "provider_events",
        sa.Column("establishment_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("checkout_reference", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("establishment_id", "id", name=op.f("pk_provider_events")),
        schema="ticketing",
    )
    op.create_table(
        "reconciler_cursors",
        sa.Column("establishment_id", sa.UUID(), nullable=False),
        sa.Column("compared_until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("establishment_id", name=op.f("pk_reconciler_cursors")),
        schema="ticketing",
    )
    op.create_table(
        "scans",
        sa.Column("establishment_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("ticket_id", sa.UUID(), nullable=True),
        sa.Column("gate_id", sa.UUID(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("offline", sa.Boolean(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("earlier_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("earlier_gate_id", sa.UUID(), nullable=True),
        sa.Column("scanned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.CheckConstraint("direction IN ('in', 'out')", name=op.f("ck_scans_direction")),
        sa.CheckConstraint("outcome IN ('admitted', 'refused')", name=op.f("ck_scans_outcome")),
        sa.PrimaryKeyConstraint("establishment_id", "id", name=op.f("pk_scans")),
        schema="ticketing",
    )
    op.create_index(
        op.f("ix_scans_establishment_id_recorded_at"),
        "scans",
        ["establishment_id", "recorded_at"],
        unique=False,
        schema="ticketing",
    )
    op.create_index(
        op.f("ix_scans_establishment_id_ticket_id"),
        "scans",
        ["establishment_id", "ticket_id"],
        unique=False,
        schema="ticketing",
    )
    op.create_table(
        "settlements",
        sa.Column("establishment_id", sa.UUID(), nullable=False),
        sa.Column("hold_id", sa.UUID(), nullable=False),
        sa.Column("order_id", sa.UUID(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("outcome IN ('ticketed', 'let_go')", name=op.f("ck_settlements_outcome")),
        sa.PrimaryKeyConstraint("establishment_id", "hold_id", name=op.f("pk_settlements")),
        schema="ticketing",
    )
    op.create_index(
        op.f("ix_settlements_establishment_id_order_id"),
        "settlements",
        ["establishment_id", "order_id"],
        unique=False,
        schema="ticketing",
    )
    op.create_table(
        "signing_keys",
        sa.Column("establishment_id", sa.UUID(), nullable=False),
        sa.Column("key_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_private_key", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("key_id BETWEEN 1 AND 65535", name=op.f("ck_signing_keys_key_id")),
        sa.PrimaryKeyConstraint("establishment_id", "key_id", name=op.f("pk_signing_keys")),
        schema="ticketing",
    )
    op.create_table(
        "venues",
        sa.Column("establishment_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("name", sa.JSON(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("establishment_id", "id", name=op.f("pk_venues")),
        schema="ticketing",
    )
    op.create_table(
        "gates",
        sa.Column("establishment_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("venue_id", sa.UUID(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["establishment_id", "venue_id"],
            ["ticketing.venues.establishment_id", "ticketing.venues.id"],
            name=op.f("fk_gates_establishment_id_venue_id"),
        ),
        sa.PrimaryKeyConstraint("establishment_id", "id", name=op.f("pk_gates")),
        schema="ticketing",
    )
    op.create_index(
        op.f("ix_gates_establishment_id_venue_id"),
        "gates",
        ["establishment_id", "venue_id"],
        unique=False,
        schema="ticketing",
    )
    op.create_table(
        "offers",
        sa.Column("establishment_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("name", sa.JSON(), nullable=False),
        sa.Column("description", sa.JSON(), nullable=False),
        sa.Column("venue_id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("gauge_ids", postgresql.ARRAY(sa.UUID()), nullable=False),
        sa.Column("sales", sa.JSON(), nullable=False),
        sa.Column("published", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("kind IN ('timed', 'open')", name=op.f("ck_offers_kind")),
        sa.ForeignKeyConstraint(
            ["establishment_id", "venue_id"],
            ["ticketing.venues.establishment_id", "ticketing.venues.id"],
            name=op.f("fk_offers_establishment_id_venue_id"),
        ),
        sa.PrimaryKeyConstraint("establishment_id", "id", name=op.f("pk_offers")),
        schema="ticketing",
    )
    op.create_table(
        "order_lines",
        sa.Column("establishment_id", sa.UUID(), nullable=False),
        sa.Column("order_id", sa.UUID(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("slot_id", sa.UUID(), nullable=False),
        sa.Column("offer_id", sa.UUID(), nullable=False),
        sa.Column("tariff_id", sa.UUID(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("admits", sa.Integer(), nullable=False),
        sa.Column("unit_price_minor", sa.BigInteger(), nullable=False),
        sa.Column("vat_rate_bp", sa.Integer(), nullable=False),
        sa.Column("total_minor", sa.BigInteger(), nullable=False),
        sa.Column("vat_minor", sa.BigInteger(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("quantity >= 1", name=op.f("ck_order_lines_quantity")),
        sa.ForeignKeyConstraint(
            ["establishment_id", "order_id"],
            ["ticketing.orders.establishment_id", "ticketing.orders.id"],
            name=op.f("fk_order_lines_establishment_id_order_id"),
        ),
        sa.PrimaryKeyConstraint("establishment_id", "order_id", "position", name=op.f("pk_order_lines")),
        schema="ticketing",
    )
    op.create_index(
        op.f("ix_order_lines_establishment_id_slot_id"),
        "order_lines",
        ["establishment_id", "slot_id"],
        unique=False,
        schema="ticketing",
    )
    op.create_table(
        "payments",
        sa.Column("establishment_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("order_id", sa.UUID(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("refunded_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("checkout_reference", sa.Text(), server_default="", nullable=False),
        sa.Column("provider_reference", sa.Text(), server_default="", nullable=False),
        sa.Column("url", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('pending', 'due', 'paid', 'failed', 'expired')", name=op.f("ck_payments_status")
        ),
        sa.CheckConstraint(
            "refunded_minor >= 0 AND refunded_minor <= amount_minor", name=op.f("ck_payments_never_over_refunded")
        ),
        sa.ForeignKeyConstraint(
            ["establishment_id", "order_id"],
            ["ticketing.orders.establishment_id", "ticketing.orders.id"],
            name=op.f("fk_payments_establishment_id_order_id"),
        ),
        sa.PrimaryKeyConstraint("establishment_id", "id", name=op.f("pk_payments")),
        schema="ticketing",
    )
    op.create_index(
        "ix_payments_checkout",
        "payments",
        ["establishment_id", "checkout_reference"],
        unique=False,
        schema="ticketing",
        postgresql_where=sa.text("checkout_reference <> ''"),
    )
    op.create_index(
        op.f("ix_payments_establishment_id_order_id"),
        "payments",
        ["establishment_id", "order_id"],
        unique=False,
        schema="ticketing",
    )
    op.create_index(
        "ix_payments_pending",
        "payments",
        ["establishment_id", "created_at"],
        unique=False,
        schema="ticketing",
        postgresql_where=sa.text("status = 'pending'"),
    )
    op.create_index(
        "ix_payments_unsettled",
        "payments",
        ["establishment_id", "paid_at"],
        unique=False,
        schema="ticketing",
        postgresql_where=sa.text("status = 'paid' AND settled_at IS NULL"),
    )
    op.create_table(
        "tickets",
        sa.Column("establishment_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("short_code", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("order_id", sa.UUID(), nullable=False),
        sa.Column("line_position", sa.SmallInteger(), nullable=False),
        sa.Column("hold_id", sa.UUID(), nullable=False),
        sa.Column("slot_id", sa.UUID(), nullable=False),
        sa.Column("offer_id", sa.UUID(), nullable=False),
        sa.Column("tariff_id", sa.UUID(), nullable=False),
        sa.Column("price_minor", sa.BigInteger(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revision", sa.SmallInteger(), nullable=False),
        sa.Column("key_id", sa.Integer(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("admitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("admitted_gate_id", sa.UUID(), nullable=True),
        sa.CheckConstraint("status IN ('valid', 'cancelled')", name=op.f("ck_tickets_status")),
        sa.ForeignKeyConstraint(
            ["establishment_id", "order_id"],
            ["ticketing.orders.establishment_id", "ticketing.orders.id"],
            name=op.f("fk_tickets_establishment_id_order_id"),
        ),
        sa.PrimaryKeyConstraint("establishment_id", "id", name=op.f("pk_tickets")),
        sa.UniqueConstraint("establishment_id", "number", name=op.f("uq_tickets_establishment_id_number")),
        sa.UniqueConstraint("establishment_id", "short_code", name=op.f("uq_tickets_establishment_id_short_code")),
        schema="ticketing",
        postgresql_with={"fillfactor": "80"},
    )
    op.create_index(
        op.f("ix_tickets_establishment_id_hold_id"),
        "tickets",
        ["establishment_id", "hold_id"],
        unique=False,
        schema="ticketing",
    )
    op.create_index(
        op.f("ix_tickets_establishment_id_order_id"),
        "tickets",
        ["establishment_id", "order_id"],
        unique=False,
        schema="ticketing",
    )
    op.create_index(
        op.f("ix_tickets_establishment_id_slot_id"),
        "tickets",
        ["establishment_id", "slot_id"],
        unique=False,
        schema="ticketing",
    )
    op.create_table(
        "refunds",
        sa.Column("establishment_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("order_id", sa.UUID(), nullable=False),
        sa.Column("payment_id", sa.UUID(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("provider_reference", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("status IN ('waiting', 'sent', 'failed')", name=op.f("ck_refunds_status")),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_refunds_amount")),
        sa.ForeignKeyConstraint(
            ["establishment_id", "payment_id"],
            ["ticketing.payments.establishment_id", "ticketing.payments.id"],
            name=op.f("fk_refunds_establishment_id_payment_id"),
        ),
        sa.PrimaryKeyConstraint("establishment_id", "id", name=op.f("pk_refunds")),
        schema="ticketing",
    )
    op.create_index(
        op.f("ix_refunds_establishment_id_order_id"),
        "refunds",
        ["establishment_id", "order_id"],
        unique=False,
        schema="ticketing",
    )
    op.create_index(
        "ix_refunds_waiting",
        "refunds",
        ["establishment_id", "created_at"],
        unique=False,
        schema="ticketing",
        postgresql_where=sa.text("status = 'waiting'"),
    )
    op.create_table(
        "tariffs",
        sa.Column("establishment_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("offer_id", sa.UUID(), nullable=False),
        sa.Column("name", sa.JSON(), nullable=False),
        sa.Column("price_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("vat_rate_bp", sa.Integer(), nullable=False),
        sa.Column("admits", sa.Integer(), nullable=False),
        sa.Column("eligibility", sa.JSON(), nullable=False),
        sa.Column("min_per_order", sa.Integer(), nullable=True),
        sa.Column("max_per_order", sa.Integer(), nullable=True),
        sa.Column("channels", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("archived", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("admits >= 1", name=op.f("ck_tariffs_admits")),
        sa.CheckConstraint("price_minor >= 0", name=op.f("ck_tariffs_price")),
        sa.ForeignKeyConstraint(
            ["establishment_id", "offer_id"],
            ["ticketing.offers.establishment_id", "ticketing.offers.id"],
            name=op.f("fk_tariffs_establishment_id_offer_id"),
        ),
        sa.PrimaryKeyConstraint("establishment_id", "id", name=op.f("pk_tariffs")),
        schema="ticketing",
    )
    op.create_index(
        op.f("ix_tariffs_establishment_id_offer_id"),
        "tariffs",
        ["establishment_id", "offer_id"],
        unique=False,
        schema="ticketing",
    )
    for table in TENANT_TABLES:
        fence(table, "ticketing", "parvis_ticketing", APPEND_ONLY.get(table, ALL_PRIVILEGES))
    for statement in INSTANCE_STATEMENTS:
        op.execute(statement)
