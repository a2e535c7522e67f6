import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, UUID

from services.kit.columns import moment
from services.kit.tenancy import establishment_column
from services.ticketing.tables import metadata

# A registry of the instance, not a tenant table: everybody may read it, each establishment changes its own row.
establishments = sa.Table(
    "establishments",
    metadata,
    sa.Column("id", UUID(as_uuid=True), primary_key=True),
    sa.Column("slug", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.JSON, nullable=False),
    sa.Column("country", sa.Text, nullable=False),
    sa.Column("timezone", sa.Text, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("languages", ARRAY(sa.Text), nullable=False),
    # Who sells, as the law wants it on tickets.
    sa.Column("legal_name", sa.Text, nullable=False, server_default=""),
    sa.Column("registration_number", sa.Text, nullable=False, server_default=""),
    sa.Column("contact_email", sa.Text, nullable=False, server_default=""),
    sa.Column("accent_colour", sa.Text, nullable=False, server_default="#1d3557"),
    sa.Column("payment_methods", ARRAY(sa.Text), nullable=False),
    sa.Column("stripe_account", sa.Text, nullable=False, server_default=""),
    sa.Column("hold_minutes", sa.Integer, nullable=False, server_default=sa.text("15")),
    sa.Column("extension_minutes", sa.Integer, nullable=False, server_default=sa.text("10")),
    # Hours before the visit until which a visitor may act alone; null: never.
    sa.Column("cancellation_hours_before", sa.Integer, server_default=sa.text("24")),
    sa.Column("exchange_hours_before", sa.Integer, server_default=sa.text("1")),
    # Until when its tickets can be had as passes for phones; null: not at all.
    moment("wallet_until", nullable=True),
    # Whether its tickets can be handed to Google Wallet: never, unless the establishment chooses to.
    sa.Column("google_wallet", sa.Boolean, nullable=False, server_default=sa.false()),
    moment("created_at", default_now=True),
)

# What the shop shows beyond the name. Apart from the registry, which every sale reads.
presentations = sa.Table(
    "presentations",
    metadata,
    establishment_column(),
    # A data: URI.
    sa.Column("logo", sa.Text, nullable=False),
    sa.Column("about", sa.JSON, nullable=False),
    sa.Column("opening_hours", sa.JSON, nullable=False),
    sa.Column("access", sa.JSON, nullable=False),
    sa.Column("terms", sa.JSON, nullable=False),
    sa.Column("legal_notice", sa.JSON, nullable=False),
    sa.Column("contact_phone", sa.Text, nullable=False),
    sa.Column("website", sa.Text, nullable=False),
    # Sites that may show the calendar in a frame.
    sa.Column("allowed_origins", ARRAY(sa.Text), nullable=False),
    sa.Column("accessibility", sa.JSON, nullable=False),
)
