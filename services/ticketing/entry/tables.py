import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, UUID

from services.kit.columns import moment, reference
from services.kit.tenancy import establishment_column, own_id
from services.ticketing.tables import metadata

CONFLICTING = "conflict_with IS NOT NULL OR objection IS NOT NULL"

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
    # The moment by which it was judged: passages of a ticket follow each other by this and then by id. Null in scans
    # older than the column.
    moment("judged_at", nullable=True),
    # `server`, or `device` for what a scanner decided by itself and reported later.
    sa.Column("decided_by", sa.Text, nullable=False, server_default="server"),
    # Why staff let somebody in although the hour or the gauge said no.
    sa.Column("override_reason", sa.Text),
    # The earlier admission that had used the ticket already: somebody came in on a copy. Kept by the fold.
    reference("conflict_with", nullable=True),
    # Why the server would have refused what a scanner admitted by itself, copies aside.
    sa.Column("objection", sa.Text),
    # Of the code as it was sent: tells a scan that is repeated from another one under the same id.
    sa.Column("code_hash", sa.LargeBinary, nullable=False),
    # The answer as it was given, for the scan that is sent again: by then the ticket may look different.
    sa.Column("answer", sa.Text, nullable=False),
    sa.CheckConstraint("direction IN ('in', 'out')", name="direction"),
    sa.CheckConstraint("outcome IN ('admitted', 'refused')", name="outcome"),
    sa.Index(None, "establishment_id", "ticket_id"),
    sa.Index(None, "establishment_id", "recorded_at"),
    sa.Index("ix_scans_conflicts", "establishment_id", "judged_at", postgresql_where=sa.text(CONFLICTING)),
    # What the attendance of a day counts beside its tickets.
    sa.Index("ix_scans_refused", "establishment_id", "judged_at", postgresql_where=sa.text("outcome = 'refused'")),
    sa.Index(
        "ix_scans_overridden", "establishment_id", "judged_at", postgresql_where=sa.text("override_reason IS NOT NULL")
    ),
)

# A wrong admission taken back. It may arrive before the scan that it undoes, hence no foreign key.
scan_undos = sa.Table(
    "scan_undos",
    metadata,
    establishment_column(),
    own_id(),
    reference("scan_id"),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    moment("undone_at"),
    moment("recorded_at", default_now=True),
    sa.Index(None, "establishment_id", "scan_id"),
)

# People inside by gauge of kind `inside` and local day: who never scans out is gone by the next morning.
occupancies = sa.Table(
    "occupancies",
    metadata,
    establishment_column(),
    own_id("gauge_id"),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("inside", sa.Integer, nullable=False),
    postgresql_with={"fillfactor": "10"},
)

# A scanner, bound to gates; only the hash of its token is kept.
devices = sa.Table(
    "devices",
    metadata,
    establishment_column(),
    own_id(),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("gate_ids", ARRAY(UUID(as_uuid=True)), nullable=False),
    # Null until it is paired.
    sa.Column("secret_hash", sa.LargeBinary),
    # Raw Ed25519, 32 bytes; turnstiles have none.
    sa.Column("public_key", sa.LargeBinary),
    sa.Column("may_search", sa.Boolean, nullable=False, server_default=sa.false()),
    moment("created_at", default_now=True),
    moment("paired_at", nullable=True),
    moment("revoked_at", nullable=True),
    # What it last told of itself.
    moment("last_seen_at", nullable=True),
    sa.Column("battery_percent", sa.SmallInteger),
    sa.Column("pending_uploads", sa.Integer),
    sa.Column("app_version", sa.Text),
)

# Of the instance: who shows a code does not say for which establishment. Only its hash is kept.
pairing_codes = sa.Table(
    "pairing_codes",
    metadata,
    sa.Column("code_hash", sa.LargeBinary, primary_key=True),
    reference("establishment_id"),
    reference("device_id"),
    moment("expires_at"),
    sa.Index(None, "expires_at"),
)
