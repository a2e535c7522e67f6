"""One batch under the lock: what each scan is answered, and what it makes of the tickets. No database here."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
from msgspec.structs import replace

from services.inventory.contract import Slot
from services.kit.errors import Conflict, Forbidden, Invalid, NotFound
from services.ticketing.entry.locked import Bearings, KnownScan, Locked, LockedOffer, Party, Passed
from services.ticketing.entry.page import Page, local_day, recorded
from services.ticketing.entry.rebooking.rules import Late, LateVisitor, is_merely_late
from services.ticketing.entry.requests import AskedScan, AskedUndo, ReadCode
from services.ticketing.entry.rules import (
    ADMITTED,
    Effect,
    Passage,
    Reason,
    TicketFacts,
    Verdict,
    after,
    decide,
    fold,
    objection,
    refused,
)
from services.ticketing.entry.views import (
    Contradicted,
    RebookedFrom,
    ScanConflict,
    Undone,
    UploadedScan,
    scan_answer,
)
from services.ticketing.entry.written import Written
from services.ticketing.ledger.actions import Head

NEXT_MOMENT: Final = timedelta(microseconds=1)
# The event of each effect, and what it calls its moment. A conflict is told by the fold.
EVENTS: Final[dict[Effect, tuple[str, str]]] = {
    "admitted": ("ticket.admitted", "admitted_at"),
    "readmitted": ("ticket.readmitted", "passed_at"),
    "left": ("ticket.left", "passed_at"),
}


class Book:
    """`written` is what is to be written at its end.

    `has_history`: all passages of the tickets are known, so one may come in between them.
    """

    def __init__(self, head: Head, locked: Locked, bearings: Bearings, *, has_history: bool) -> None:
        self.written = Written(head)
        self._bearings = bearings
        self._has_history = has_history
        offers = {offer.id: offer for offer in locked.offers or ()}
        tariffs = {tariff.id: tariff for tariff in locked.tariffs or ()}
        self._parties = {(party.order_id, party.slot_id): party for party in locked.parties or ()}
        self._pages = {
            ticket.id: Page(
                ticket,
                offers[ticket.offer_id],
                tariffs[ticket.tariff_id],
                self._parties.get((ticket.order_id, ticket.slot_id)),
            )
            for ticket in locked.tickets or ()
        }
        self._by_short_code = {ticket.short_code: ticket.id for ticket in locked.tickets or ()}
        self._venues = {gate.id: gate.venue_id for gate in locked.gates or ()}
        self._known = {scan.id: scan for scan in locked.scans or ()}
        self._undone = set(locked.undone or ())
        self._undos = {undo.id: undo.scan_id for undo in locked.undos or ()}
        self._inside = Counter({(row.gauge_id, row.day): max(0, row.inside) for row in locked.occupancies or ()})
        for passage in locked.passages or ():
            page = self._pages[passage.ticket_id]
            page.passages[passage.id] = passage
            if passage.conflict_with is not None:
                page.conflicts[passage.id] = passage.conflict_with
        self._rebooked: dict[UUID, RebookedFrom] = {}
        # Tickets to be folded anew, and the passages that came in since they were.
        self._unfolded: dict[UUID, Page] = {}
        self._arrived: list[tuple[Page, AskedScan]] = []

    def reply(self, asked: AskedScan) -> bytes | Exception:
        """The answer as JSON. `Conflict` when the id is another scan's, `Invalid` for an unknown gate, `LateVisitor`
        for one to be asked again once there is a place for it, or none: it is not entered.
        """
        scan = asked.scan
        known = self._known.get(scan.id)
        if known is not None:
            return self._again(known, asked)
        if scan.gate_id not in self._venues:
            return Invalid.field("/gate_id", "There is no such gate.")
        page = self._page(asked.code)
        verdict = self._verdict(page, asked)
        if page is not None and asked.may_move and verdict.reason == "too_late" and self._can_move(page, asked):
            row = page.row
            day = local_day(page.offer, asked.at)
            return LateVisitor(Late(row.id, row.order_id, row.offer_id, row.slot_id, day, asked.at))
        objected = self._objection(page, asked) if asked.decision and verdict.outcome == "admitted" else None
        at = asked.at
        if page is not None and verdict.outcome == "admitted":
            at = self._pass(page, asked)
        return self._enter(asked, verdict, page, at, objected)

    def rebook(self, asked: AskedScan, slot: Slot) -> UUID | None:
        """Before the reply: moves the ticket to the slot, if it is still late; returns its id if so."""
        page = self._page(asked.code)
        if page is None or asked.scan.id in self._known or asked.scan.gate_id not in self._venues:
            return None
        if not self._can_move(page, asked):
            return None
        before = page.row
        self._rebooked[asked.scan.id] = RebookedFrom(before.slot_id, before.starts_at)
        if page.party is not None:
            page.party.size -= 1
        party = self._parties.setdefault((before.order_id, slot.id), Party(before.order_id, slot.id, 0, 0))
        party.size += 1
        page.move_to(slot, party)
        self.written.tell("ticket.rebooked", page, scan_id=asked.scan.id, from_slot_id=before.slot_id)
        return before.id

    def undo(self, asked: AskedUndo) -> Undone | Exception:
        """`NotFound` for a scan that is not here, `Forbidden` for one of a gate that the scanner has no business at,
        `Conflict` when the id is another undo's: it is not entered.
        """
        scan = self._known.get(asked.scan_id)
        if scan is None and not asked.kept_for_later:
            return NotFound()
        own_gates = asked.device_gate_ids
        if scan is not None and own_gates is not None and scan.gate_id not in own_gates and scan.actor != asked.actor:
            return Forbidden("This scanner does not stand at that gate.")
        if self._undos.get(asked.id, asked.scan_id) != asked.scan_id:
            return Conflict("This id belongs to another undo: use a new one.")
        if asked.id not in self._undos:
            self._undos[asked.id] = asked.scan_id
            self.written.add_undo(asked)
        page = self._pages.get(scan.ticket_id) if scan is not None and scan.ticket_id else None
        if scan is not None and (page is None or asked.scan_id not in page.passages):
            return Undone(asked.id, "not_admitted")
        if asked.scan_id not in self._undone:
            self._undone.add(asked.scan_id)
            if page is not None:
                self._take_back(page, asked.scan_id)
        return Undone(asked.id, "undone" if scan is not None else "unknown_scan")

    def fold_again(self, undone: list[UUID]) -> None:
        """For scans of this batch that turn out to have been undone already, by an upload that came before them."""
        for scan_id in undone:
            for page in self._pages.values():
                if scan_id in page.passages:
                    self._take_back(page, scan_id)
        self.settle()

    def settle(self) -> None:
        """To be called at the end of what comes with a history: each ticket is folded once, however often it passed."""
        effects: dict[UUID, Effect] = {}
        for page in self._unfolded.values():
            effects |= self._fold(page)
        for page, asked in self._arrived:
            self._tell(page, asked, effects.get(asked.scan.id), asked.at)
            if self.written.has_scan(asked.scan.id):
                self._enter(asked, ADMITTED, page, asked.at, self._known[asked.scan.id].objection)
        self._unfolded.clear()
        self._arrived.clear()

    def uploaded(self, asked: AskedScan, reply: bytes | Exception) -> UploadedScan:
        """A scan of an upload as it stands at the end of the batch."""
        scan = self._known.get(asked.scan.id)
        if isinstance(reply, Exception) or scan is None:
            return UploadedScan(id=asked.scan.id, outcome="invalid", detail=str(reply))
        return UploadedScan(id=scan.id, outcome=scan.outcome, reason=scan.reason, conflict=self._conflict(scan))

    @property
    def passages(self) -> list[UUID]:
        """Those that were recorded without knowing whether they are undone."""
        if self._has_history:
            return []
        return [scan_id for page in self.written.touched for scan_id in page.passages]

    def _page(self, code: ReadCode) -> Page | None:
        if code.refusal is not None:
            return None
        ticket_id = code.ticket_id or self._by_short_code.get(code.short_code or "")
        return self._pages.get(ticket_id) if ticket_id else None

    def _verdict(self, page: Page | None, asked: AskedScan) -> Verdict:
        if asked.decision is not None:
            return Verdict(asked.decision.outcome, asked.decision.reason)
        if page is None:
            return refused(asked.code.refusal or "unknown_ticket")
        verdict = decide(page.facts, self._passage(page, asked))
        if verdict.earlier is None:
            return verdict
        gate, device = self._bearings.gate(verdict.earlier.gate_id), self._bearings.device(page.admitted_by)
        return replace(verdict, earlier=replace(verdict.earlier, gate=gate, device=device))

    def _can_move(self, page: Page, asked: AskedScan) -> bool:
        """Late on the very day, for an offer that lets such visitors in with another slot."""
        offer = page.offer
        if not offer.entry.rebook_late or local_day(offer, page.row.starts_at) != local_day(offer, asked.at):
            return False
        return is_merely_late(page.facts, self._passage(page, asked))

    def _objection(self, page: Page | None, asked: AskedScan) -> Reason | None:
        if page is None:
            return asked.code.refusal or "unknown_ticket"
        # Cancelled after the visit, which nobody knew of: it is told all the same, for a visit was paid back.
        return objection(page.facts, self._passage(page, asked))

    def _passage(self, page: Page, asked: AskedScan) -> Passage:
        scan = asked.scan
        return Passage(
            gate_id=scan.gate_id,
            venue_id=self._venues[scan.gate_id],
            device_gate_ids=asked.device_gate_ids,
            at=asked.at,
            direction=scan.direction,
            revision=asked.code.revision,
            # What a gauge held when a scanner decided, nobody knows.
            full=asked.decision is None and self._is_full(page, asked.at),
            counted_inside=_is_counted(page, asked.at),
            override_reason=scan.override_reason,
        )

    def _is_full(self, page: Page, at: datetime) -> bool:
        return any(
            self._inside[gauge_id, local_day(page.offer, at)] >= self._bearings.max_inside[gauge_id]
            for gauge_id in page.offer.gauge_ids
            if gauge_id in self._bearings.max_inside
        )

    def _pass(self, page: Page, asked: AskedScan) -> datetime:
        """Records a passage; returns its place in the order of passages."""
        scan, at, passed_at = asked.scan, asked.at, page.facts.passed_at
        if asked.decision is None and passed_at is not None and at <= passed_at:
            # Decided in the knowledge of all the others, so it follows them.
            at = passed_at + NEXT_MOMENT
        passage = Passed(scan.id, page.row.id, at, scan.gate_id, scan.direction, asked.actor)
        page.passages[scan.id] = passage
        if self._has_history:
            self._unfolded[page.row.id] = page
            self._arrived.append((page, asked))
            return at
        first = page.facts.admitted_at
        facts, effect = after(page.facts, recorded(passage))
        self._put(page, facts)
        if first is None:
            page.admitted_by = asked.actor
        self._tell(page, asked, effect, at)
        return at

    def _tell(self, page: Page, asked: AskedScan, effect: Effect | None, at: datetime) -> None:
        if effect in EVENTS:
            type_, moment = EVENTS[effect]
            self.written.tell(type_, page, scan_id=asked.scan.id, gate_id=asked.scan.gate_id, **{moment: at})

    def _take_back(self, page: Page, scan_id: UUID) -> None:
        self._undone.add(scan_id)
        self._unfolded[page.row.id] = page
        self.written.tell("ticket.passage_undone", page, scan_id=scan_id)

    def _fold(self, page: Page) -> dict[UUID, Effect]:
        """All passages anew. Returns what each of them did."""
        live = [recorded(passage) for passage in page.passages.values() if passage.id not in self._undone]
        rules = page.offer.entry
        folded = fold(live, entries_allowed=rules.entries, re_entry=rules.re_entry)
        now = folded.facts
        self._put(
            page,
            replace(
                page.facts,
                entries=now.entries,
                inside=now.inside,
                admitted_at=now.admitted_at,
                admitted_gate_id=now.admitted_gate_id,
                passed_at=now.passed_at,
            ),
        )
        for scan_id in page.conflicts.keys() | folded.conflicts.keys():
            earlier = folded.conflicts.get(scan_id)
            if earlier == page.conflicts.get(scan_id):
                continue
            self.written.conflicts[scan_id] = earlier
            if earlier is not None:
                gate_id = page.passages[scan_id].gate_id
                self.written.tell(
                    "ticket.conflict_found", page, scan_id=scan_id, gate_id=gate_id, earlier_scan_id=earlier
                )
        page.conflicts = folded.conflicts
        return folded.effects

    def _put(self, page: Page, facts: TicketFacts) -> None:
        before = page.facts
        for change, side in ((-1, before), (1, facts)):
            if side.inside and side.passed_at is not None:
                self._count(page.offer, side.passed_at, change)
        if page.party is not None:
            page.party.admitted += (facts.admitted_at is not None) - (before.admitted_at is not None)
        page.facts = facts
        self.written.touch(page)

    def _count(self, offer: LockedOffer, at: datetime, change: int) -> None:
        for gauge_id in offer.gauge_ids:
            if gauge_id in self._bearings.max_inside:
                place = (gauge_id, local_day(offer, at))
                self._inside[place] = max(0, self._inside[place] + change)
                self.written.moves[place] += change

    def _enter(
        self, asked: AskedScan, verdict: Verdict, page: Page | None, at: datetime, objected: Reason | None
    ) -> bytes:
        scan = asked.scan
        moved = self._rebooked.get(scan.id) if self._rebooked else None
        answer = msgspec.json.encode(scan_answer(scan.id, verdict, page.scanned() if page else None, moved))
        known = self._known[scan.id] = KnownScan(
            scan.id,
            asked.code_hash.hex(),
            page.row.id if page else None,
            scan.gate_id,
            asked.actor,
            scan.direction,
            verdict.outcome,
            verdict.reason,
            objected,
            answer.decode(),
        )
        self.written.add_scan(asked, verdict, known, at)
        return answer

    def _again(self, known: KnownScan, asked: AskedScan) -> bytes | Exception:
        """The first answer. When and by whom it is sent again makes no difference, nor that it was offline by then.

        But who was let in by a scanner that did not get our refusal is inside.
        """
        scan = asked.scan
        if (known.code_hash, known.gate_id, known.direction) != (asked.code_hash.hex(), scan.gate_id, scan.direction):
            return Conflict("This id belongs to another scan: use a new one.")
        let_in = asked.decision is not None and asked.decision.outcome == "admitted"
        if let_in and known.outcome == "refused":
            page = self._pages.get(known.ticket_id) if known.ticket_id else None
            objected = self._objection(page, asked)
            if page is not None:
                self._pass(page, asked)
            self._known[scan.id] = replace(known, outcome="admitted", reason=None, objection=objected)
            self.written.let_in(asked, self._known[scan.id])
        return known.answer.encode()

    def _conflict(self, scan: KnownScan) -> ScanConflict | None:
        page = self._pages.get(scan.ticket_id) if scan.ticket_id else None
        earlier = page.passages.get(page.conflicts[scan.id]) if page and scan.id in page.conflicts else None
        if earlier is not None:
            gate, device = self._bearings.gate(earlier.gate_id), self._bearings.device(earlier.actor)
            contradicted = Contradicted(earlier.id, earlier.at, earlier.gate_id, gate, device)
            return ScanConflict("already_admitted", contradicted)
        return ScanConflict(scan.objection, None) if scan.objection else None


def _is_counted(page: Page, at: datetime) -> bool:
    """Inside, as the gauges of that day see it: who never scanned out is gone by the next morning."""
    passed_at = page.facts.passed_at
    return page.facts.inside and passed_at is not None and local_day(page.offer, passed_at) == local_day(page.offer, at)
