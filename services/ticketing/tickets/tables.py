import sqlalchemy as sa

from services.kit.columns import minor_units, moment, reference, tenant_key
from services.kit.tenancy import establishment_column, own_id
from services.ticketing.tables import SCHEMA, metadata

tickets = sa.Table(
    "tickets",
    metadata,
    establishment_column(),
    own_id(),
    # Uninterrupted per establishment (CGI ann. IV art. 50 sexies B); a cancelled ticket keeps its number.
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("short_code", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    reference("order_id"),
    sa.Column("line_position", sa.SmallInteger, nullable=False),
    reference("hold_id"),
    reference("slot_id"),
    reference("offer_id"),
    reference("tariff_id"),
    minor_units("price_minor"),
    moment("starts_at"),
    moment("ends_at"),
    moment("valid_from"),
    moment("valid_until"),
    sa.Column("revision", sa.SmallInteger, nullable=False),
    # The establishment's key that signs its code.
    sa.Column("key_id", sa.Integer, nullable=False),
    moment("issued_at"),
    moment("cancelled_at", nullable=True),
    moment("admitted_at", nullable=True),
    # The establishment closed the slot: from then on its terms hold nobody to it.
    moment("waived_at", nullable=True),
    reference("admitted_gate_id", nullable=True),
    # The fold over its passages (decision 22): admissions counted, whether its holder is inside, the last passage.
    # In no index: a scan changes them, and a change of no index stays on its page.
    sa.Column("entries", sa.SmallInteger, nullable=False, server_default=sa.text("0")),
    sa.Column("inside", sa.Boolean, nullable=False, server_default=sa.false()),
    moment("passed_at", nullable=True),
    tenant_key(SCHEMA, "order_id", "orders"),
    sa.UniqueConstraint("establishment_id", "number"),
    sa.UniqueConstraint("establishment_id", "short_code"),
    sa.CheckConstraint("status IN ('valid', 'cancelled')", name="status"),
    sa.Index(None, "establishment_id", "order_id"),
    sa.Index(None, "establishment_id", "slot_id"),
    # The tickets of one day: the second column bounds the search, the third is compared without leaving the index.
    sa.Index(None, "establishment_id", "valid_until", "valid_from"),
    postgresql_with={"fillfactor": "80"},
)

signing_keys = sa.Table(
    "signing_keys",
    metadata,
    establishment_column(),
    sa.Column("key_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("public_key", sa.LargeBinary, nullable=False),
    sa.Column("sealed_private_key", sa.LargeBinary, nullable=False),
    moment("created_at", default_now=True),
    # Signs no more; still verifies what it signed.
    moment("retired_at", nullable=True),
    sa.CheckConstraint("key_id BETWEEN 1 AND 65535", name="key_id"),
)

# What signs tickets as passes for phones (tickets/wallet), where an establishment has it.
wallet_certificates = sa.Table(
    "wallet_certificates",
    metadata,
    establishment_column(),
    sa.Column("pass_type_id", sa.Text, nullable=False),
    sa.Column("team_id", sa.Text, nullable=False),
    sa.Column("certificate_pem", sa.Text, nullable=False),
    sa.Column("intermediate_pem", sa.Text, nullable=False),
    sa.Column("sealed_private_key", sa.LargeBinary, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    moment("expires_at"),
    moment("created_at", default_now=True),
)

# With which account tickets are offered to Google Wallet (tickets/wallet/google), where an establishment chose to.
google_wallets = sa.Table(
    "google_wallets",
    metadata,
    establishment_column(),
    sa.Column("issuer_id", sa.Text, nullable=False),
    sa.Column("service_account_email", sa.Text, nullable=False),
    sa.Column("sealed_private_key", sa.LargeBinary, nullable=False),
    moment("created_at", default_now=True),
)
