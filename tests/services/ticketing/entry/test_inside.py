"""Gauges that count who is inside: full is full, staff may override with a reason, and undo makes room."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest_asyncio

from services.inventory.contract import FindGauges, Gauge
from services.inventory.in_process import InProcessInventory
from services.kit.database import Database
from services.ticketing.entry.desk import EntryDesk
from services.ticketing.entry.requests import NewUndo
from services.ticketing.entry.views import ScanAnswer
from tests.conftest import Instance
from tests.services.ticketing.entry.conftest import SetClock, new_scan, staff
from tests.services.ticketing.entry.crowd import admitted, make_tickets
from tests.services.ticketing.entry.test_uploads import upload
from tests.services.ticketing.rows import Museum, SoldTicket

INSERT_GAUGE = """
INSERT INTO inventory.shared_gauges (establishment_id, id, name, capacity, per)
VALUES ($1, $2, '{"fr": "Grotte"}', $3, $4)"""
PEOPLE = "SELECT coalesce(sum(inside), 0) FROM ticketing.occupancies WHERE gauge_id = $1"


@pytest_asyncio.fixture
async def gauge_id(owner: asyncpg.Connection, museum: Museum) -> UUID:
    """Three people at a time. A gauge of another kind and one of another establishment stand beside it."""
    gauge_id = uuid4()
    await owner.execute(INSERT_GAUGE, museum.establishment_id, gauge_id, 3, "inside")
    await owner.execute(INSERT_GAUGE, museum.establishment_id, uuid4(), 1, "day")
    await owner.execute(INSERT_GAUGE, uuid4(), uuid4(), 1, "inside")
    await owner.execute("UPDATE ticketing.offers SET gauge_ids = $2 WHERE id = $1", museum.offer_id, [gauge_id])
    return gauge_id


@pytest_asyncio.fixture
async def inventory(instance: Instance) -> AsyncIterator[InProcessInventory]:
    inventory = InProcessInventory(Database(instance.inventory_url))
    yield inventory
    await inventory.close()


@pytest_asyncio.fixture
async def desks(instance: Instance, inventory: InProcessInventory, clock: SetClock) -> AsyncIterator[list[EntryDesk]]:
    databases = [Database(instance.ticketing_url) for _ in range(2)]
    desks = [EntryDesk(database, clock, inventory) for database in databases]
    yield desks
    for desk, database in zip(desks, databases, strict=True):
        await desk.close()
        await database.close()


async def test_full_house_refuses_until_somebody_leaves(
    desks: list[EntryDesk], owner: asyncpg.Connection, museum: Museum, clock: SetClock, gauge_id: UUID
):
    *first, late = await make_tickets(owner, museum, 4)
    for ticket in first:
        assert await _passes(desks[0], museum, clock, ticket) == "admitted"
    assert await _passes(desks[0], museum, clock, late) == "full_inside"
    assert await _passes(desks[0], museum, clock, first[0], direction="out") == "admitted"
    # Going out twice makes no more room than going out once.
    assert await _passes(desks[0], museum, clock, first[0], direction="out") == "admitted"
    assert await owner.fetchval(PEOPLE, gauge_id) == 2
    assert await _passes(desks[0], museum, clock, late) == "admitted"
    assert await owner.fetchval(PEOPLE, gauge_id) == 3


async def test_staff_override_a_full_house_with_a_reason_that_is_kept(
    desks: list[EntryDesk], owner: asyncpg.Connection, museum: Museum, clock: SetClock, gauge_id: UUID
):
    *first, child = await make_tickets(owner, museum, 4)
    for ticket in first:
        await _passes(desks[0], museum, clock, ticket)
    assert await _passes(desks[0], museum, clock, child, override_reason=" ") == "full_inside"
    assert await _passes(desks[0], museum, clock, child, override_reason="Belongs to a family inside") == "admitted"
    kept = await owner.fetch("SELECT override_reason FROM ticketing.scans WHERE override_reason > ' '")
    assert [row[0] for row in kept] == ["Belongs to a family inside"]
    assert await owner.fetchval(PEOPLE, gauge_id) == 4


async def test_undo_and_upload_count_like_everything_else(
    desks: list[EntryDesk], owner: asyncpg.Connection, museum: Museum, clock: SetClock, gauge_id: UUID
):
    *first, late = await make_tickets(owner, museum, 4)
    scans = [admitted(ticket.code, museum.gate_id, clock.now()) for ticket in first]
    await desks[0].upload(staff(museum), upload(clock, scans))
    await desks[1].upload(staff(museum), upload(clock, scans))
    assert await owner.fetchval(PEOPLE, gauge_id) == 3
    assert await _passes(desks[0], museum, clock, late) == "full_inside"
    undo = NewUndo(id=uuid4(), reason="Wrong button", undone_at=clock.now())
    for _ in range(2):
        await desks[0].undo(staff(museum), scans[1].id, undo)
    assert await owner.fetchval(PEOPLE, gauge_id) == 2
    assert await _passes(desks[0], museum, clock, late) == "admitted"


async def test_the_next_morning_begins_with_an_empty_house(
    desks: list[EntryDesk], owner: asyncpg.Connection, museum: Museum, clock: SetClock, gauge_id: UUID
):
    *first, late = await make_tickets(owner, museum, 4)
    await owner.execute("UPDATE ticketing.tickets SET valid_until = now() + interval '3 days'")
    for ticket in first:
        await _passes(desks[0], museum, clock, ticket)
    clock.advance(timedelta(days=1))
    assert await _passes(desks[0], museum, clock, late) == "admitted"
    counted = await owner.fetch("SELECT inside FROM ticketing.occupancies WHERE gauge_id = $1 ORDER BY day", gauge_id)
    assert [row[0] for row in counted] == [3, 1]


async def test_who_never_scanned_out_takes_room_again_the_next_morning(
    desks: list[EntryDesk], owner: asyncpg.Connection, museum: Museum, clock: SetClock, gauge_id: UUID
):
    *first, left_inside = await make_tickets(owner, museum, 4)
    await owner.execute("UPDATE ticketing.tickets SET valid_until = now() + interval '3 days'")
    entry = '{"entries": null, "re_entry": true, "rebook_late": false, "gate_ids": []}'
    await owner.execute("UPDATE ticketing.offers SET entry = $1::jsonb", entry)
    assert await _passes(desks[0], museum, clock, left_inside) == "admitted"
    clock.advance(timedelta(days=1))
    for ticket in first:
        assert await _passes(desks[0], museum, clock, ticket) == "admitted"
    assert await _passes(desks[0], museum, clock, left_inside) == "full_inside"
    clock.advance(timedelta(minutes=6))
    # Whoever is counted already today takes no more room.
    assert await _passes(desks[0], museum, clock, first[0]) == "admitted"
    assert await owner.fetchval(f"{PEOPLE} GROUP BY day ORDER BY day DESC LIMIT 1", gauge_id) == 3


async def test_gauge_that_an_offer_got_meanwhile_never_counts_below_nobody(
    desks: list[EntryDesk], owner: asyncpg.Connection, museum: Museum, clock: SetClock, gauge_id: UUID
):
    *first, late = await make_tickets(owner, museum, 3)
    await owner.execute("UPDATE ticketing.offers SET gauge_ids = '{}'")
    for ticket in first:
        await _passes(desks[0], museum, clock, ticket)
    await owner.execute("UPDATE ticketing.offers SET gauge_ids = $1", [gauge_id])
    for ticket in first:
        assert await _passes(desks[0], museum, clock, ticket, direction="out") == "admitted"
    assert await owner.fetchval(PEOPLE, gauge_id) == 0
    assert await _passes(desks[0], museum, clock, late) == "admitted"
    assert await owner.fetchval(PEOPLE, gauge_id) == 1


async def test_two_processes_let_no_more_in_than_there_is_room_for(
    desks: list[EntryDesk], owner: asyncpg.Connection, museum: Museum, clock: SetClock, gauge_id: UUID
):
    tickets = await make_tickets(owner, museum, 60)
    outcomes = await asyncio.gather(
        *[_passes(desks[index % 2], museum, clock, ticket) for index, ticket in enumerate(tickets)]
    )
    assert (outcomes.count("admitted"), outcomes.count("full_inside")) == (3, 57)
    assert await owner.fetchval(PEOPLE, gauge_id) == 3


async def test_find_gauges_tells_those_of_the_establishment(
    inventory: InProcessInventory, museum: Museum, gauge_id: UUID
):
    found = await inventory.find_gauges(FindGauges(museum.establishment_id))
    assert [(gauge.capacity, gauge.per) for gauge in sorted(found, key=lambda gauge: gauge.capacity)] == [
        (1, "day"),
        (3, "inside"),
    ]
    assert Gauge(id=gauge_id, name={"fr": "Grotte"}, capacity=3, per="inside") in found


async def _passes(desk: EntryDesk, museum: Museum, clock: SetClock, ticket: SoldTicket, **how: str) -> str:
    scan = new_scan(ticket.short_code, museum.gate_id, clock, **how)
    answer = msgspec.json.decode(await desk.scan(staff(museum), scan), type=ScanAnswer)
    return answer.reason or answer.outcome
