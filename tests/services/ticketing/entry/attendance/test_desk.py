"""Watching: what changed is told at once, once, and to who may still look."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from time import monotonic
from uuid import UUID

import asyncpg
import msgspec
import pytest

from services.inventory.in_process import InProcessInventory
from services.kit.database import Database
from services.kit.errors import Invalid, Unauthenticated, Unavailable
from services.kit.principal import Principal
from services.ticketing.entry.attendance import desk as desk_module
from services.ticketing.entry.attendance.desk import AttendanceDesk
from services.ticketing.entry.attendance.views import Attendance
from services.ticketing.entry.desk import EntryDesk
from tests.conftest import Instance
from tests.services.ticketing.entry.attendance.conftest import Building, attendance_desk
from tests.services.ticketing.entry.conftest import SetClock, new_scan, staff
from tests.services.ticketing.rows import make_ticket
from tests.services.ticketing.statements import counted

FRESH_SECONDS = 2
WATCHERS = 20
REVOKE = "UPDATE ticketing.api_keys SET revoked_at = now() WHERE id = $1"
EXPIRE = "UPDATE ticketing.api_keys SET expires_at = now() WHERE id = $1"


async def told(stream: AsyncIterator[bytes]) -> Attendance:
    """The next attendance; heartbeats and other words of the protocol are passed over."""
    async with asyncio.timeout(FRESH_SECONDS):
        async for event in stream:
            head, _, data = event.decode().partition("data: ")
            if head.endswith("event: attendance\n"):
                assert data.endswith("}\n\n")
                return msgspec.json.decode(data, type=Attendance)
    raise EOFError


def key_id(reporter: Principal) -> UUID:
    return UUID(reporter.actor.removeprefix("key:"))


async def test_stream_tells_what_changed_within_two_seconds(
    attendances: AttendanceDesk,
    gate: EntryDesk,
    building: Building,
    reporter: Principal,
    owner: asyncpg.Connection,
    clock: SetClock,
):
    museum = building.museum
    ticket = await make_ticket(owner, museum)
    stream = await attendances.stream(reporter)
    assert (await told(stream)).admitted == 0
    for admitted, refused in ((1, 0), (1, 1)):
        await gate.scan(staff(museum), new_scan(ticket.code, museum.gate_id, clock))
        now = await told(stream)
        assert (now.admitted, now.refused, now.inside, now.expected) == (admitted, refused, 1, 1)
        assert {gauge.gauge_id: gauge.inside for gauge in now.per_gauge} == dict(
            zip(building.gauges, (1, 0), strict=True)
        )
    await stream.aclose()


async def test_stream_says_nothing_new_but_that_it_lives(
    attendances: AttendanceDesk, reporter: Principal, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(desk_module, "HEARTBEAT_SECONDS", 0.3)
    stream = await attendances.stream(reporter)
    events = [(await anext(stream)).partition(b"\n")[0] for _ in range(3)]
    assert events == [b"retry: 2000", b": nothing new", b": nothing new"]
    await stream.aclose()


async def test_changes_are_told_once_a_second_at_most(
    attendances: AttendanceDesk,
    gate: EntryDesk,
    building: Building,
    reporter: Principal,
    owner: asyncpg.Connection,
    clock: SetClock,
):
    tickets = [await make_ticket(owner, building.museum) for _ in range(3)]
    stream = await attendances.stream(reporter)
    await told(stream)
    began_at = monotonic()
    for ticket in tickets:
        await gate.scan(staff(building.museum), new_scan(ticket.code, building.museum.gate_id, clock))
    now = await told(stream)
    assert (now.admitted, monotonic() - began_at > desk_module.EVENT_SECONDS) == (3, True)
    await stream.aclose()


@pytest.mark.parametrize("end", [REVOKE, EXPIRE])
async def test_stream_ends_with_its_key(
    end: str, attendances: AttendanceDesk, reporter: Principal, owner: asyncpg.Connection
):
    stream = await attendances.stream(reporter)
    await told(stream)
    await owner.execute(end, key_id(reporter))
    with pytest.raises(EOFError):
        await told(stream)
    for ask in (attendances.attendance, attendances.stream):
        with pytest.raises(Unauthenticated):
            await ask(reporter)


async def test_streams_end_when_the_process_does(attendances: AttendanceDesk, reporter: Principal):
    stream = await attendances.stream(reporter)
    await told(stream)
    attendances.close()
    with pytest.raises(EOFError):
        await told(stream)


async def test_many_watchers_are_one_computation_and_hold_no_connection(
    instance: Instance,
    inventory: InProcessInventory,
    gate: EntryDesk,
    building: Building,
    reporter: Principal,
    owner: asyncpg.Connection,
    clock: SetClock,
):
    database = Database(instance.ticketing_url, pool_size=1)
    desk = attendance_desk(database, clock, inventory)
    ticket = await make_ticket(owner, building.museum)
    streams = [await desk.stream(reporter) for _ in range(WATCHERS)]
    assert {(await told(stream)).admitted for stream in streams} == {0}
    with counted(database) as statements:
        await gate.scan(staff(building.museum), new_scan(ticket.code, building.museum.gate_id, clock))
        everybody = await asyncio.gather(*(told(stream) for stream in streams))
    assert {now.admitted for now in everybody} == {1}
    assert len([statement for statement in statements if "json_build_object" in statement]) == 1
    for stream in streams:
        await stream.aclose()
    await database.close()


async def test_too_many_streams_are_refused(
    attendances: AttendanceDesk, reporter: Principal, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(desk_module, "STREAMS_MAX", 1)
    stream = await attendances.stream(reporter)
    await told(stream)
    with pytest.raises(Unavailable):
        await attendances.stream(reporter)
    await stream.aclose()
    again = await attendances.stream(reporter)
    await told(again)
    await again.aclose()
    # Whoever leaves before the first event leaves a place too.
    unheard = await attendances.stream(reporter)
    del unheard
    last = await attendances.stream(reporter)
    await last.aclose()


async def test_one_establishment_does_not_take_all_streams(
    attendances: AttendanceDesk, reporter: Principal, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(desk_module, "STREAMS_OF_ONE_MAX", 2)
    asked = await asyncio.gather(*(attendances.stream(reporter) for _ in range(5)), return_exceptions=True)
    refused = [one for one in asked if isinstance(one, Unavailable)]
    assert len(refused) == 3
    for stream in asked:
        if not isinstance(stream, BaseException):
            await stream.aclose()


async def test_a_day_without_anything_is_all_zero(attendances: AttendanceDesk, building: Building, clock: SetClock):
    day = (clock.now() + timedelta(days=40)).date()
    now = (await attendances.attendance(staff(building.museum), day.isoformat())).attendance
    assert (now.date, now.expected, now.admitted, now.refused, now.inside, now.conflicts) == (day, 0, 0, 0, 0, 0)
    assert (now.per_slot, now.arrivals) == ([], [])
    assert {gate.gate_id for gate in now.per_gate} == {
        building.museum.gate_id,
        building.museum.second_gate_id,
        building.museum.far_gate_id,
    }
    for odd in ("2027-13-01", "today", "0001-01-01", ""):
        with pytest.raises(Invalid):
            await attendances.attendance(staff(building.museum), odd)


async def test_number_of_statements_does_not_grow_with_tickets(
    ticketing_database: Database,
    building: Building,
    reporter: Principal,
    owner: asyncpg.Connection,
    clock: SetClock,
    inventory: InProcessInventory,
):
    counts = []
    # A new connection asks for more, once.
    for number in (1, 1, 3):
        for _ in range(number):
            await make_ticket(owner, building.museum)
        desk = attendance_desk(ticketing_database, clock, inventory)
        with counted(ticketing_database) as statements:
            await desk.attendance(reporter)
        counts.append(len(statements))
    assert counts[1:] == [7, 7]
