import sqlalchemy as sa

from services.kit.columns import minor_units, moment, reference, tenant_key
from services.kit.tenancy import establishment_column, own_id
from services.ticketing.tables import SCHEMA, metadata

payments = sa.Table(
    "payments",
    metadata,
    establishment_column(),
    own_id(),
    reference("order_id"),
    sa.Column("method", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    minor_units("amount_minor"),
    minor_units("refunded_minor"),
    sa.Column("currency", sa.Text, nullable=False),
    # What the provider calls the checkout and, once paid, the payment itself.
    sa.Column("checkout_reference", sa.Text, nullable=False, server_default=""),
    sa.Column("provider_reference", sa.Text, nullable=False, server_default=""),
    sa.Column("url", sa.Text, nullable=False, server_default=""),
    moment("created_at", default_now=True),
    moment("paid_at", nullable=True),
    # Its order was confirmed, or the money is on its way back: until then a job looks after it.
    moment("settled_at", nullable=True),
    tenant_key(SCHEMA, "order_id", "orders"),
    sa.CheckConstraint("status IN ('pending', 'due', 'paid', 'failed', 'expired')", name="status"),
    sa.CheckConstraint("refunded_minor >= 0 AND refunded_minor <= amount_minor", name="never_over_refunded"),
    sa.Index(None, "establishment_id", "order_id"),
    sa.Index(
        "ix_payments_checkout",
        "establishment_id",
        "checkout_reference",
        postgresql_where=sa.text("checkout_reference <> ''"),
    ),
    sa.Index("ix_payments_pending", "establishment_id", "created_at", postgresql_where=sa.text("status = 'pending'")),
    sa.Index(
        "ix_payments_unsettled",
        "establishment_id",
        "paid_at",
        postgresql_where=sa.text("status = 'paid' AND settled_at IS NULL"),
    ),
)

refunds = sa.Table(
    "refunds",
    metadata,
    establishment_column(),
    own_id(),
    reference("order_id"),
    reference("payment_id"),
    minor_units("amount_minor"),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("provider_reference", sa.Text, nullable=False, server_default=""),
    moment("created_at", default_now=True),
    moment("done_at", nullable=True),
    tenant_key(SCHEMA, "payment_id", "payments"),
    sa.CheckConstraint("status IN ('waiting', 'sent', 'failed')", name="status"),
    sa.CheckConstraint("amount_minor > 0", name="amount"),
    sa.Index(None, "establishment_id", "order_id"),
    sa.Index("ix_refunds_waiting", "establishment_id", "created_at", postgresql_where=sa.text("status = 'waiting'")),
)

# Each event of a provider, stored once: the primary key is the deduplication.
provider_events = sa.Table(
    "provider_events",
    metadata,
    establishment_column(),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("checkout_reference", sa.Text, nullable=False),
    moment("received_at", default_now=True),
)
