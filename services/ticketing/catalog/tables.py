import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

from services.kit.columns import minor_units, moment, reference, tenant_key
from services.kit.tenancy import establishment_column, own_id
from services.ticketing.tables import SCHEMA, metadata

venues = sa.Table(
    "venues",
    metadata,
    establishment_column(),
    own_id(),
    sa.Column("name", sa.JSON, nullable=False),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("timezone", sa.Text, nullable=False),
    moment("created_at", default_now=True),
)

gates = sa.Table(
    "gates",
    metadata,
    establishment_column(),
    own_id(),
    reference("venue_id"),
    sa.Column("name", sa.Text, nullable=False),
    tenant_key(SCHEMA, "venue_id", "venues"),
    sa.Index(None, "establishment_id", "venue_id"),
)

offers = sa.Table(
    "offers",
    metadata,
    establishment_column(),
    own_id(),
    sa.Column("name", sa.JSON, nullable=False),
    sa.Column("description", sa.JSON, nullable=False),
    reference("venue_id"),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("gauge_ids", ARRAY(UUID(as_uuid=True)), nullable=False),
    sa.Column("sales", sa.JSON, nullable=False),
    # How often and where its tickets pass (`EntryRules`).
    sa.Column("entry", JSONB, nullable=False, server_default=sa.text("'{}'")),
    # The spoken language of a tour, for staff at the gate.
    sa.Column("language", sa.Text),
    sa.Column("published", sa.Boolean, nullable=False),
    moment("created_at", default_now=True),
    tenant_key(SCHEMA, "venue_id", "venues"),
    sa.CheckConstraint("kind IN ('timed', 'open')", name="kind"),
)

tariffs = sa.Table(
    "tariffs",
    metadata,
    establishment_column(),
    own_id(),
    reference("offer_id"),
    sa.Column("name", sa.JSON, nullable=False),
    minor_units("price_minor"),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("vat_rate_bp", sa.Integer, nullable=False),
    sa.Column("admits", sa.Integer, nullable=False),
    sa.Column("eligibility", sa.JSON, nullable=False),
    sa.Column("min_per_order", sa.Integer),
    sa.Column("max_per_order", sa.Integer),
    sa.Column("channels", ARRAY(sa.Text)),
    sa.Column("archived", sa.Boolean, nullable=False, server_default=sa.false()),
    moment("created_at", default_now=True),
    tenant_key(SCHEMA, "offer_id", "offers"),
    sa.CheckConstraint("price_minor >= 0", name="price"),
    sa.CheckConstraint("admits >= 1", name="admits"),
    sa.Index(None, "establishment_id", "offer_id"),
)
