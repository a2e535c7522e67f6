import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, UUID

from services.kit.columns import moment, reference
from services.kit.tenancy import establishment_column, own_id
from services.ticketing.tables import metadata

# Every scan, refused ones too; the id comes from the device, so an upload that is repeated is the same scan.
scans = sa.Table(
    "scans",
    metadata,
    establishment_column(),
    own_id(),
    reference("ticket_id", nullable=True),
    reference("gate_id"),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("direction", sa.Text, nullable=False),
    sa.Column("offline", sa.Boolean, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("reason", sa.Text),
    # When and where the ticket was admitted before, for `already_admitted`.
    moment("earlier_at", nullable=True),
    reference("earlier_gate_id", nullable=True),
    moment("scanned_at"),
    moment("recorded_at", default_now=True),
    # Of the code as it was sent: tells a scan that is repeated from another one under the same id.
    sa.Column("code_hash", sa.LargeBinary, nullable=False),
    # The answer as it was given, for the scan that is sent again: by then the ticket may look different.
    sa.Column("answer", sa.Text, nullable=False),
    sa.CheckConstraint("direction IN ('in', 'out')", name="direction"),
    sa.CheckConstraint("outcome IN ('admitted', 'refused')", name="outcome"),
    sa.Index(None, "establishment_id", "ticket_id"),
    sa.Index(None, "establishment_id", "recorded_at"),
)

# A scanner, bound to gates; only the hash of its token is kept.
devices = sa.Table(
    "devices",
    metadata,
    establishment_column(),
    own_id(),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("gate_ids", ARRAY(UUID(as_uuid=True)), nullable=False),
    sa.Column("secret_hash", sa.LargeBinary, nullable=False),
    moment("created_at", default_now=True),
    moment("revoked_at", nullable=True),
)
