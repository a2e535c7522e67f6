import sqlalchemy as sa

from services.kit.columns import moment, reference
from services.kit.tenancy import establishment_column, own_id
from services.ticketing.tables import metadata

# Every mail: those to be sent, being sent, sent, and those that never will be. The table is the queue.
messages = sa.Table(
    "messages",
    metadata,
    establishment_column(),
    own_id(),
    sa.Column("kind", sa.Text, nullable=False),
    # Null where there is no order yet, as on a waiting list.
    reference("order_id", nullable=True),
    sa.Column("recipient", sa.Text, nullable=False),
    sa.Column("language", sa.Text, nullable=False),
    # What the kind needs to know beyond the order: numbers of tickets, a day. No secrets, no personal data.
    sa.Column("data", sa.JSON, nullable=False),
    # Somebody asked for it again; the others follow from events.
    sa.Column("requested", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("state", sa.Text, nullable=False, server_default="queued"),
    sa.Column("attempts", sa.SmallInteger, nullable=False, server_default=sa.text("0")),
    moment("due_at"),
    # While queued: when it is tried (again). While sending: when whoever took it has died.
    moment("next_attempt_at"),
    # A short word of ours, never what a server said: it may have said the address.
    sa.Column("last_error", sa.Text, nullable=False, server_default=""),
    moment("created_at", default_now=True),
    moment("sent_at", nullable=True),
    sa.CheckConstraint("state IN ('queued', 'sending', 'sent', 'failed', 'dropped')", name="state"),
    sa.Index(None, "establishment_id", "created_at", "id"),
    sa.Index("ix_messages_recipient", "establishment_id", "recipient", "created_at"),
    sa.Index("ix_messages_order", "establishment_id", "order_id", "created_at"),
    sa.Index(
        "ix_messages_waiting",
        "establishment_id",
        "next_attempt_at",
        postgresql_where=sa.text("state IN ('queued', 'sending')"),
    ),
)

# How far the event log has been turned into messages.
message_cursors = sa.Table(
    "message_cursors",
    metadata,
    establishment_column(),
    sa.Column("sequence", sa.BigInteger, nullable=False),
)

# Who wants no reminders: a keyed hash of the address, which says nothing to whoever reads the table.
reminder_refusals = sa.Table(
    "reminder_refusals",
    metadata,
    establishment_column(),
    sa.Column("address_hash", sa.LargeBinary, primary_key=True),
    moment("created_at", default_now=True),
)
