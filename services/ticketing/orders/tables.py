import sqlalchemy as sa

from services.kit.columns import minor_units, moment, reference, tenant_key
from services.kit.tenancy import establishment_column, own_id
from services.ticketing.tables import SCHEMA, metadata

orders = sa.Table(
    "orders",
    metadata,
    establishment_column(),
    own_id(),
    sa.Column("reference", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    # The hold that its places come from; an exchange brings further ones, see tickets.hold_id.
    reference("hold_id"),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("customer_name", sa.Text, nullable=False, server_default=""),
    # Lower case, so that an index serves the search under row-level security.
    sa.Column("customer_email", sa.Text, nullable=False, server_default=""),
    sa.Column("language", sa.Text, nullable=False),
    sa.Column("payment_method", sa.Text),
    sa.Column("currency", sa.Text, nullable=False),
    minor_units("total_minor"),
    sa.Column("extended", sa.Boolean, nullable=False, server_default=sa.false()),
    moment("expires_at", nullable=True),
    moment("created_at"),
    moment("confirmed_at", nullable=True),
    sa.UniqueConstraint("establishment_id", "reference"),
    sa.CheckConstraint("status IN ('held', 'awaiting_payment', 'confirmed', 'cancelled', 'expired')", name="status"),
    sa.CheckConstraint("total_minor >= 0", name="total"),
    sa.Index(None, "establishment_id", "created_at", "id"),
    # For lists by status. Most orders are confirmed: those are found by their time.
    sa.Index(
        "ix_orders_status",
        "establishment_id",
        "status",
        "created_at",
        "id",
        postgresql_where=sa.text("status <> 'confirmed'"),
    ),
    sa.Index("ix_orders_email", "establishment_id", "customer_email", postgresql_where=sa.text("customer_email <> ''")),
    sa.Index(
        "ix_orders_expiring",
        "establishment_id",
        "expires_at",
        postgresql_where=sa.text("status IN ('held', 'awaiting_payment')"),
    ),
)

order_lines = sa.Table(
    "order_lines",
    metadata,
    establishment_column(),
    own_id("order_id"),
    sa.Column("position", sa.SmallInteger, primary_key=True),
    reference("slot_id"),
    reference("offer_id"),
    reference("tariff_id"),
    sa.Column("quantity", sa.Integer, nullable=False),
    # Tickets per unit, price and VAT as they were at the sale: a later change of the tariff changes nothing here.
    sa.Column("admits", sa.Integer, nullable=False),
    minor_units("unit_price_minor"),
    sa.Column("vat_rate_bp", sa.Integer, nullable=False),
    minor_units("total_minor"),
    minor_units("vat_minor"),
    moment("starts_at"),
    moment("ends_at"),
    moment("valid_from"),
    moment("valid_until"),
    tenant_key(SCHEMA, "order_id", "orders"),
    sa.CheckConstraint("quantity >= 1", name="quantity"),
)

# The end of a hold, written once: it was ticketed or let go. The primary key decides between a confirmation, an
# expiry and the reconciler, whichever process they run in.
settlements = sa.Table(
    "settlements",
    metadata,
    establishment_column(),
    own_id("hold_id"),
    reference("order_id"),
    sa.Column("outcome", sa.Text, nullable=False),
    moment("settled_at", default_now=True),
    sa.CheckConstraint("outcome IN ('ticketed', 'let_go')", name="outcome"),
)

# Places that inventory must get back, written with the cancellation that frees them; done once inventory has them.
place_returns = sa.Table(
    "place_returns",
    metadata,
    establishment_column(),
    own_id(),
    reference("hold_id"),
    # [{slot_id, quantity}], or null for all that the hold has.
    sa.Column("lines", sa.JSON(none_as_null=True)),
    moment("created_at", default_now=True),
    moment("done_at", nullable=True),
    sa.Index(None, "establishment_id", "hold_id"),
    sa.Index("ix_place_returns_waiting", "establishment_id", "created_at", postgresql_where=sa.text("done_at IS NULL")),
)

# How far the reconciler has compared inventory's sales with our settlements.
reconciler_cursors = sa.Table("reconciler_cursors", metadata, establishment_column(), moment("compared_until"))
