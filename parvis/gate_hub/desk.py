"""What the hub decides: one scan at a time, by the rules of the instance. No network, no disk, no waiting."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

import msgspec
from msgspec.structs import replace

from parvis.gate_hub.kept import Kept, KeptScan, KeptUndo
from parvis.gate_hub.memory import Memory, passage_of
from parvis.gate_hub.sight import Seen, facts_of, see, shown
from parvis.gate_hub.views import (
    Contradicted,
    HubAnswer,
    HubConflict,
    HubUploadAnswer,
    UndoneAtHub,
    UploadedToHub,
)
from services.kit.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable
from services.ticketing.entry.passes.views import PassOffer
from services.ticketing.entry.requests import MAX_UPLOADED, DecidedScan, DecidedUndo, NewScan, NewUndo, Upload
from services.ticketing.entry.rules import (
    ADMITTED,
    Passage,
    Reason,
    Verdict,
    clock_correction,
    decide,
    deciding_time,
    fold,
    objection,
    refused,
)

NEXT_MOMENT: Final = timedelta(microseconds=1)


class Clock(Protocol):
    def now(self) -> datetime: ...


class Caller(msgspec.Struct, frozen=True):
    """A scanner. `gate_ids` None: it may stand at all gates of the hub."""

    by: str
    name: str
    gate_ids: frozenset[UUID] | None = None


class HubDesk:
    """`gate_ids`: those that the hub itself is paired for."""

    def __init__(self, memory: Memory, clock: Clock, gate_ids: frozenset[UUID]) -> None:
        self._memory = memory
        self._clock = clock
        self._gate_ids = gate_ids

    def scan(self, caller: Caller, scan: NewScan) -> tuple[KeptScan, bool]:
        """The scan with its answer, and whether it is new: then it is to be written down before anybody hears of it.

        Raises `Invalid` for an unknown gate, `Conflict` when the id belongs to another scan, `Unavailable` as long as
        no entry pass has come.
        """
        self._check(scan.gate_id)
        seen = see(self._memory, scan.code)
        known = self._memory.scans.get(scan.id)
        if known is not None:
            return self._same(known, scan, scan.code), False
        at = deciding_time(_in_utc(scan.scanned_at), self._clock.now(), offline=scan.offline)
        verdict = self._decide(seen, self._passage(caller, scan, seen, at))
        told = verdict.reason == "already_admitted" and self._was_this_scan(seen, scan)
        if told:
            verdict, at = ADMITTED, _in_utc(scan.scanned_at)
        passed_at = seen.ticket.standing.passed_at if seen.ticket else None
        if verdict.outcome == "admitted" and passed_at is not None and at <= passed_at and not told:
            # Decided in the knowledge of all the others, so it follows them.
            at = passed_at + NEXT_MOMENT
        kept = self._keep(caller, scan, seen, verdict, at)
        if told:
            kept.state = "included"
        verdict = self._with_names(verdict, seen)
        self._memory.add_scan(kept)
        shown_now = shown(self._memory, seen)
        answer = HubAnswer(scan.id, verdict.outcome, verdict.reason, shown_now, verdict.earlier)
        kept.answer = msgspec.json.encode(answer).decode()
        return kept, True

    def upload(self, caller: Caller, upload: Upload) -> tuple[HubUploadAnswer, list[Kept]]:
        """Takes what a scanner decided when it was alone, as it was. The second part is to be written down."""
        if len(upload.scans) + len(upload.undos) > MAX_UPLOADED:
            raise Invalid.field("/scans", f"At most {MAX_UPLOADED} scans and undos at once.")
        now = self._clock.now()
        correction = clock_correction(_in_utc(upload.sent_at), now)

        def moment(said: datetime) -> datetime:
            return min(_in_utc(said) + correction, now)

        kept: list[Kept] = []
        answers = [self._take(caller, scan, moment, kept) for scan in upload.scans]
        answers += [UploadedToHub(one.id, "invalid", detail=one.detail) for one in upload.odd_scans]
        undone = [self._take_undo(caller, undo, moment, kept) for undo in upload.undos]
        undone += [UndoneAtHub(one.id, "invalid", one.detail) for one in upload.odd_undos]
        return HubUploadAnswer(answers, undone), kept

    def undo(self, caller: Caller, scan_id: UUID, undo: NewUndo) -> tuple[UndoneAtHub, list[Kept]]:
        """Takes a passage back. Raises `NotFound` for a scan that did not come here, `Forbidden` for one of a gate that
        is not the scanner's, `Conflict` when the id belongs to another undo.
        """
        if scan_id not in self._memory.scans:
            raise NotFound
        kept: list[Kept] = []
        at = min(_in_utc(undo.undone_at), self._clock.now())
        return self._undo(caller, scan_id, undo, at, kept), kept

    def answer_of(self, kept: KeptScan) -> bytes:
        """For who asks about a scan that came with an upload."""
        return msgspec.json.encode(HubAnswer(kept.id, kept.outcome, kept.reason, None, None))

    def _check(self, gate_id: UUID) -> None:
        if self._memory.directory.establishment is None:
            raise Unavailable("This hub has not yet heard from its instance.", retry_after_seconds=5)
        if gate_id not in self._memory.directory.gates:
            raise Invalid.field("/gate_id", "There is no such gate.")

    def _decide(self, seen: Seen, passage: Passage) -> Verdict:
        if seen.code.refusal is not None:
            return refused(seen.code.refusal)
        if seen.row is None and seen.code.payload is None:
            return refused("unknown_ticket")
        in_hours = seen.valid_from <= passage.at < seen.valid_until
        if seen.offer is None and (passage.direction == "out" or in_hours):
            # The entry pass has all offers of this venue: the ticket is for another one.
            return refused("wrong_gate")
        return decide(facts_of(seen, passage), passage)

    def _passage(self, caller: Caller, scan: NewScan, seen: Seen, at: datetime) -> Passage:
        bound = self._gate_ids if caller.gate_ids is None else self._gate_ids & caller.gate_ids
        return Passage(
            gate_id=scan.gate_id,
            venue_id=self._memory.directory.gates[scan.gate_id].venue_id,
            device_gate_ids=bound,
            at=at,
            direction=scan.direction,
            revision=seen.code.payload.revision if seen.code.payload else None,
            full=self._is_full(seen.offer, at),
            counted_inside=self._is_counted(seen, at),
            override_reason=scan.override_reason if seen.offer else None,
        )

    def _is_full(self, offer: PassOffer | None, at: datetime) -> bool:
        day = self._memory.local_day(at)
        gauges = self._memory.directory.gauges(day.isoformat()) if offer and offer.gauge_ids else {}
        return any(
            gauges[gauge_id].inside + self._memory.moved[gauge_id, day] >= gauges[gauge_id].max_inside
            for gauge_id in (offer.gauge_ids if offer else [])
            if gauge_id in gauges
        )

    def _is_counted(self, seen: Seen, at: datetime) -> bool:
        standing = seen.ticket.standing if seen.ticket else None
        if standing is None or not standing.inside or standing.passed_at is None:
            return False
        return self._memory.local_day(standing.passed_at) == self._memory.local_day(at)

    def _was_this_scan(self, seen: Seen, scan: NewScan) -> bool:
        """The instance had admitted this very scan, and its answer never came: the delta was faster.

        To the microsecond and by the gate; and only one scan may say so.
        """
        row, moment = seen.row, _in_utc(scan.scanned_at)
        if row is None or seen.ticket is None or scan.direction != "in":
            return False
        same = (row.admitted_at, row.passed_at, row.admitted_gate_id) == (moment, moment, scan.gate_id)
        return same and all(other.at != moment for other in seen.ticket.passages.values())

    def _keep(self, caller: Caller, scan: NewScan, seen: Seen, verdict: Verdict, at: datetime) -> KeptScan:
        return KeptScan(
            id=scan.id,
            code=scan.code,
            code_hash=_hashed(scan.code),
            ticket_id=seen.ticket_id,
            slot_id=seen.slot_id,
            tariff_id=seen.tariff_id,
            revision=seen.code.payload.revision if seen.code.payload else None,
            gate_id=scan.gate_id,
            by=caller.by,
            device=caller.name,
            direction=scan.direction,
            at=at,
            outcome=verdict.outcome,
            reason=verdict.reason,
            override_reason=scan.override_reason,
        )

    def _same(self, known: KeptScan, scan: NewScan | DecidedScan, code: str) -> KeptScan:
        if (known.code_hash, known.gate_id, known.direction) != (_hashed(code), scan.gate_id, scan.direction):
            raise Conflict("This id belongs to another scan: use a new one.")
        return known

    def _take(
        self, caller: Caller, scan: DecidedScan, moment: Callable[[datetime], datetime], kept: list[Kept]
    ) -> UploadedToHub:
        known = self._memory.scans.get(scan.id)
        try:
            self._check(scan.gate_id)
            at = moment(scan.scanned_at)
            if known is not None:
                self._same(known, scan, scan.code)
        except (Invalid, Conflict) as error:
            return UploadedToHub(scan.id, "invalid", detail=str(error))
        seen = see(self._memory, scan.code)
        asked = _as_new(scan)
        objected = None
        if known is None:
            reason = scan.reason if scan.outcome == "refused" else None
            verdict = Verdict(scan.outcome, reason)
            objected = self._objection(seen, self._passage(caller, asked, seen, at)) if reason is None else None
            known = self._keep(caller, asked, seen, verdict, at)
        elif known.outcome == "refused" and scan.outcome == "admitted":
            # Our refusal did not arrive: who was let in is inside.
            objected = self._objection(seen, self._passage(caller, asked, seen, at))
            known = replace(known, outcome="admitted", reason=None, at=at, code=scan.code, state="new")
        else:
            return UploadedToHub(known.id, known.outcome, known.reason, self._contradiction(known))
        self._memory.add_scan(known)
        kept.append(known)
        conflict = self._contradiction(known) or (HubConflict(objected, None) if objected else None)
        return UploadedToHub(known.id, known.outcome, known.reason, conflict)

    def _objection(self, seen: Seen, passage: Passage) -> Reason | None:
        if seen.code.refusal or seen.ticket_id is None:
            return seen.code.refusal or "unknown_ticket"
        return objection(facts_of(seen, passage), replace(passage, full=False))

    def _contradiction(self, scan: KeptScan) -> HubConflict | None:
        ticket = self._memory.find(scan.ticket_id, None)
        if ticket is None or scan.id not in ticket.passages or self._memory.is_undone(scan.id):
            return None
        row, standing = ticket.row, ticket.standing
        mine = [one for one in ticket.passages.values() if not self._memory.is_undone(one.id)]
        folded = fold(
            [passage_of(one) for one in mine], entries_allowed=standing.entries_allowed, re_entry=standing.re_entry
        )
        earlier = folded.conflicts.get(scan.id)
        if earlier is not None:
            other = ticket.passages[earlier]
            told = Contradicted(other.id, other.at, other.gate_id, self._gate(other.gate_id), other.device)
            return HubConflict("already_admitted", told)
        by_row = scan.state != "included" and row.entries and standing.entries_allowed == row.entries
        if scan.direction == "in" and by_row and row.admitted_at and not standing.re_entry:
            gate = self._gate(row.admitted_gate_id)
            return HubConflict(
                "already_admitted", Contradicted(None, row.admitted_at, row.admitted_gate_id, gate, None)
            )
        return None

    def _take_undo(
        self, caller: Caller, undo: DecidedUndo, moment: Callable[[datetime], datetime], kept: list[Kept]
    ) -> UndoneAtHub:
        try:
            return self._undo(caller, undo.scan_id, undo, moment(undo.undone_at), kept)
        except (Conflict, Forbidden, Invalid) as error:
            return UndoneAtHub(undo.id, "invalid", str(error))

    def _undo(self, caller: Caller, scan_id: UUID, undo: NewUndo, at: datetime, kept: list[Kept]) -> UndoneAtHub:
        known, scan = self._memory.undos.get(undo.id), self._memory.scans.get(scan_id)
        own_gates = caller.gate_ids
        if scan is not None and own_gates is not None and scan.gate_id not in own_gates and scan.by != caller.by:
            raise Forbidden("This scanner does not stand at that gate.")
        if known is not None and known.scan_id != scan_id:
            raise Conflict("This id belongs to another undo: use a new one.")
        if known is None:
            made = KeptUndo(id=undo.id, scan_id=scan_id, reason=undo.reason, by=caller.by, at=at)
            self._memory.add_undo(made)
            kept.append(made)
        if scan is None:
            return UndoneAtHub(undo.id, "unknown_scan")
        return UndoneAtHub(undo.id, "undone" if scan.outcome == "admitted" else "not_admitted")

    def _gate(self, gate_id: UUID | None) -> str | None:
        gate = self._memory.directory.gates.get(gate_id) if gate_id else None
        return gate.name if gate else None

    def _with_names(self, verdict: Verdict, seen: Seen) -> Verdict:
        earlier = verdict.earlier
        if earlier is None or seen.ticket is None:
            return verdict
        by = [one.device for one in seen.ticket.passages.values() if one.at == earlier.at]
        named = replace(earlier, gate=self._gate(earlier.gate_id), device=by[0] if by else None)
        return replace(verdict, earlier=named)


def _as_new(scan: DecidedScan) -> NewScan:
    return NewScan(
        id=scan.id,
        code=scan.code,
        gate_id=scan.gate_id,
        scanned_at=scan.scanned_at,
        direction=scan.direction,
        offline=True,
        override_reason=scan.override_reason,
    )


def _hashed(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise Invalid("No calendar holds this moment.") from None
