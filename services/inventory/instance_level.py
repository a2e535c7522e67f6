"""What inventory may know across establishments: which of them have work waiting, and nothing else.

Row-level security shows a service no row without an establishment. These functions belong to the owner of the
tables, whom it does not bind; they answer ids only, and only to the service's own role.
"""

from services.inventory.tables import ROLE, SCHEMA


def _for_service_only(signature: str, definition: str) -> list[str]:
    """Each statement is to be executed on its own, by the role that owns the tables."""
    return [
        f"CREATE FUNCTION {SCHEMA}.{definition}",
        f"REVOKE ALL ON FUNCTION {SCHEMA}.{signature} FROM PUBLIC",
        f"GRANT EXECUTE ON FUNCTION {SCHEMA}.{signature} TO {ROLE}",
    ]


FUNCTIONS = {
    "establishments_to_extend": _for_service_only(
        "establishments_to_extend(date)",
        """establishments_to_extend(horizon date) RETURNS SETOF uuid
        LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        BEGIN
            RETURN QUERY
                SELECT DISTINCT calendars.establishment_id
                FROM inventory.calendars
                WHERE calendars.made_until < horizon
                  AND (calendars.valid_until IS NULL OR calendars.valid_until >= calendars.made_until);
        END
        $$""",
    ),
    "establishments_with_expired_holds": _for_service_only(
        "establishments_with_expired_holds()",
        """establishments_with_expired_holds() RETURNS SETOF uuid
        LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        BEGIN
            RETURN QUERY
                SELECT DISTINCT holds.establishment_id
                FROM inventory.holds
                WHERE holds.state = 'held' AND holds.expires_at <= now();
        END
        $$""",
    ),
}
