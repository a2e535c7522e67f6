"""The rows of one batch, as they pile up, in the order of the columns that `entry.actions` writes."""

from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime
from typing import TypeAlias
from uuid import UUID

from services.ticketing.entry.locked import KnownScan
from services.ticketing.entry.page import Page
from services.ticketing.entry.requests import AskedScan, AskedUndo
from services.ticketing.entry.rules import ADMITTED, Reason, Verdict
from services.ticketing.ledger.actions import Head, NewEvent, event_row

Row: TypeAlias = tuple[object, ...]


class Written:
    """`touched`: tickets that stand differently now. `conflicts`, by scan: those that are copies of another one, or no
    longer.
    `moves`: how many more people are inside, by gauge and day.
    """

    def __init__(self, head: Head) -> None:
        self._head = head
        self._scans: dict[UUID, Row] = {}
        self.undos: list[Row] = []
        self.events: list[Row] = []
        self.touched: list[Page] = []
        self._let_in: dict[UUID, tuple[datetime, Reason | None]] = {}
        self.conflicts: dict[UUID, UUID | None] = {}
        self.moves: Counter[tuple[UUID, date]] = Counter()

    @property
    def is_empty(self) -> bool:
        return not (self._scans or self.undos or self.touched or self._let_in)

    def has_scan(self, scan_id: UUID) -> bool:
        return scan_id in self._scans

    def add_scan(self, asked: AskedScan, verdict: Verdict, known: KnownScan, at: datetime) -> None:
        """`at` is its place in the order of passages."""
        scan, earlier = asked.scan, verdict.earlier
        self._scans[scan.id] = (
            scan.id,
            known.ticket_id,
            scan.gate_id,
            asked.actor,
            scan.direction,
            scan.offline,
            verdict.outcome,
            verdict.reason,
            earlier.at if earlier else None,
            earlier.gate_id if earlier else None,
            scan.scanned_at,
            bytes.fromhex(known.code_hash),
            known.answer,
            at,
            "device" if asked.decision else "server",
            scan.override_reason,
            known.objection,
        )

    def let_in(self, asked: AskedScan, known: KnownScan) -> None:
        """After all, by its scanner: a scan that we had refused."""
        if asked.scan.id in self._scans:
            self.add_scan(asked, ADMITTED, known, asked.at)
        else:
            self._let_in[asked.scan.id] = (asked.at, known.objection)

    def touch(self, page: Page) -> None:
        if not page.is_touched:
            page.is_touched = True
            self.touched.append(page)

    def add_undo(self, asked: AskedUndo) -> None:
        self.undos.append((asked.id, asked.scan_id, asked.reason, asked.actor, asked.at))

    def tell(self, type_: str, page: Page, **more: object) -> None:
        row = page.row
        payload = {"number": row.number, "slot_id": row.slot_id, "tariff_id": row.tariff_id, **more}
        self.events.append(event_row(self._head.chain(NewEvent(type_, f"ticket:{row.id}", payload))))

    def scans(self) -> list[Row]:
        conflicts = self.conflicts
        return [(*row, conflicts.get(scan_id) if conflicts else None) for scan_id, row in self._scans.items()]

    def standing(self) -> Iterator[Row]:
        for page in self.touched:
            now = page.facts
            yield page.row.id, now.entries, now.inside, now.admitted_at, now.admitted_gate_id, now.passed_at

    def corrected(self) -> Iterator[Row]:
        """Scans recorded earlier that are seen with other eyes now."""
        for scan_id in (self.conflicts.keys() | self._let_in.keys()) - self._scans.keys():
            at, objection = self._let_in.get(scan_id, (None, None))
            yield scan_id, self.conflicts.get(scan_id), scan_id in self._let_in, at, objection

    def moved(self) -> Iterator[Row]:
        for (gauge_id, day), change in self.moves.items():
            if change:
                yield gauge_id, day, change

    def position(self) -> tuple[int, bytes, int]:
        return self._head.position()
