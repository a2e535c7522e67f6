"""The planner counts on large establishments."""

from services.kit.migrations import plan_tables_for_the_largest

revision = "0002"
down_revision = "0001"
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
    plan_tables_for_the_largest("ticketing", TENANT_TABLES)
