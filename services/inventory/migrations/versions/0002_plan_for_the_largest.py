"""The planner counts on large establishments."""

from services.kit.migrations import plan_tables_for_the_largest

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TENANT_TABLES = (
    "closures",
    "holds",
    "idempotency_keys",
    "schedules",
    "shared_gauges",
    "timetables",
    "calendars",
    "gauges",
    "hold_lines",
    "place_returns",
    "slots",
)


def upgrade() -> None:
    plan_tables_for_the_largest("inventory", TENANT_TABLES)
