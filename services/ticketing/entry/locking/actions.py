"""The locking read of a batch of scans: the tickets, and all that they are judged by, in one statement."""

from datetime import date
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from services.kit.database import WriteSession
from services.ticketing.entry.book import Book
from services.ticketing.entry.locked import Bearings, Locked
from services.ticketing.entry.requests import Asked
from services.ticketing.ledger.actions import Head

# The head is locked before any ticket: its count is known before the first of them is looked at. While the statement
# waits there, others change tickets: `FOR UPDATE` is also what makes it see their newest versions. All else is as it
# was when the statement began; `is_fresh` tells whether that still holds, for whatever moves the head.
#
# Joins with what is asked and not `= ANY`: for that, the server reads every entry of each index page it lands on.
_LOCK = """
WITH head AS MATERIALIZED (
    SELECT last_sequence, last_hash, last_ticket_number, clock_timestamp() AS now
    FROM ticketing.ledger_heads WHERE establishment_id = $1 FOR UPDATE
), asked AS MATERIALIZED (
    SELECT unnest($2::uuid[]) AS id
    UNION
    SELECT tickets.id FROM unnest($3::text[]) AS typed(short_code)
    JOIN ticketing.tickets ON tickets.establishment_id = $1 AND tickets.short_code = typed.short_code<undone tickets>
), found AS MATERIALIZED (
    SELECT tickets.id, tickets.number, tickets.short_code, tickets.status, tickets.revision, tickets.order_id,
           tickets.slot_id, tickets.offer_id, tickets.tariff_id, tickets.starts_at, tickets.ends_at,
           tickets.valid_from, tickets.valid_until, tickets.cancelled_at, tickets.entries, tickets.inside,
           tickets.admitted_at, tickets.admitted_gate_id, tickets.passed_at,
           EXISTS(SELECT FROM ticketing.payments
                  WHERE payments.establishment_id = $1 AND payments.order_id = tickets.order_id
                    AND payments.method = 'on_site' AND payments.status = 'due') AS payment_due,
           CASE WHEN tickets.admitted_at IS NOT NULL THEN (
               SELECT min(scans.actor) FROM ticketing.scans
               WHERE scans.establishment_id = $1 AND scans.ticket_id = tickets.id
                 AND scans.judged_at = tickets.admitted_at AND scans.outcome = 'admitted') END AS admitted_by
    FROM asked
    JOIN ticketing.tickets ON tickets.establishment_id = $1 AND tickets.id = asked.id
    WHERE (SELECT count(*) FROM head) = 1
    ORDER BY tickets.id
    FOR UPDATE OF tickets
)<also>
SELECT head.*, json_build_object(
    'tickets', (SELECT json_agg(found) FROM found),
    'offers', (SELECT json_agg(known) FROM (
        SELECT offers.id, offers.name, offers.language, offers.venue_id, offers.gauge_ids, offers.entry, venues.timezone
        FROM (SELECT DISTINCT offer_id FROM found) AS wanted
        JOIN ticketing.offers ON offers.establishment_id = $1 AND offers.id = wanted.offer_id
        JOIN ticketing.venues ON venues.establishment_id = $1 AND venues.id = offers.venue_id) AS known),
    'tariffs', (SELECT json_agg(known) FROM (
        SELECT tariffs.id, tariffs.name, tariffs.eligibility -> 'proof' AS proof
        FROM (SELECT DISTINCT tariff_id FROM found) AS wanted
        JOIN ticketing.tariffs ON tariffs.establishment_id = $1 AND tariffs.id = wanted.tariff_id) AS known),
    'parties', (SELECT json_agg(known) FROM (
        SELECT party.order_id, party.slot_id, count(*) AS size, count(party.admitted_at) AS admitted
        FROM (SELECT DISTINCT order_id FROM found) AS wanted
        JOIN ticketing.tickets AS party ON party.establishment_id = $1 AND party.order_id = wanted.order_id
        WHERE party.status = 'valid' GROUP BY party.order_id, party.slot_id) AS known),
    'scans', (SELECT json_agg(known) FROM (
        SELECT scans.id, encode(code_hash, 'hex') AS code_hash, ticket_id, gate_id, actor, direction, outcome,
               reason, objection, answer
        FROM unnest($4::uuid[]<undone scans>) AS repeated(id)
        JOIN ticketing.scans ON scans.establishment_id = $1 AND scans.id = repeated.id) AS known),
    'gates', (SELECT json_agg(known) FROM (
        SELECT id, venue_id FROM ticketing.gates
        WHERE establishment_id = $1 AND id = ANY($5::uuid[])) AS known)<more>
)::text AS locked<fresh>
FROM head"""
_FRESH = """,
(SELECT last_sequence FROM ticketing.ledger_heads WHERE establishment_id = $1) = head.last_sequence AS is_fresh"""
_PEOPLE = """, people AS MATERIALIZED (
    SELECT occupancies.gauge_id, occupancies.day, occupancies.inside
    FROM unnest($6::uuid[], $7::date[]) AS counted(gauge_id, day)
    JOIN ticketing.occupancies ON occupancies.establishment_id = $1
        AND occupancies.gauge_id = counted.gauge_id AND occupancies.day = counted.day
    WHERE (SELECT count(*) FROM head) = 1
    FOR UPDATE OF occupancies
)"""
_UNDONE_TICKETS = """
    UNION
    SELECT scans.ticket_id FROM unnest($6::uuid[]) AS undone(scan_id)
    JOIN ticketing.scans ON scans.establishment_id = $1 AND scans.id = undone.scan_id"""
_PASSAGES = """, passages AS MATERIALIZED (
    SELECT scans.id, scans.ticket_id, scans.gate_id, scans.direction, scans.actor, scans.conflict_with,
           coalesce(scans.judged_at, least(scans.scanned_at, scans.recorded_at)) AS at
    FROM found JOIN ticketing.scans ON scans.establishment_id = $1 AND scans.ticket_id = found.id
    WHERE scans.outcome = 'admitted'
)"""
_HISTORY = """,
    'passages', (SELECT json_agg(passages) FROM passages),
    'undone', (SELECT json_agg(undos.scan_id)
        FROM (SELECT id FROM passages UNION SELECT id FROM unnest($4::uuid[]) AS asked_for(id)) AS passage
        JOIN ticketing.scan_undos AS undos ON undos.establishment_id = $1 AND undos.scan_id = passage.id),
    'undos', (SELECT json_agg(known) FROM (
        SELECT undos.id, undos.scan_id FROM unnest($7::uuid[]) AS repeated(id)
        JOIN ticketing.scan_undos AS undos ON undos.establishment_id = $1 AND undos.id = repeated.id) AS known)"""


def _lock(**parts: str) -> str:
    statement = _LOCK
    for place in ("undone tickets", "undone scans", "also", "more", "fresh"):
        statement = statement.replace(f"<{place}>", parts.get(place.replace(" ", "_"), ""))
    return statement


# For scans that the server decides, without and with gauges that count who is inside; and for uploads.
LOCK_TICKETS = _lock()
LOCK_PEOPLE = _lock(also=_PEOPLE, more=",\n    'occupancies', (SELECT json_agg(people) FROM people)", fresh=_FRESH)
LOCK_HISTORY = _lock(
    undone_tickets=_UNDONE_TICKETS, undone_scans=" || $6::uuid[]", also=_PASSAGES, more=_HISTORY, fresh=_FRESH
)


async def open_book(
    session: WriteSession, establishment_id: UUID, asked: Asked, bearings: Bearings, *, lock: str = LOCK_TICKETS
) -> Book:
    """For scans that the server decides, or with all passages of the tickets for uploads, in any case under their lock.

    `lock` is replaced by negative controls only.
    """
    arguments: list[list[object]] = [
        [one.code.ticket_id for one in asked.scans if one.code.ticket_id],
        [one.code.short_code for one in asked.scans if one.code.short_code],
        [one.scan.id for one in asked.scans],
        [one.scan.gate_id for one in asked.scans],
    ]
    counted = [(gauge_id, day) for gauge_id in bearings.max_inside for day in _days(asked, bearings)]
    if asked.needs_history:
        lock = LOCK_HISTORY
        arguments += [[one.scan_id for one in asked.undos], [one.id for one in asked.undos]]
    elif counted:
        lock = LOCK_PEOPLE
        arguments += [[gauge_id for gauge_id, _ in counted], [day for _, day in counted]]
    head, locked, is_fresh = await _locked(session, lock, establishment_id, *arguments)
    if not is_fresh and (asked.needs_history or len(locked.occupancies or ()) < len(counted)):
        # Somebody wrote while we waited. Now that the lock is ours, nobody does.
        head, locked, _ = await _locked(session, lock, establishment_id, *arguments)
    return Book(head, locked, bearings, has_history=asked.needs_history)


async def reopen_book(session: WriteSession, establishment_id: UUID, scan_ids: list[UUID], bearings: Bearings) -> Book:
    """Of the tickets of scans that this transaction recorded, with all their passages."""
    head, locked, _ = await _locked(session, LOCK_HISTORY, establishment_id, [], [], [], [], scan_ids, [])
    return Book(head, locked, bearings, has_history=True)


async def _locked(session: WriteSession, lock: str, *arguments: object) -> tuple[Head, Locked, bool]:
    row = (await session.fetch(lock, *arguments))[0]
    head = Head(row["last_sequence"], row["last_hash"], row["last_ticket_number"], row["now"])
    return head, msgspec.json.decode(row["locked"], type=Locked), row.get("is_fresh", True)


def _days(asked: Asked, bearings: Bearings) -> set[date]:
    """The local days on which somebody asks to come in now."""
    if not bearings.max_inside:
        return set()
    return {
        one.at.astimezone(ZoneInfo(bearings.timezones[one.scan.gate_id])).date()
        for one in asked.scans
        if one.decision is None and one.scan.gate_id in bearings.timezones
    }
