"""Recording scans: decided and written for a whole batch, in one transaction.

BEGIN, SET, one locking read, one write, COMMIT, whatever the size of the batch. The head of the ledger is locked
first, then the tickets in order of their ids (docs/concurrency.md).
"""

from collections.abc import Iterable, Sequence
from uuid import UUID

import msgspec

from services.kit.bulk import BulkInsert
from services.kit.database import WriteSession
from services.kit.errors import Conflict, Invalid
from services.ticketing.entry.requests import AskedScan
from services.ticketing.entry.rules import Direction, Passage, Verdict, decide, refused
from services.ticketing.entry.tables import scans
from services.ticketing.entry.views import TicketRow, scan_answer
from services.ticketing.ledger.actions import EVENT_COLUMNS, EVENT_INSERT, MOVE_HEAD, Head, NewEvent, event_row

# The head is locked before any ticket: its count is known before the first of them is looked at. While the statement
# waits there, others change tickets: `FOR UPDATE` is also what makes it see their newest versions. All else is as it
# was when the statement began.
#
# Joins with what is asked and not `= ANY`: for that, the server reads every entry of each index page it lands on.
LOCK_TICKETS = """
WITH head AS MATERIALIZED (
    SELECT last_sequence, last_hash, last_ticket_number, clock_timestamp() AS now
    FROM ticketing.ledger_heads WHERE establishment_id = $1 FOR UPDATE
), asked AS MATERIALIZED (
    SELECT tickets.id FROM unnest($2::uuid[]) AS scanned(id)
    JOIN ticketing.tickets ON tickets.establishment_id = $1 AND tickets.id = scanned.id
    UNION
    SELECT tickets.id FROM unnest($3::text[]) AS typed(short_code)
    JOIN ticketing.tickets ON tickets.establishment_id = $1 AND tickets.short_code = typed.short_code
), found AS MATERIALIZED (
    SELECT tickets.id, tickets.number, tickets.short_code, tickets.status, tickets.revision,
           tickets.slot_id, tickets.starts_at, tickets.ends_at, tickets.valid_from, tickets.valid_until,
           tickets.admitted_at, tickets.admitted_gate_id, offers.venue_id,
           tariffs.id AS tariff_id, tariffs.name AS tariff_name, tariffs.eligibility -> 'proof' AS proof,
           EXISTS(SELECT FROM ticketing.payments
                  WHERE payments.establishment_id = $1 AND payments.order_id = tickets.order_id
                    AND payments.method = 'on_site' AND payments.status = 'due') AS payment_due
    FROM asked
    JOIN ticketing.tickets ON tickets.establishment_id = $1 AND tickets.id = asked.id
    JOIN ticketing.offers ON offers.establishment_id = $1 AND offers.id = tickets.offer_id
    JOIN ticketing.tariffs ON tariffs.establishment_id = $1 AND tariffs.id = tickets.tariff_id
    WHERE (SELECT count(*) FROM head) = 1
    ORDER BY tickets.id
    FOR UPDATE OF tickets
)
SELECT head.*,
       (SELECT json_agg(found)::text FROM found) AS tickets,
       (SELECT json_agg(known)::text FROM (
           SELECT scans.id, encode(code_hash, 'hex') AS code_hash, gate_id, direction, answer
           FROM unnest($4::uuid[]) AS repeated(id)
           JOIN ticketing.scans ON scans.establishment_id = $1 AND scans.id = repeated.id) AS known) AS scans,
       (SELECT json_agg(known)::text FROM (
           SELECT id, venue_id
           FROM ticketing.gates WHERE establishment_id = $1 AND id = ANY($5::uuid[])) AS known) AS gates
FROM head"""

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
)
_ADMIT = """, admitted AS (
    UPDATE ticketing.tickets SET admitted_at = new.admitted_at, admitted_gate_id = new.gate_id
    FROM unnest(${0}::uuid[], ${1}::timestamptz[], ${2}::uuid[]) AS new(id, admitted_at, gate_id)
    WHERE tickets.establishment_id = $1 AND tickets.id = new.id AND tickets.admitted_at IS NULL
    RETURNING tickets.id
)"""
_FIRST = 2 + len(SCAN_COLUMNS) + len(EVENT_COLUMNS)
WRITE = BulkInsert(
    (scans, SCAN_COLUMNS),
    EVENT_INSERT,
    finally_=_ADMIT.format(_FIRST, _FIRST + 1, _FIRST + 2) + MOVE_HEAD.format(_FIRST + 3, _FIRST + 4, _FIRST + 5),
)


class _KnownScan(msgspec.Struct, frozen=True):
    id: UUID
    code_hash: str
    gate_id: UUID
    direction: Direction
    answer: str


class _Gate(msgspec.Struct, frozen=True):
    id: UUID
    venue_id: UUID


async def record_scans(
    session: WriteSession, establishment_id: UUID, asked: Sequence[AskedScan], *, lock: str = LOCK_TICKETS
) -> list[bytes | Exception]:
    """The answer to each scan, as JSON, in order: of two scans of one ticket the first is admitted.

    A repeated scan gets its first answer; `Conflict` if its id was used for another one; `Invalid` for an unknown
    gate. Breaks `pk_scans` if another transaction recorded one of the ids meanwhile: then nothing was done.
    `lock` is replaced by negative controls only.
    """
    row = (
        await session.fetch(
            lock,
            establishment_id,
            [one.code.ticket_id for one in asked if one.code.ticket_id],
            [one.code.short_code for one in asked if one.code.short_code],
            [one.scan.id for one in asked],
            [one.scan.gate_id for one in asked],
        )
    )[0]
    book = _OpenBook(
        Head(row["last_sequence"], row["last_hash"], row["last_ticket_number"], row["now"]),
        msgspec.json.decode(row["tickets"] or "[]", type=list[TicketRow]),
        msgspec.json.decode(row["scans"] or "[]", type=list[_KnownScan]),
        msgspec.json.decode(row["gates"] or "[]", type=list[_Gate]),
    )
    replies = [book.reply(one) for one in asked]
    await book.write(session, establishment_id)
    return replies


class _OpenBook:
    """The state of one batch: what the lock showed, and the rows that pile up on it."""

    def __init__(
        self, head: Head, tickets: Iterable[TicketRow], known: Iterable[_KnownScan], gates: Iterable[_Gate]
    ) -> None:
        self._head = head
        self._tickets = {ticket.id: ticket for ticket in tickets}
        self._by_short_code = {ticket.short_code: ticket.id for ticket in self._tickets.values()}
        self._known = {scan.id: scan for scan in known}
        self._venues = {gate.id: gate.venue_id for gate in gates}
        self._scans: list[tuple[object, ...]] = []
        self._events: list[tuple[object, ...]] = []
        self._admissions: list[tuple[object, ...]] = []

    def reply(self, asked: AskedScan) -> bytes | Exception:
        scan = asked.scan
        known = self._known.get(scan.id)
        if known is not None:
            return _again(known, asked)
        if scan.gate_id not in self._venues:
            return Invalid.field("/gate_id", "There is no such gate.")
        verdict, ticket = self._judge(asked)
        if ticket is not None and verdict.outcome == "admitted" and scan.direction == "in":
            ticket = self._admit(ticket, asked)
        return self._enter(asked, verdict, ticket)

    async def write(self, session: WriteSession, establishment_id: UUID) -> None:
        if not self._scans:
            return
        admitted = [list(column) for column in zip(*self._admissions, strict=True)] or [[], [], []]
        await WRITE.run(session, establishment_id, [self._scans, self._events], *admitted, *self._head.position())

    def _judge(self, asked: AskedScan) -> tuple[Verdict, TicketRow | None]:
        code, scan = asked.code, asked.scan
        if code.refusal is not None:
            return refused(code.refusal), None
        ticket_id = code.ticket_id or self._by_short_code.get(code.short_code or "")
        ticket = self._tickets.get(ticket_id) if ticket_id else None
        if ticket is None:
            return refused("unknown_ticket"), None
        passage = Passage(
            gate_id=scan.gate_id,
            venue_id=self._venues[scan.gate_id],
            device_gate_ids=asked.device_gate_ids,
            at=asked.at,
            direction=scan.direction,
            revision=code.revision,
        )
        return decide(ticket, passage), ticket

    def _admit(self, ticket: TicketRow, asked: AskedScan) -> TicketRow:
        scan = asked.scan
        self._admissions.append((ticket.id, asked.at, scan.gate_id))
        payload = {
            "number": ticket.number,
            "scan_id": scan.id,
            "gate_id": scan.gate_id,
            "slot_id": ticket.slot_id,
            "tariff_id": ticket.tariff_id,
            "admitted_at": asked.at,
        }
        self._events.append(event_row(self._head.chain(NewEvent("ticket.admitted", f"ticket:{ticket.id}", payload))))
        admitted = msgspec.structs.replace(ticket, admitted_at=asked.at, admitted_gate_id=scan.gate_id)
        self._tickets[ticket.id] = admitted
        return admitted

    def _enter(self, asked: AskedScan, verdict: Verdict, ticket: TicketRow | None) -> bytes:
        scan, earlier = asked.scan, verdict.earlier
        answer = msgspec.json.encode(scan_answer(scan.id, verdict, ticket))
        self._scans.append(
            (
                scan.id,
                ticket.id if ticket else None,
                scan.gate_id,
                asked.actor,
                scan.direction,
                scan.offline,
                verdict.outcome,
                verdict.reason,
                earlier.at if earlier else None,
                earlier.gate_id if earlier else None,
                scan.scanned_at,
                asked.code_hash,
                answer.decode(),
            )
        )
        self._known[scan.id] = _KnownScan(scan.id, asked.code_hash.hex(), scan.gate_id, scan.direction, answer.decode())
        return answer


def _again(known: _KnownScan, asked: AskedScan) -> bytes | Exception:
    """The first answer. When and by whom it is sent again makes no difference, nor that it was offline by then."""
    scan = asked.scan
    if (known.code_hash, known.gate_id, known.direction) != (asked.code_hash.hex(), scan.gate_id, scan.direction):
        return Conflict("This id belongs to another scan: use a new one.")
    return known.answer.encode()
