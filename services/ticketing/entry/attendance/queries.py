"""A day counted in one statement, so that its numbers are of one moment, and a mark that tells when to count again.

Where a ticket stands is a fold over its passages (decision 22) that tickets carry: who came in once, when and where, is
read there. Only of the few that came in more often are the passages looked at. All is bounded by the day: by the
validity of its tickets, by the moments of its refusals, conflicts and overridden admissions, each through an index.
"""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

import msgspec
import sqlalchemy as sa

from services.kit.database import ReadSession
from services.kit.errors import Unauthenticated
from services.ticketing.access.queries import REFUSED
from services.ticketing.access.tables import api_keys
from services.ticketing.entry.attendance.rules import Counts
from services.ticketing.entry.passes.rules import LONGEST_VALIDITY, Place

_DAY_OF_TICKETS = "tickets.valid_until > $5 AND tickets.valid_until < $7 AND tickets.valid_from < $6"
_JUDGED_THAT_DAY = "scans.judged_at >= $5 AND scans.judged_at < $6"
_TICKET = """
SELECT tickets.id, tickets.slot_id, tickets.offer_id, tickets.status, tickets.starts_at, tickets.ends_at,
       tickets.entries, tickets.inside, tickets.passed_at, tickets.admitted_at, tickets.admitted_gate_id"""
_QUARTER = "date_bin('15 minutes', {}, 'epoch')"

# `outside` are tickets of other days that somebody came in with all the same: let in by staff, or by a scanner that
# did not know better. Each ticket is looked at once, before anything is joined: in every time zone a day begins with a
# quarter of an hour, so that whose day it is can be asked of the tallies. `again` are those that came in more than
# once. A return after an exit is no admission (`entry.rules`): the passage before it led out, and there was an
# admission before that.
COUNT = f"""
WITH places AS MATERIALIZED (
    SELECT * FROM unnest($2::uuid[], $3::timestamptz[], $4::timestamptz[]) AS place(venue_id, begins_at, ends_at)
), outside AS MATERIALIZED (
    SELECT scans.ticket_id AS id FROM ticketing.scans
    WHERE scans.establishment_id = $1 AND {_JUDGED_THAT_DAY}
        AND (scans.conflict_with IS NOT NULL OR scans.objection IS NOT NULL)
    UNION
    SELECT scans.ticket_id FROM ticketing.scans
    WHERE scans.establishment_id = $1 AND {_JUDGED_THAT_DAY} AND scans.override_reason IS NOT NULL
), looked_at AS (
    {_TICKET} FROM ticketing.tickets
    WHERE tickets.establishment_id = $1 AND {_DAY_OF_TICKETS}
    UNION ALL
    {_TICKET} FROM outside JOIN ticketing.tickets ON tickets.establishment_id = $1 AND tickets.id = outside.id
    WHERE NOT ({_DAY_OF_TICKETS})
), tallied AS MATERIALIZED (
    SELECT slot_id, offer_id, starts_at, ends_at, CASE WHEN entries = 1 THEN admitted_gate_id END AS gate_id,
           CASE WHEN entries = 1 THEN {_QUARTER.format("admitted_at")} END AS quarter,
           CASE WHEN inside THEN {_QUARTER.format("passed_at")} END AS inside_since,
           count(*) AS number, count(*) FILTER (WHERE status = 'valid') AS valid,
           array_agg(id) FILTER (WHERE entries > 1) AS again
    FROM looked_at GROUP BY 1, 2, 3, 4, 5, 6, 7
), today AS MATERIALIZED (
    SELECT tallied.*, places.begins_at, places.ends_at AS over_at,
           coalesce((offers.entry ->> 're_entry')::boolean, false) AS re_entry
    FROM tallied JOIN ticketing.offers ON offers.establishment_id = $1 AND offers.id = tallied.offer_id
    JOIN places ON places.venue_id = offers.venue_id
), passages AS (
    SELECT today.slot_id, scans.gate_id, scans.judged_at AS at, today.begins_at, today.over_at,
           scans.direction = 'in' AND scans.conflict_with IS NULL AS comes_in,
           today.re_entry AND lag(scans.direction) OVER of_ticket = 'out'
               AND count(*) FILTER (WHERE scans.direction = 'in') OVER (
                   of_ticket ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) > 0 AS comes_back
    FROM today CROSS JOIN unnest(today.again) AS entered(ticket_id)
    JOIN ticketing.scans ON scans.establishment_id = $1 AND scans.ticket_id = entered.ticket_id
    WHERE scans.outcome = 'admitted' AND NOT EXISTS (
        SELECT FROM ticketing.scan_undos WHERE scan_undos.establishment_id = $1 AND scan_undos.scan_id = scans.id)
    WINDOW of_ticket AS (PARTITION BY scans.ticket_id ORDER BY scans.judged_at, scans.id)
), admissions AS (
    SELECT slot_id, gate_id, quarter, number FROM today WHERE quarter >= begins_at AND quarter < over_at
    UNION ALL
    SELECT slot_id, gate_id, {_QUARTER.format("at")}, 1 FROM passages
    WHERE comes_in AND comes_back IS NOT TRUE AND at >= begins_at AND at < over_at
)
SELECT json_build_object(
    'slots', (SELECT coalesce(json_agg(known), '[]') FROM (
        SELECT slot_id, offer_id, min(starts_at) AS starts_at, max(ends_at) AS ends_at,
               coalesce(sum(valid) FILTER (WHERE starts_at >= begins_at AND starts_at < over_at), 0) AS expected
        FROM today GROUP BY slot_id, offer_id) AS known),
    'arrivals', (SELECT coalesce(json_agg(known), '[]') FROM (
        SELECT slot_id, gate_id, quarter, sum(number) AS admitted
        FROM admissions GROUP BY slot_id, gate_id, quarter) AS known),
    'inside', (SELECT coalesce(sum(number) FILTER (WHERE inside_since >= begins_at AND inside_since < over_at), 0)
               FROM today),
    'refused', (SELECT coalesce(json_agg(known), '[]') FROM (
        SELECT scans.gate_id, count(*) AS refused FROM ticketing.scans
        JOIN ticketing.gates ON gates.establishment_id = $1 AND gates.id = scans.gate_id
        JOIN places ON places.venue_id = gates.venue_id
        WHERE scans.establishment_id = $1 AND {_JUDGED_THAT_DAY} AND scans.outcome = 'refused'
          AND scans.judged_at >= places.begins_at AND scans.judged_at < places.ends_at
        GROUP BY scans.gate_id) AS known),
    'conflicts', (
        SELECT count(*) FROM ticketing.scans
        JOIN ticketing.gates ON gates.establishment_id = $1 AND gates.id = scans.gate_id
        JOIN places ON places.venue_id = gates.venue_id
        WHERE scans.establishment_id = $1 AND {_JUDGED_THAT_DAY}
          AND (scans.conflict_with IS NOT NULL OR scans.objection IS NOT NULL)
          AND scans.judged_at >= places.begins_at AND scans.judged_at < places.ends_at
          AND NOT EXISTS (SELECT FROM ticketing.scan_undos
                          WHERE scan_undos.establishment_id = $1 AND scan_undos.scan_id = scans.id)),
    'gauges', (SELECT coalesce(json_agg(known), '[]') FROM (
        SELECT gauge_id, greatest(0, inside) AS inside FROM ticketing.occupancies
        WHERE establishment_id = $1 AND gauge_id = ANY($8::uuid[]) AND day = $9) AS known)
)::text AS counted"""

# What changes a ticket moves the head of the ledger, a refusal does not: hence also the scans of the last minutes. They
# are counted by when their transaction began, and none takes a minute.
MARK = """
SELECT ledger_heads.last_sequence, date_trunc('minute', now()) AS minute, (
    SELECT count(*) FROM ticketing.scans
    WHERE scans.establishment_id = $1 AND scans.recorded_at >= date_trunc('minute', now()) - interval '1 minute'
) AS scans
FROM ticketing.ledger_heads WHERE ledger_heads.establishment_id = $1"""


class Mark(msgspec.Struct, frozen=True):
    """While it is the same, so is the attendance of every day: what is counted changes only with it."""

    last_sequence: int
    minute: datetime
    scans: int


async def read_mark(session: ReadSession, establishment_id: UUID) -> Mark:
    row = (await session.fetch(MARK, establishment_id))[0]
    return Mark(row["last_sequence"], row["minute"], row["scans"])


async def count_day(
    session: ReadSession, establishment_id: UUID, places: Sequence[Place], day: date, gauge_ids: Sequence[UUID]
) -> Counts:
    """One statement. `gauge_ids` are the gauges whose people inside are wanted."""
    if not places:
        return Counts()
    begins_at, ends_at = min(place.begins_at for place in places), max(place.ends_at for place in places)
    rows = await session.fetch(
        COUNT,
        establishment_id,
        [place.venue_id for place in places],
        [place.begins_at for place in places],
        [place.ends_at for place in places],
        begins_at,
        ends_at,
        ends_at + LONGEST_VALIDITY,
        list(gauge_ids),
        day,
    )
    return msgspec.json.decode(rows[0]["counted"], type=Counts)


async def check_key(session: ReadSession, establishment_id: UUID, key_id: UUID) -> None:
    """Whoever watches goes on with a key that was good when they began. Raises `Unauthenticated`."""
    is_good = await session.scalar(
        sa.select(sa.func.coalesce(api_keys.c.expires_at > sa.func.now(), sa.true())).where(
            api_keys.c.establishment_id == establishment_id, api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None)
        )
    )
    if not is_good:
        raise Unauthenticated(REFUSED)
