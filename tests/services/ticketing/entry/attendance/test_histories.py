"""The attendance of a day says what the fold over all passages says, whatever happened."""

from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from random import Random
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import asyncpg
import msgspec
import pytest

from services.inventory.in_process import InProcessInventory
from services.kit.database import Database
from services.ticketing.entry.attendance.rules import quarter_of
from services.ticketing.entry.attendance.views import Attendance
from services.ticketing.entry.desk import EntryDesk
from services.ticketing.entry.queries import conflicts_of
from services.ticketing.entry.requests import DecidedScan, DecidedUndo, NewUndo, Upload
from services.ticketing.entry.rules import Folded, RecordedPassage, fold
from tests.services.ticketing.entry.attendance.conftest import Building, attendance_desk
from tests.services.ticketing.entry.conftest import SetClock, new_scan, staff
from tests.services.ticketing.rows import SoldTicket, make_ticket

PARIS = ZoneInfo("Europe/Paris")
SEEDS = range(6)
TICKETS, UPLOADED, SCANNED = 24, 90, 40
HOUR = timedelta(hours=1)
PASSAGES = """
SELECT id, ticket_id, gate_id, direction, judged_at AS at FROM ticketing.scans
WHERE outcome = 'admitted' AND ticket_id IS NOT NULL
  AND NOT EXISTS (SELECT FROM ticketing.scan_undos WHERE scan_id = scans.id)"""
REFUSALS = "SELECT gate_id, judged_at AS at FROM ticketing.scans WHERE outcome = 'refused'"
TICKETS_NOW = "SELECT id, offer_id, slot_id, status, starts_at FROM ticketing.tickets"
MOVE = "UPDATE ticketing.tickets SET offer_id = $2 WHERE id = $1"
CANCEL = "UPDATE ticketing.tickets SET status = 'cancelled', cancelled_at = now() WHERE id = ANY($1::uuid[])"


class Folds(msgspec.Struct, frozen=True):
    """Each ticket's row, passages, and what they amount to."""

    rows: dict[UUID, asyncpg.Record]
    passages: dict[UUID, list[RecordedPassage]]
    folded: dict[UUID, Folded]


@pytest.mark.parametrize("seed", SEEDS)
async def test_attendance_is_the_fold_over_random_histories(
    seed: int,
    owner: asyncpg.Connection,
    building: Building,
    gate: EntryDesk,
    clock: SetClock,
    ticketing_database: Database,
    inventory: InProcessInventory,
):
    await _live_through(Random(seed), owner, building, gate, clock)  # noqa: S311 - no secret
    principal = staff(building.museum)
    folds = await _folds(owner, building)
    refusals = await owner.fetch(REFUSALS)
    today, seen = clock.now().astimezone(PARIS).date(), 0
    for day in (today - timedelta(days=1), today):
        desk = attendance_desk(ticketing_database, clock, inventory)
        told = (await desk.attendance(principal, day.isoformat())).attendance
        assert _told(told) == _expected(folds, refusals, building, day)
        conflicts = await ticketing_database.read(
            principal.tenant, lambda session, day=day: conflicts_of(session, principal.tenant, day)
        )
        assert told.conflicts == len(conflicts.items)
        seen += told.admitted
    assert seen


async def test_histories_hold_what_could_go_wrong(
    owner: asyncpg.Connection, building: Building, gate: EntryDesk, clock: SetClock
):
    """The control: they have returns, second entries, conflicts, tickets of other days, undone and refused scans."""
    seen: Counter[str] = Counter()
    await _live_through(Random(1), owner, building, gate, clock)  # noqa: S311 - no secret
    folds = await _folds(owner, building)
    for one in folds.folded.values():
        seen.update(one.effects.values())
        seen["again"] += one.facts.entries > 1
    seen["undone"] = await owner.fetchval("SELECT count(*) FROM ticketing.scan_undos")
    seen["refused"] = len(await owner.fetch(REFUSALS))
    seen["overridden"] = await owner.fetchval("SELECT count(*) FROM ticketing.scans WHERE override_reason IS NOT NULL")
    seen["objected"] = await owner.fetchval("SELECT count(*) FROM ticketing.scans WHERE objection IS NOT NULL")
    names = ("admitted", "readmitted", "left", "conflict", "again", "undone", "refused", "overridden", "objected")
    assert {name: bool(seen[name]) for name in names} == dict.fromkeys(names, True)


async def _live_through(
    random: Random, owner: asyncpg.Connection, building: Building, gate: EntryDesk, clock: SetClock
) -> None:
    museum, tickets = building.museum, []
    for _ in range(TICKETS):
        ticket = await make_ticket(owner, museum, starts_in=random.choice([-30, -20, -2, 0, 0, 0, 0, 26]) * HOUR)
        await owner.execute(MOVE, ticket.id, random.choice(list(building.offers)))
        tickets.append(ticket)
    for _ in range(SCANNED):
        clock.advance(timedelta(minutes=random.randrange(3)))
        scan = new_scan(
            random.choice(tickets).code,
            random.choice([museum.gate_id, museum.second_gate_id, museum.far_gate_id]),
            clock,
            direction=random.choice(["in", "in", "out"]),
            override_reason=random.choice([None, None, "A child"]),
        )
        await gate.scan(staff(museum), scan)
        if random.random() < 0.1:
            await gate.undo(staff(museum), scan.id, NewUndo(id=uuid4(), reason="Wrong", undone_at=clock.now()))
    await owner.execute(CANCEL, [ticket.id for ticket in tickets[:2]])
    for part in _uploads(random, tickets, building, clock):
        await gate.upload(staff(museum), part)


def _uploads(random: Random, tickets: list[SoldTicket], building: Building, clock: SetClock) -> Iterable[Upload]:
    """What scanners without network did in the last day and a half; some of it is taken back, some arrives twice."""
    gates = [building.museum.gate_id, building.museum.second_gate_id]
    scans = [
        DecidedScan(
            id=uuid4(),
            code=random.choice(tickets).code,
            gate_id=random.choice(gates),
            scanned_at=clock.now() - timedelta(minutes=random.randrange(36 * 60)),
            outcome=random.choice(["admitted", "admitted", "admitted", "refused"]),
            direction=random.choice(["in", "in", "out"]),
        )
        for _ in range(UPLOADED)
    ]
    undos = [
        DecidedUndo(id=uuid4(), scan_id=scan.id, reason="Wrong", undone_at=clock.now())
        for scan in random.sample(scans, 10)
    ]
    random.shuffle(scans)
    for start in range(0, UPLOADED, 30):
        yield Upload(sent_at=clock.now(), scans=scans[start : start + 40], undos=undos[start // 10 : start // 10 + 4])


async def _folds(owner: asyncpg.Connection, building: Building) -> Folds:
    rows = {row["id"]: row for row in await owner.fetch(TICKETS_NOW)}
    passages: dict[UUID, list[RecordedPassage]] = {ticket_id: [] for ticket_id in rows}
    for row in await owner.fetch(PASSAGES):
        passage = RecordedPassage(id=row["id"], at=row["at"], gate_id=row["gate_id"], direction=row["direction"])
        passages[row["ticket_id"]].append(passage)
    folded = {}
    for ticket_id, row in rows.items():
        rules = building.offers[row["offer_id"]]
        folded[ticket_id] = fold(passages[ticket_id], entries_allowed=rules.entries, re_entry=rules.re_entry)
    return Folds(rows, passages, folded)


def _expected(folds: Folds, refusals: list[asyncpg.Record], building: Building, day: date) -> dict[str, object]:
    def is_today(at: datetime | None) -> bool:
        return at is not None and at.astimezone(PARIS).date() == day

    slots, gates, quarters = Counter[UUID](), Counter[UUID](), Counter[datetime]()
    inside: Counter[UUID] = Counter()
    for ticket_id, row in folds.rows.items():
        folded = folds.folded[ticket_id]
        for passage in folds.passages[ticket_id]:
            if folded.effects[passage.id] == "admitted" and is_today(passage.at):
                slots[row["slot_id"]] += 1
                gates[passage.gate_id] += 1
                quarters[quarter_of(passage.at)] += 1
        if folded.facts.inside and is_today(folded.facts.passed_at):
            inside.update(gauge_id for gauge_id, users in building.gauges.items() if row["offer_id"] in users)
    due = [row for row in folds.rows.values() if row["status"] == "valid" and is_today(row["starts_at"])]
    first = next(iter(building.gauges))
    return {
        "admitted": slots.total(),
        "inside": inside[first],
        "expected": Counter(row["slot_id"] for row in due),
        "slots": slots,
        "gates": gates,
        "refused": Counter(row["gate_id"] for row in refusals if is_today(row["at"])),
        "gauges": {gauge_id: inside[gauge_id] for gauge_id in building.gauges},
        "arrivals": quarters,
        "due": Counter(quarter_of(row["starts_at"]) for row in due),
    }


def _told(told: Attendance) -> dict[str, object]:
    def counted(pairs: Iterable[tuple[object, int]]) -> Counter[object]:
        return Counter({key: number for key, number in pairs if number})

    assert told.expected == sum(slot.expected for slot in told.per_slot)
    assert told.refused == sum(gate.refused for gate in told.per_gate)
    return {
        "admitted": told.admitted,
        "inside": told.inside,
        "expected": counted((slot.slot_id, slot.expected) for slot in told.per_slot),
        "slots": counted((slot.slot_id, slot.admitted) for slot in told.per_slot),
        "gates": counted((gate.gate_id, gate.admitted) for gate in told.per_gate),
        "refused": counted((gate.gate_id, gate.refused) for gate in told.per_gate),
        "gauges": {gauge.gauge_id: gauge.inside for gauge in told.per_gauge},
        "arrivals": counted((quarter.from_, quarter.admitted) for quarter in told.arrivals),
        "due": counted((quarter.from_, quarter.expected) for quarter in told.arrivals),
    }
