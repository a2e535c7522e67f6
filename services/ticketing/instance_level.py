"""The few things that reach beyond one establishment, all in one place so that they can be reviewed at a glance."""

from collections.abc import Mapping

from services.kit.tenancy import OWN_ESTABLISHMENT
from services.ticketing.tables import ROLE, SCHEMA

OWN_ROW = OWN_ESTABLISHMENT.replace("establishment_id =", "id =", 1)

# Owned by the owner of the tables, so they look past row-level security; they give away ids and nothing else.
WORK_WAITING = f"""
CREATE FUNCTION {SCHEMA}.establishments_with_work(expired_before timestamptz)
RETURNS SETOF uuid LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
        SELECT DISTINCT establishment_id FROM {SCHEMA}.orders
        WHERE status IN ('held', 'awaiting_payment') AND expires_at < expired_before
        UNION
        SELECT DISTINCT establishment_id FROM {SCHEMA}.place_returns WHERE done_at IS NULL
        UNION
        SELECT DISTINCT establishment_id FROM {SCHEMA}.refunds WHERE status = 'waiting'
        UNION
        SELECT DISTINCT establishment_id FROM {SCHEMA}.payments WHERE status = 'pending'
        UNION
        SELECT DISTINCT establishment_id FROM {SCHEMA}.payments WHERE status = 'paid' AND settled_at IS NULL
        UNION
        SELECT DISTINCT establishment_id FROM {SCHEMA}.idempotency_keys
        WHERE created_at < expired_before - interval '24 hours';
END
$$"""

EVENTS_TO_TELL = f"""
CREATE FUNCTION {SCHEMA}.establishments_with_news()
RETURNS SETOF uuid LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
        SELECT heads.establishment_id FROM {SCHEMA}.ledger_heads AS heads
        LEFT JOIN {SCHEMA}.message_cursors AS cursors ON cursors.establishment_id = heads.establishment_id
        WHERE heads.last_sequence > coalesce(cursors.sequence, 0);
END
$$"""

# One look into the queue of each establishment: what it costs does not grow with the queues.
MESSAGES_WAITING = f"""
CREATE OR REPLACE FUNCTION {SCHEMA}.establishments_with_mail(due_before timestamptz)
RETURNS SETOF uuid LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
        SELECT establishments.id FROM {SCHEMA}.establishments,
            LATERAL (SELECT FROM {SCHEMA}.messages
                     WHERE messages.establishment_id = establishments.id AND state IN ('queued', 'sending')
                         AND next_attempt_at <= due_before
                     LIMIT 1) AS due;
END
$$"""

LINES_TO_SERVE = f"""
CREATE FUNCTION {SCHEMA}.establishments_with_lines()
RETURNS SETOF uuid LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
        SELECT DISTINCT establishment_id FROM {SCHEMA}.waiting_entries
        WHERE status IN ('waiting', 'offering', 'offered')
           OR status IN ('left', 'over') AND order_id IS NOT NULL AND ended_at > now() - interval '1 day'
           OR over_at < now() - interval '7 days';
END
$$"""


def introducing(functions: Mapping[str, str]) -> list[str]:
    """The statements of a migration that brings these functions; each is executed on its own."""
    return [
        *functions.values(),
        *(f"REVOKE ALL ON FUNCTION {SCHEMA}.{signature} FROM PUBLIC" for signature in functions),
        *(f"GRANT EXECUTE ON FUNCTION {SCHEMA}.{signature} TO {ROLE}" for signature in functions),
    ]


# By the revision that brought them.
FIRST_FUNCTIONS = {"establishments_with_work(timestamptz)": WORK_WAITING}
MESSAGE_FUNCTIONS = {
    "establishments_with_news()": EVENTS_TO_TELL,
    "establishments_with_mail(timestamptz)": MESSAGES_WAITING,
}
WAITING_FUNCTIONS = {"establishments_with_lines()": LINES_TO_SERVE}
FUNCTIONS = FIRST_FUNCTIONS | MESSAGE_FUNCTIONS | WAITING_FUNCTIONS

PAIRING_STATEMENTS = [f"GRANT SELECT, INSERT, UPDATE, DELETE ON {SCHEMA}.pairing_codes TO {ROLE}"]

INSTANCE_STATEMENTS = [
    # The registry: everybody reads it, an establishment changes its own row only.
    f"GRANT SELECT, INSERT, UPDATE ON {SCHEMA}.establishments TO {ROLE}",
    f"ALTER TABLE {SCHEMA}.establishments ENABLE ROW LEVEL SECURITY",
    f"CREATE POLICY everybody_reads ON {SCHEMA}.establishments FOR SELECT USING (true)",
    f"CREATE POLICY founded_as_itself ON {SCHEMA}.establishments FOR INSERT WITH CHECK ({OWN_ROW})",
    f"CREATE POLICY own_row ON {SCHEMA}.establishments FOR UPDATE USING ({OWN_ROW})",
    f"GRANT SELECT, INSERT, UPDATE ON {SCHEMA}.operator_keys TO {ROLE}",
    *introducing(FIRST_FUNCTIONS),
]
