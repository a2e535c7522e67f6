import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, UUID

from services.kit.columns import moment
from services.kit.tenancy import establishment_column, own_id
from services.ticketing.tables import metadata

# Keys of the instance itself; only their hashes are kept.
operator_keys = sa.Table(
    "operator_keys",
    metadata,
    sa.Column("id", UUID(as_uuid=True), primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("secret_hash", sa.LargeBinary, nullable=False),
    moment("created_at", default_now=True),
    moment("expires_at", nullable=True),
    moment("revoked_at", nullable=True),
)

api_keys = sa.Table(
    "api_keys",
    metadata,
    establishment_column(),
    own_id(),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("scopes", ARRAY(sa.Text), nullable=False),
    sa.Column("secret_hash", sa.LargeBinary, nullable=False),
    moment("created_at", default_now=True),
    moment("expires_at", nullable=True),
    moment("revoked_at", nullable=True),
)
