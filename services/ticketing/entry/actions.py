"""Recording scans: decided and written for a whole batch, in one transaction.

BEGIN, SET, one locking read, one write, COMMIT, whatever the size of the batch. The head of the ledger is locked
first, then the tickets in order of their ids (docs/concurrency.md). Uploads that had to wait for the head read once
more: passages come in between others, so all must be known (docs/decisions/0022).
"""

from collections.abc import Iterable, Sequence
from uuid import UUID

import msgspec

from services.kit.bulk import BulkInsert
from services.kit.database import WriteSession
from services.ticketing.entry.book import Book
from services.ticketing.entry.locked import Bearings
from services.ticketing.entry.locking.actions import LOCK_TICKETS, open_book, reopen_book
from services.ticketing.entry.rebooking.actions import let_place_go, move_ticket
from services.ticketing.entry.rebooking.rules import TakenPlace
from services.ticketing.entry.requests import Asked, AskedScan
from services.ticketing.entry.tables import scan_undos, scans
from services.ticketing.entry.views import Undone, UploadAnswer
from services.ticketing.ledger.actions import EVENT_COLUMNS, EVENT_INSERT, MOVE_HEAD
from services.ticketing.orders.queries import ReturnedPlaces

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
# Nobody else counts: the head of the ledger is ours. Who came in before an offer had the gauge was never counted in.
_COUNT = """, counted AS (
    INSERT INTO ticketing.occupancies (establishment_id, gauge_id, day, inside)
    SELECT $1, new.gauge_id, new.day, greatest(0, coalesce(counted.inside, 0) + new.change)
    FROM unnest(${}::uuid[], ${}::date[], ${}::int[]) AS new(gauge_id, day, change)
    LEFT JOIN ticketing.occupancies AS counted ON counted.establishment_id = $1
        AND counted.gauge_id = new.gauge_id AND counted.day = new.day
    ON CONFLICT (establishment_id, gauge_id, day) DO UPDATE SET inside = excluded.inside
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
    gate; `LateVisitor` for a scan that may be rebooked, which is not recorded. Breaks `pk_scans` if another transaction
    recorded one of the ids meanwhile: then nothing was done. `lock` is replaced by negative controls only.
    """
    book = await open_book(session, establishment_id, asked, bearings, lock=lock)
    replies = [book.reply(one) for one in asked.scans]
    await _close(session, establishment_id, book, bearings)
    return replies


class Rebooked(msgspec.Struct, frozen=True):
    """`returned`: the place that the ticket had, or the new one if it did not move after all."""

    answer: bytes
    returned: ReturnedPlaces


async def record_late_visitor(
    session: WriteSession, establishment_id: UUID, asked: AskedScan, bearings: Bearings, place: TakenPlace
) -> Rebooked:
    """The ticket moves to the place that was taken for it and is admitted there, all or nothing.

    If it is not late any more (somebody else was quicker), it stays where it is and the place goes back. Raises
    `OrderSettled` if that was done before, in another process: then the scan has its answer, or is too late.
    """
    book = await open_book(session, establishment_id, Asked([asked]), bearings)
    ticket_id = book.rebook(asked, place.slot)
    reply = book.reply(asked)
    if isinstance(reply, Exception):
        raise reply
    if ticket_id is not None:
        returned = await move_ticket(session, establishment_id, ticket_id, place)
    else:
        returned = await let_place_go(session, establishment_id, place)
    await _close(session, establishment_id, book, bearings)
    return Rebooked(reply, returned)


async def record_upload(
    session: WriteSession, establishment_id: UUID, asked: Asked, bearings: Bearings
) -> UploadAnswer:
    """What scanners decided by themselves, recorded as it was, with the conflicts that it makes. Breaks `pk_scans`
    and `pk_scan_undos` as above. Raises for an undo that is asked for alone.
    """
    book = await open_book(session, establishment_id, asked, bearings)
    replies = [book.reply(one) for one in asked.scans]
    book.settle()
    undone = [book.undo(one) for one in asked.undos]
    book.settle()
    for one, told in zip(asked.undos, undone, strict=True):
        if isinstance(told, Exception) and not one.kept_for_later:
            raise told
    answer = UploadAnswer(
        scans=[book.uploaded(one, reply) for one, reply in zip(asked.scans, replies, strict=True)],
        undos=[
            Undone(one.id, "invalid", str(told)) if isinstance(told, Exception) else told
            for one, told in zip(asked.undos, undone, strict=True)
        ],
    )
    await _close(session, establishment_id, book, bearings)
    return answer


async def _close(session: WriteSession, establishment_id: UUID, book: Book, bearings: Bearings) -> None:
    undone = await _write(session, establishment_id, book)
    if not undone:
        return
    # They were undone before they arrived here, by an upload that overtook them.
    corrected = await reopen_book(session, establishment_id, undone, bearings)
    corrected.fold_again(undone)
    await _write(session, establishment_id, corrected)


async def _write(session: WriteSession, establishment_id: UUID, book: Book) -> list[UUID]:
    """Returns the passages among them that somebody has undone."""
    written = book.written
    if written.is_empty:
        return []
    rows = await WRITE.run(
        session,
        establishment_id,
        [written.scans(), written.undos, written.events],
        *_columns(written.standing(), 6),
        *_columns(written.corrected(), 5),
        *_columns(written.moved(), 3),
        *written.position(),
        book.passages,
    )
    return rows[0]["undone"] or []


def _columns(rows: Iterable[Sequence[object]], width: int) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]
