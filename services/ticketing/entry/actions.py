"""Recording scans: decided and written for a whole batch, in one transaction.

BEGIN, SET, one locking read, one write, COMMIT, whatever the size of the batch. The head of the ledger is locked
first, then the tickets in order of their ids (docs/concurrency.md). Uploads that had to wait for the head read once
more: passages come in between others, so all must be known (docs/decisions/0022).
"""

from collections.abc import Iterable, Sequence
from datetime import date
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from services.kit.bulk import BulkInsert
from services.kit.database import WriteSession
from services.ticketing.entry.book import Book
from services.ticketing.entry.locked import Bearings, Locked
from services.ticketing.entry.requests import Asked
from services.ticketing.entry.tables import scan_undos, scans
from services.ticketing.entry.views import Undone, UploadAnswer
from services.ticketing.ledger.actions import EVENT_COLUMNS, EVENT_INSERT, MOVE_HEAD, Head

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
    SELECT tickets.id FROM unnest($2::uuid[]) AS scanned(id)
    JOIN ticketing.tickets ON tickets.establishment_id = $1 AND tickets.id = scanned.id
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
                    AND payments.method = 'on_site' AND payments.status = 'due') AS payment_due
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
    'admitters', (SELECT json_object_agg(known.id, known.actor) FROM (
        SELECT found.id, min(scans.actor) AS actor
        FROM found JOIN ticketing.scans ON scans.establishment_id = $1 AND scans.ticket_id = found.id
            AND scans.judged_at = found.admitted_at AND scans.outcome = 'admitted'
        GROUP BY found.id) AS known),
    'scans', (SELECT json_agg(known) FROM (
        SELECT scans.id, encode(code_hash, 'hex') AS code_hash, ticket_id, gate_id, direction, outcome, reason,
               objection, answer
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
    'undos', (SELECT json_agg(undos.id) FROM unnest($7::uuid[]) AS repeated(id)
        JOIN ticketing.scan_undos AS undos ON undos.establishment_id = $1 AND undos.id = repeated.id)"""


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

SCAN_COLUMNS = (
    "id",
    "ticket_id",
    "gate_id",
    "actor",
    "direction",
    "offline",
    "outcome",
    "reason",
    "earlier_at",
    "earlier_gate_id",
    "scanned_at",
    "code_hash",
    "answer",
    "judged_at",
    "decided_by",
    "override_reason",
    "objection",
    "conflict_with",
)
UNDO_COLUMNS = ("id", "scan_id", "reason", "actor", "undone_at")
_STAND = """, passed AS (
    UPDATE ticketing.tickets
    SET entries = new.entries, inside = new.inside, admitted_at = new.admitted_at,
        admitted_gate_id = new.admitted_gate_id, passed_at = new.passed_at
    FROM unnest(${}::uuid[], ${}::smallint[], ${}::boolean[], ${}::timestamptz[], ${}::uuid[], ${}::timestamptz[])
        AS new(id, entries, inside, admitted_at, admitted_gate_id, passed_at)
    WHERE tickets.establishment_id = $1 AND tickets.id = new.id
    RETURNING tickets.id
)"""
# Scans that were recorded before: the fold found them to be copies, or no longer; or somebody was let in after all.
_CORRECT = """, corrected AS (
    UPDATE ticketing.scans
    SET conflict_with = new.conflict_with,
        outcome = CASE WHEN new.let_in THEN 'admitted' ELSE scans.outcome END,
        reason = CASE WHEN new.let_in THEN NULL ELSE scans.reason END,
        decided_by = CASE WHEN new.let_in THEN 'device' ELSE scans.decided_by END,
        judged_at = coalesce(new.at, scans.judged_at),
        objection = CASE WHEN new.let_in THEN new.objection ELSE scans.objection END
    FROM unnest(${}::uuid[], ${}::uuid[], ${}::boolean[], ${}::timestamptz[], ${}::text[])
        AS new(id, conflict_with, let_in, at, objection)
    WHERE scans.establishment_id = $1 AND scans.id = new.id
    RETURNING scans.id
)"""
_COUNT = """, counted AS (
    INSERT INTO ticketing.occupancies (establishment_id, gauge_id, day, inside)
    SELECT $1, new.* FROM unnest(${}::uuid[], ${}::date[], ${}::int[]) AS new
    ON CONFLICT (establishment_id, gauge_id, day) DO UPDATE SET inside = occupancies.inside + excluded.inside
    RETURNING gauge_id
)"""
# Sees what was committed while the locking read waited: an undo that came before its scan.
_UNDONE = """
SELECT array_agg(DISTINCT undos.scan_id) AS undone FROM unnest(${}::uuid[]) AS passed(id)
JOIN ticketing.scan_undos AS undos ON undos.establishment_id = $1 AND undos.scan_id = passed.id"""


def _numbered(statement: str, first: int) -> str:
    """`${}` become parameters, counted from `first`."""
    return statement.format(*range(first, first + statement.count("${}")))


def _ending(first: int) -> str:
    text = ""
    for part in (_STAND, _CORRECT, _COUNT):
        text += _numbered(part, first)
        first += part.count("${}")
    moved = MOVE_HEAD.format(first, first + 1, first + 2)
    return f"{text}, moved AS ({moved}\nRETURNING establishment_id){_numbered(_UNDONE, first + 3)}"


WRITE = BulkInsert(
    (scans, SCAN_COLUMNS),
    (scan_undos, UNDO_COLUMNS),
    EVENT_INSERT,
    finally_=_ending(2 + len(SCAN_COLUMNS) + len(UNDO_COLUMNS) + len(EVENT_COLUMNS)),
)


async def record_scans(
    session: WriteSession, establishment_id: UUID, asked: Asked, bearings: Bearings, *, lock: str = LOCK_TICKETS
) -> list[bytes | Exception]:
    """The answer to each scan, as JSON, in order: of two scans of one ticket the first is admitted.

    A repeated scan gets its first answer; `Conflict` if its id was used for another one; `Invalid` for an unknown
    gate. Breaks `pk_scans` if another transaction recorded one of the ids meanwhile: then nothing was done.
    `lock` is replaced by negative controls only.
    """
    book = await _open(session, establishment_id, asked, bearings, lock)
    replies = [book.reply(one) for one in asked.scans]
    await _close(session, establishment_id, book, bearings)
    return replies


async def record_upload(
    session: WriteSession, establishment_id: UUID, asked: Asked, bearings: Bearings
) -> UploadAnswer:
    """What scanners decided by themselves, recorded as it was, with the conflicts that it makes. Breaks `pk_scans`
    and `pk_scan_undos` as above.
    """
    book = await _open(session, establishment_id, asked, bearings, LOCK_TICKETS)
    replies = [book.reply(one) for one in asked.scans]
    undone = [book.undo(one) for one in asked.undos]
    answer = UploadAnswer(
        scans=[book.uploaded(one, reply) for one, reply in zip(asked.scans, replies, strict=True)],
        undos=[one for one in undone if isinstance(one, Undone)],
    )
    for one in undone:
        if isinstance(one, Exception):
            raise one
    await _close(session, establishment_id, book, bearings)
    return answer


async def _open(session: WriteSession, establishment_id: UUID, asked: Asked, bearings: Bearings, lock: str) -> Book:
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


async def _locked(session: WriteSession, lock: str, *arguments: object) -> tuple[Head, Locked, bool]:
    row = (await session.fetch(lock, *arguments))[0]
    head = Head(row["last_sequence"], row["last_hash"], row["last_ticket_number"], row["now"])
    return head, msgspec.json.decode(row["locked"], type=Locked), row.get("is_fresh", True)


async def _close(session: WriteSession, establishment_id: UUID, book: Book, bearings: Bearings) -> None:
    undone = await _write(session, establishment_id, book)
    if not undone:
        return
    # They were undone before they arrived here, by an upload that overtook them.
    head, locked, _ = await _locked(session, LOCK_HISTORY, establishment_id, [], [], [], [], undone, [])
    corrected = Book(head, locked, bearings, has_history=True)
    corrected.fold_again(undone)
    await _write(session, establishment_id, corrected)


async def _write(session: WriteSession, establishment_id: UUID, book: Book) -> list[UUID]:
    """Returns the passages among them that somebody has undone."""
    if book.is_empty:
        return []
    written = await WRITE.run(
        session,
        establishment_id,
        [book.new_scans(), book.new_undos, book.events],
        *_columns(book.touched(), 6),
        *_columns(book.corrected(), 5),
        *_columns(((gauge_id, day, change) for (gauge_id, day), change in book.moves.items() if change), 3),
        *book.position(),
        book.passages,
    )
    return written[0]["undone"] or []


def _columns(rows: Iterable[Sequence[object]], width: int) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]


def _days(asked: Asked, bearings: Bearings) -> set[date]:
    """The local days on which somebody asks to come in now."""
    if not bearings.max_inside:
        return set()
    return {
        one.at.astimezone(ZoneInfo(bearings.timezones[one.scan.gate_id])).date()
        for one in asked.scans
        if one.decision is None and one.scan.gate_id in bearings.timezones
    }
