"""What scanners decided by themselves: recorded as it was, once, and the same in whatever order it arrives."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import timedelta
from random import Random
from typing import TypeAlias
from uuid import UUID

import asyncpg
import msgspec
import pytest
import pytest_asyncio

from services.kit.database import Database
from services.kit.errors import NotFound
from services.kit.event_chain import broken_links
from services.ticketing.entry import book
from services.ticketing.entry.desk import EntryDesk
from services.ticketing.entry.requests import DecidedScan, DecidedUndo, NewScan, NewUndo, Upload
from services.ticketing.entry.rules import Folded, RecordedPassage, fold
from tests.conftest import Instance
from tests.services.ticketing.entry.conftest import SetClock, staff
from tests.services.ticketing.entry.crowd import Day, admitted, make_day, make_scanner
from tests.services.ticketing.rows import Museum, ledger, make_ticket

MINUTE = timedelta(minutes=1)
ORDERS = 100
TICKETS = "SELECT id, entries, inside, admitted_at, admitted_gate_id, passed_at FROM ticketing.tickets ORDER BY id"
SCANS = """
SELECT id, ticket_id, outcome, reason, judged_at, decided_by, conflict_with, objection
FROM ticketing.scans ORDER BY id"""
FORGET = """
TRUNCATE ticketing.scans, ticketing.scan_undos;
UPDATE ticketing.tickets
SET entries = 0, inside = false, admitted_at = NULL, admitted_gate_id = NULL, passed_at = NULL"""
State: TypeAlias = tuple[list[asyncpg.Record], list[asyncpg.Record]]


@pytest_asyncio.fixture
async def desks(instance: Instance, clock: SetClock) -> AsyncIterator[list[EntryDesk]]:
    databases = [Database(instance.ticketing_url) for _ in range(2)]
    desks = [EntryDesk(database, clock) for database in databases]
    yield desks
    for desk, database in zip(desks, databases, strict=True):
        await desk.close()
        await database.close()


async def test_uploads_come_to_the_same_in_a_hundred_orders(
    desk: EntryDesk, owner: asyncpg.Connection, museum: Museum, clock: SetClock
):
    day = await make_day(owner, museum, clock, tickets=40)
    states = []
    for order in range(ORDERS):
        await owner.execute(FORGET)
        await _arrive(day, order, clock, lambda _: desk, at_once=1)
        states.append(await _state(owner))
    assert [state for state in states if state != states[0]] == []
    assert _faults(day, states[0]) == []
    assert broken_links(await ledger(owner, museum.establishment_id)) == []


async def test_check_notices_a_fold_that_goes_by_arrival(
    desk: EntryDesk, owner: asyncpg.Connection, museum: Museum, clock: SetClock, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(book, "fold", _fold_by_arrival)
    day = await make_day(owner, museum, clock, tickets=40)
    states, faults = [], []
    for order in range(5):
        await owner.execute(FORGET)
        await _arrive(day, order, clock, lambda _: desk, at_once=1)
        states.append(await _state(owner))
        faults += _faults(day, states[-1])
    assert [state for state in states if state != states[0]]
    assert faults


async def test_two_thousand_tickets_through_two_processes_at_once(
    desks: list[EntryDesk], owner: asyncpg.Connection, museum: Museum, clock: SetClock
):
    day = await make_day(owner, museum, clock, tickets=2000)
    assert (len(day.scans), len(day.copies)) == (2120, 100)
    states = []
    for order in range(2):
        await owner.execute(FORGET)
        await _arrive(day, order, clock, lambda index: desks[index % 2], at_once=4)
        states.append(await _state(owner))
    assert states[0] == states[1]
    assert _faults(day, states[0]) == []


async def test_upload_of_a_copy_tells_both_times_gates_and_devices(
    desk: EntryDesk, owner: asyncpg.Connection, museum: Museum, clock: SetClock
):
    north, south = [await make_scanner(owner, museum, name) for name in ("North", "South")]
    ticket = await make_ticket(owner, museum)
    first = admitted(ticket.code, museum.gate_id, clock.now() - 9 * MINUTE)
    copy = admitted(ticket.code, museum.second_gate_id, clock.now() - 4 * MINUTE)
    [told] = (await desk.upload(south, upload(clock, [copy]))).scans
    assert (told.outcome, told.conflict) == ("admitted", None)
    # The copy arrived first. By the moments of both it is the other way round.
    [told] = (await desk.upload(north, upload(clock, [first]))).scans
    assert (told.outcome, told.conflict) == ("admitted", None)
    [again] = (await desk.upload(south, upload(clock, [copy]))).scans
    assert msgspec.to_builtins(again.conflict) == {
        "kind": "already_admitted",
        "earlier": {
            "scan_id": str(first.id),
            "at": msgspec.to_builtins(first.scanned_at),
            "gate_id": str(museum.gate_id),
            "gate": "Gate",
            "device": "North",
        },
    }
    types = [event.type for event in await ledger(owner, museum.establishment_id)]
    assert types == ["ticket.admitted", "ticket.conflict_found", "ticket.admitted"]


@pytest.mark.parametrize("minutes_off", [10, -10, 0])
async def test_upload_corrects_the_clock_of_its_device(
    desk: EntryDesk, owner: asyncpg.Connection, museum: Museum, clock: SetClock, minutes_off: int
):
    ticket = await make_ticket(owner, museum)
    off = minutes_off * MINUTE
    scan = admitted(ticket.code, museum.gate_id, clock.now() - 5 * MINUTE + off)
    await desk.upload(staff(museum), Upload(sent_at=clock.now() + off, scans=[scan]))
    row = await owner.fetchrow("SELECT scanned_at, judged_at FROM ticketing.scans")
    assert tuple(row) == (scan.scanned_at, clock.now() - 5 * MINUTE)


async def test_upload_keeps_what_was_done_and_says_why_it_should_not_have_been(
    desk: EntryDesk, owner: asyncpg.Connection, museum: Museum, clock: SetClock
):
    cancelled, cancelled_after, good, early, due = [
        await make_ticket(owner, museum, **how)
        for how in ({}, {}, {}, {"starts_in": 50 * MINUTE}, {"payment": ("on_site", "due")})
    ]
    await owner.execute(
        "UPDATE ticketing.tickets SET status = 'cancelled', cancelled_at = $2 WHERE id = ANY($1)",
        [cancelled.id, cancelled_after.id],
        clock.now() - MINUTE,
    )
    at = clock.now()
    scans = {
        "cancelled": admitted(cancelled.code, museum.gate_id, at),
        None: admitted(good.code, museum.gate_id, at),
        "too_early": admitted(early.code, museum.gate_id, at),
        "not_paid": admitted(due.code, museum.gate_id, at),
        "wrong_gate": admitted(due.code, museum.far_gate_id, at),
        "unknown_ticket": admitted("PV1:NOTHING", museum.gate_id, at),
    }
    scans_before = admitted(cancelled_after.code, museum.gate_id, at - 2 * MINUTE)
    for objection, scan in [*scans.items(), ("cancelled", scans_before)]:
        [told] = (await desk.upload(staff(museum), upload(clock, [scan]))).scans
        kind = told.conflict.kind if told.conflict else None
        assert (told.outcome, kind if kind != "already_admitted" else objection) == ("admitted", objection)


async def test_upload_of_refusals_moves_nobody(
    desk: EntryDesk, owner: asyncpg.Connection, museum: Museum, clock: SetClock
):
    ticket = await make_ticket(owner, museum)
    scan = msgspec.structs.replace(
        admitted(ticket.code, museum.gate_id, clock.now()), outcome="refused", reason="full_inside"
    )
    [told] = (await desk.upload(staff(museum), upload(clock, [scan]))).scans
    assert (told.outcome, told.reason, told.conflict) == ("refused", "full_inside", None)
    assert await owner.fetchval("SELECT entries FROM ticketing.tickets") == 0


async def test_upload_with_items_that_cannot_be_recorded_records_the_others(
    desk: EntryDesk, owner: asyncpg.Connection, museum: Museum, clock: SetClock
):
    tickets = [await make_ticket(owner, museum) for _ in range(2)]
    good = admitted(tickets[0].code, museum.gate_id, clock.now())
    nowhere = admitted(tickets[1].code, UUID(int=1), clock.now())
    taken = msgspec.structs.replace(nowhere, id=good.id, gate_id=museum.gate_id)
    answer = await desk.upload(staff(museum), upload(clock, [good, nowhere, taken]))
    assert [scan.outcome for scan in answer.scans] == ["admitted", "invalid", "invalid"]
    assert await owner.fetchval("SELECT count(*) FROM ticketing.scans") == 1


async def test_scanner_that_did_not_get_our_refusal_let_somebody_in(
    desk: EntryDesk, owner: asyncpg.Connection, museum: Museum, clock: SetClock
):
    ticket = await make_ticket(owner, museum)
    first, copy = [admitted(ticket.code, museum.gate_id, clock.now() + late) for late in (-MINUTE, 0 * MINUTE)]
    for scan in (first, copy):
        await desk.scan(staff(museum), as_online(scan))
    clock.advance(MINUTE)
    [told] = (await desk.upload(staff(museum), upload(clock, [copy]))).scans
    assert (told.outcome, told.conflict.earlier.scan_id) == ("admitted", first.id)
    row = await owner.fetchrow("SELECT outcome, decided_by, conflict_with FROM ticketing.scans WHERE id = $1", copy.id)
    assert tuple(row) == ("admitted", "device", first.id)


async def test_undo_that_arrives_before_its_scan_takes_it_back_all_the_same(
    desk: EntryDesk, owner: asyncpg.Connection, museum: Museum, clock: SetClock
):
    ticket, other = await make_ticket(owner, museum), await make_ticket(owner, museum)
    scan, online = admitted(ticket.code, museum.gate_id, clock.now()), admitted(other.code, museum.gate_id, clock.now())
    undos = [
        DecidedUndo(id=UUID(int=number), scan_id=one.id, reason="Wrong button", undone_at=clock.now())
        for number, one in enumerate((scan, online))
    ]
    for _ in range(2):
        told = await desk.upload(staff(museum), upload(clock, [], undos))
        assert [undo.outcome for undo in told.undos] == ["unknown_scan", "unknown_scan"]
    await desk.upload(staff(museum), upload(clock, [scan]))
    # Also when the scan comes by the way that reads no history.
    await desk.scan(staff(museum), as_online(online))
    rows = await owner.fetch("SELECT entries, inside, admitted_at FROM ticketing.tickets")
    assert [tuple(row) for row in rows] == [(0, False, None), (0, False, None)]
    types = [event.type for event in await ledger(owner, museum.establishment_id)]
    assert types == ["ticket.admitted", "ticket.passage_undone"]


async def test_undo_opens_the_gate_again(desk: EntryDesk, owner: asyncpg.Connection, museum: Museum, clock: SetClock):
    ticket = await make_ticket(owner, museum)
    scans = [admitted(ticket.code, museum.gate_id, clock.now()) for _ in range(3)]
    undo = NewUndo(id=UUID(int=1), reason="Wrong button", undone_at=clock.now())
    outcomes = []
    for scan in scans:
        answer = msgspec.json.decode(await desk.scan(staff(museum), as_online(scan)))
        outcomes.append(answer["reason"] or answer["outcome"])
        if scan is scans[0]:
            told = [await desk.undo(staff(museum), scan.id, undo) for _ in range(2)]
            assert [one.outcome for one in told] == ["undone", "undone"]
    assert outcomes == ["admitted", "admitted", "already_admitted"]
    assert await owner.fetchval("SELECT count(*) FROM ticketing.scan_undos") == 1
    refused = await desk.undo(staff(museum), scans[2].id, msgspec.structs.replace(undo, id=UUID(int=2)))
    assert refused.outcome == "not_admitted"
    with pytest.raises(NotFound):
        await desk.undo(staff(museum), UUID(int=7), undo)


def upload(clock: SetClock, scans: list[DecidedScan], undos: Iterable[DecidedUndo] = ()) -> Upload:
    return Upload(sent_at=clock.now(), scans=scans, undos=list(undos))


def as_online(scan: DecidedScan) -> NewScan:
    return NewScan(id=scan.id, code=scan.code, gate_id=scan.gate_id, scanned_at=scan.scanned_at)


async def _arrive(day: Day, order: int, clock: SetClock, desk_of: Callable[[int], EntryDesk], *, at_once: int) -> None:
    random = Random(order)  # noqa: S311 - no secret
    arriving = random.sample(day.uploads, len(day.uploads))
    for start in range(0, len(arriving), at_once):
        await asyncio.gather(
            *[
                desk_of(index).upload(one.device, one.sent(clock.now()))
                for index, one in enumerate(arriving[start : start + at_once])
            ]
        )


async def _state(owner: asyncpg.Connection) -> State:
    return await owner.fetch(TICKETS), await owner.fetch(SCANS)


def _faults(day: Day, state: State) -> list[str]:
    """What contradicts the day as it was: a lost scan, a copy not flagged, or flagged against another."""
    scans = {row["id"]: row for row in state[1]}
    faults = [f"lost {scan_id}" for scan_id in day.scans - scans.keys()]
    faults += [f"{scan_id} has an objection" for scan_id, row in scans.items() if row["objection"]]
    flagged = {scan_id: row["conflict_with"] for scan_id, row in scans.items() if row["conflict_with"]}
    faults += [f"{scan_id} is told as a copy of {earlier}" for scan_id, earlier in flagged.items() - day.copies.items()]
    return faults + [f"{scan_id} is not told as a copy" for scan_id in day.copies.keys() - flagged.keys()]


def _fold_by_arrival(passages: Iterable[RecordedPassage], *, entries_allowed: int | None, re_entry: bool) -> Folded:
    """As if the first to be known had been the first to come."""
    known = list(passages)
    queue = [
        msgspec.structs.replace(passage, at=known[0].at + index * MINUTE, id=UUID(int=index))
        for index, passage in enumerate(known)
    ]
    folded = fold(queue, entries_allowed=entries_allowed, re_entry=re_entry)
    return Folded(
        folded.facts,
        {known[own.int].id: effect for own, effect in folded.effects.items()},
        {known[own.int].id: known[earlier.int].id for own, earlier in folded.conflicts.items()},
    )
