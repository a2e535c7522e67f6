"""Tickets as they stand: what the entry pass says of them, with what was recorded here and the pass does not show yet.

Everything is in memory; `journal.py` has the same on the disk.
"""

import secrets
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from parvis.gate_hub.directory import Directory, KnownPass
from parvis.gate_hub.kept import Kept, KeptScan, KeptUndo, Place
from services.ticketing.entry.passes.views import EntryPass, PassOffer, PassTicket
from services.ticketing.entry.rules import EntryFacts, RecordedPassage, after


class KnownTicket:
    """`is_told`: by the instance; else it was met at a gate, and its row says what its code says.

    `passages`: those recorded here, by id. `standing`: the row with all of them that it does not show. `counted`: what
    they add to the counts of the memory.
    """

    __slots__ = ("counted", "is_told", "passages", "places", "row", "standing")

    def __init__(self, row: PassTicket, *, is_told: bool) -> None:
        self.row = row
        self.is_told = is_told
        self.places: set[Place] = set()
        self.passages: dict[UUID, KeptScan] = {}
        self.standing = standing_of(row, None)
        self.counted: list[tuple[UUID | tuple[UUID, date], int]] = []


class Changes:
    """What changed in an entry pass, in order: by id, the count that the hub's changes had reached."""

    def __init__(self) -> None:
        self.tickets: dict[UUID, int] = {}
        self.slots: dict[UUID, int] = {}
        self.parts = 0


class Memory:
    """`count` goes on with every change; a cursor of the hub's own entry pass is a `count` of this `run`."""

    def __init__(self) -> None:
        self.directory = Directory()
        self.tickets: dict[UUID, KnownTicket] = {}
        self.scans: dict[UUID, KeptScan] = {}
        self.undos: dict[UUID, KeptUndo] = {}
        self.run = secrets.token_hex(4)
        self.count = 0
        self.changes: dict[Place, Changes] = {}
        self._by_short_code: dict[str, UUID] = {}
        # By id of the scan. An undo may come before it.
        self._undone: dict[UUID, KeptUndo] = {}
        # What passages recorded here change: people inside by gauge and day, admitted by slot.
        self.moved: Counter[UUID | tuple[UUID, date]] = Counter()

    def restore(
        self, passes: Mapping[Place, KnownPass], rows: Iterable[tuple[Place, PassTicket]], kept: Iterable[Kept]
    ) -> None:
        """As the journal has it."""
        self.directory.restore(passes)
        for place, known in passes.items():
            self.changes[place] = Changes()
            self.changes[place].slots = dict.fromkeys(known.slots, 0)
        for place, row in rows:
            self._put_row(place, row)
        for one in kept:
            if isinstance(one, KeptScan):
                self.add_scan(one)
            else:
                self.add_undo(one)

    def apply(self, place: Place, page: EntryPass) -> list[Kept]:
        """Returns what was recorded here and is in these rows by now: they were asked for after it was told."""
        known = self.directory.apply(place, page)
        changes = self.changes.setdefault(place, Changes())
        self.count += 1
        if page.establishment is not None:
            changes.parts = self.count
        for slot in page.slots:
            _touch(changes.slots, slot.id, self.count)
        if known.parts is None:
            raise ValueError("An entry pass begins with its keys, gates and offers.")
        return [kept for row in page.tickets for kept in self._put_row(place, row)]

    def keep_only(self, dates: Iterable[str]) -> list[Place]:
        """Forgets days that are over, and returns which. A ticket that was scanned stays as long as its scans."""
        over = self.directory.keep_only(set(dates))
        for place in over:
            del self.changes[place]
            for ticket in [one for one in self.tickets.values() if place in one.places]:
                ticket.places.discard(place)
                if not ticket.places and not ticket.passages:
                    self._by_short_code.pop(ticket.row.short_code_hash, None)
                    del self.tickets[ticket.row.id]
        return over

    def find(self, ticket_id: UUID | None, short_code_hash: str | None) -> KnownTicket | None:
        found = ticket_id or self._by_short_code.get(short_code_hash or "")
        return self.tickets.get(found) if found else None

    def add_scan(self, scan: KeptScan) -> None:
        """Also again, when it was seen with other eyes."""
        self.scans[scan.id] = scan
        if scan.outcome != "admitted" or scan.ticket_id is None:
            return
        ticket = self.tickets.get(scan.ticket_id) or self._met(scan)
        ticket.passages[scan.id] = scan
        self._stand_anew(ticket)

    def drop(self, kept: Kept) -> None:
        """It could not be written down, so it did not happen."""
        if isinstance(kept, KeptUndo):
            self.undos.pop(kept.id, None)
            if self._undone.get(kept.scan_id) is kept:
                del self._undone[kept.scan_id]
            self._scan_changed(kept.scan_id)
        else:
            self.scans.pop(kept.id, None)
            ticket = self.tickets.get(kept.ticket_id) if kept.ticket_id else None
            if ticket is not None and ticket.passages.pop(kept.id, None) is not None:
                self._stand_anew(ticket)

    def add_undo(self, undo: KeptUndo) -> None:
        self.undos[undo.id] = undo
        self._undone.setdefault(undo.scan_id, undo)
        self._scan_changed(undo.scan_id)

    def is_undone(self, scan_id: UUID) -> bool:
        return scan_id in self._undone

    def include(self, kept: Iterable[Kept]) -> list[Kept]:
        """The entry pass shows them by now: all of them whose ticket it has. Returns those."""
        done: list[Kept] = []
        for one in kept:
            scan = self.scans.get(one.scan_id) if isinstance(one, KeptUndo) else one
            ticket = self.tickets.get(scan.ticket_id) if scan and scan.ticket_id else None
            if ticket is not None and not ticket.is_told and scan is not None and scan.outcome == "admitted":
                continue
            one.state = "included"
            done.append(one)
            if ticket is not None:
                self._stand_anew(ticket)
        return done

    def forget_before(self, moment: datetime) -> list[UUID]:
        """Scans that the instance has since long; returns their ids."""
        old = [one.id for one in self.scans.values() if one.at < moment and one.state in {"acknowledged", "included"}]
        for scan_id in old:
            scan = self.scans.pop(scan_id)
            ticket = self.tickets.get(scan.ticket_id) if scan.ticket_id else None
            if ticket is not None:
                ticket.passages.pop(scan_id, None)
        return old

    def local_day(self, at: datetime) -> date:
        establishment = self.directory.establishment
        return at.astimezone(ZoneInfo(establishment.timezone) if establishment else UTC).date()

    def _put_row(self, place: Place, row: PassTicket) -> list[Kept]:
        ticket = self.tickets.setdefault(row.id, KnownTicket(row, is_told=True))
        ticket.row, ticket.is_told = row, True
        ticket.places.add(place)
        self._by_short_code[row.short_code_hash] = row.id
        kept: list[Kept] = list(ticket.passages.values())
        kept += [self._undone[scan_id] for scan_id in ticket.passages if scan_id in self._undone]
        included = [one for one in kept if one.state == "acknowledged"]
        for one in included:
            one.state = "included"
        self._stand_anew(ticket)
        return included

    def _met(self, scan: KeptScan) -> KnownTicket:
        """A ticket that was sold after the last entry pass, or for another day: its code says what it is."""
        row = PassTicket(
            id=scan.ticket_id or scan.id,
            slot_id=scan.slot_id or scan.id,
            tariff_id=scan.tariff_id or scan.id,
            status="valid",
            revision=scan.revision or 0,
            payment_due=False,
            entries=0,
            inside=False,
            admitted_at=None,
            admitted_gate_id=None,
            passed_at=None,
            short_code_hash="",
            blob="",
        )
        ticket = self.tickets[row.id] = KnownTicket(row, is_told=False)
        gate = self.directory.gates.get(scan.gate_id)
        today = self.local_day(scan.at).isoformat()
        ticket.places = {place for place in self.changes if gate and place == Place(gate.venue_id, today)}
        return ticket

    def _scan_changed(self, scan_id: UUID) -> None:
        scan = self.scans.get(scan_id)
        ticket = self.tickets.get(scan.ticket_id) if scan and scan.ticket_id else None
        if ticket is not None:
            self._stand_anew(ticket)

    def _stand_anew(self, ticket: KnownTicket) -> None:
        offer = self.directory.offer_of(ticket.row.tariff_id, ticket.row.slot_id)
        standing = standing_of(ticket.row, offer)
        for scan in ticket.passages.values():
            undo = self._undone.get(scan.id)
            if scan.state == "included" and undo is not None and undo.state != "included":
                standing = _before(standing, scan)
        mine = [one for one in ticket.passages.values() if one.state != "included" and one.id not in self._undone]
        for scan in sorted(mine, key=lambda scan: (scan.at, scan.id)):
            standing, _ = after(standing, passage_of(scan))
        ticket.standing = standing
        self._count(ticket, offer.gauge_ids if offer else [])
        self._changed(ticket)

    def _count(self, ticket: KnownTicket, gauge_ids: list[UUID]) -> None:
        row, standing = ticket.row, ticket.standing
        for key, number in ticket.counted:
            self.moved[key] -= number
        ticket.counted = []
        if ticket.passages:
            ticket.counted = [(row.slot_id, (standing.admitted_at is not None) - (row.admitted_at is not None))]
        for side, number in ((standing, 1), (row, -1)) if ticket.passages else ():
            if side.inside and side.passed_at:
                day = self.local_day(side.passed_at)
                ticket.counted += [((gauge_id, day), number) for gauge_id in gauge_ids]
        for key, number in ticket.counted:
            self.moved[key] += number

    def _changed(self, ticket: KnownTicket) -> None:
        self.count += 1
        for place in ticket.places:
            changes = self.changes[place]
            _touch(changes.tickets, ticket.row.id, self.count)
            if ticket.row.slot_id in self.directory.passes[place].slots:
                _touch(changes.slots, ticket.row.slot_id, self.count)


def standing_of(row: PassTicket, offer: PassOffer | None) -> EntryFacts:
    return EntryFacts(
        entries_allowed=offer.entries_allowed if offer else 1,
        re_entry=offer.re_entry if offer else False,
        entries=row.entries,
        inside=row.inside,
        admitted_at=row.admitted_at,
        admitted_gate_id=row.admitted_gate_id,
        passed_at=row.passed_at,
    )


def passage_of(scan: KeptScan) -> RecordedPassage:
    return RecordedPassage(id=scan.id, at=scan.at, gate_id=scan.gate_id, direction=scan.direction)


def _before(standing: EntryFacts, scan: KeptScan) -> EntryFacts:
    """Without a passage that the row shows: near enough, until the instance has folded it out."""
    if scan.direction == "out":
        return replace(standing, inside=True)
    entries = max(0, standing.entries - 1)
    if entries:
        return replace(standing, entries=entries, inside=False)
    return replace(standing, entries=0, inside=False, admitted_at=None, admitted_gate_id=None)


def _touch(order: dict[UUID, int], key: UUID, count: int) -> None:
    order.pop(key, None)
    order[key] = count
