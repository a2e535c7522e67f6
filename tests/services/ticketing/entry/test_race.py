"""Two processes, many gates, one ticket: admitted once, and a check that would notice if it were not."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Iterable, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg
import msgspec
import pytest_asyncio
import sqlalchemy as sa
from prometheus_client import REGISTRY

from services.kit.database import Database
from services.kit.event_chain import broken_links
from services.ticketing.entry.actions import record_scans
from services.ticketing.entry.desk import EntryDesk
from services.ticketing.entry.locked import Bearings
from services.ticketing.entry.locking.actions import LOCK_TICKETS
from services.ticketing.entry.requests import Asked, AskedScan
from services.ticketing.entry.views import ScanAnswer
from tests.conftest import Instance
from tests.services.ticketing.entry.conftest import SetClock, new_scan, staff
from tests.services.ticketing.entry.crowd import make_tickets
from tests.services.ticketing.rows import Museum, ledger, make_ticket

TICKETS, AT_ONCE = 200, 100
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


class UnguardedDesk(EntryDesk):
    """Looks at tickets without locking them."""

    async def _record_once(self, establishment_id: UUID, asked: Sequence[AskedScan]) -> Sequence[bytes | Exception]:
        lock = LOCK_TICKETS.replace("FOR UPDATE OF tickets", "")
        assert lock != LOCK_TICKETS
        return await self._database.write(
            establishment_id,
            lambda session: record_scans(session, establishment_id, Asked(list(asked)), Bearings(), lock=lock),
        )


@pytest_asyncio.fixture
async def databases(instance: Instance) -> AsyncIterator[list[Database]]:
    databases = [Database(instance.ticketing_url) for _ in range(2)]
    yield databases
    for database in databases:
        await database.close()


async def test_tickets_at_fifty_gates_at_once_are_admitted_once_each(
    databases: list[Database], owner: asyncpg.Connection, museum: Museum, clock: SetClock
):
    """`python -m bench gate` does the same with a thousand, over HTTP."""
    deadlocks = _deadlocks()
    desks = [EntryDesk(database, clock) for database in databases]
    answers = []
    crowd = await make_tickets(owner, museum, TICKETS)
    for start in range(0, TICKETS, AT_ONCE):
        tickets = crowd[start : start + AT_ONCE]
        # By short code: ten thousand signatures would be most of the time that it takes.
        scans = [
            desks[gate % 2].scan(
                staff(museum, actor=f"device:{gate}"),
                new_scan(ticket.short_code, (museum.gate_id, museum.second_gate_id)[gate % 2], clock),
            )
            for gate in range(50)
            for ticket in (tickets if gate % 3 else reversed(tickets))
        ]
        answers += await _answers(scans)
    assert len(answers) == TICKETS * 50
    assert await _faults(owner, museum, answers) == []
    assert _deadlocks() == deadlocks
    for desk in desks:
        await desk.close()


async def test_two_processes_that_meet_at_the_lock_admit_once(
    databases: list[Database], owner: asyncpg.Connection, museum: Museum, clock: SetClock
):
    answers = await _meeting(owner, museum, [EntryDesk(database, clock) for database in databases])
    assert sorted(answer.outcome for answer in answers) == ["admitted", "refused"]
    assert await _faults(owner, museum, answers) == []


async def test_check_notices_desks_that_do_not_lock(
    databases: list[Database], owner: asyncpg.Connection, museum: Museum, clock: SetClock
):
    answers = await _meeting(owner, museum, [UnguardedDesk(database, clock) for database in databases])
    assert [answer.outcome for answer in answers] == ["admitted", "admitted"]
    ticket_id = str(answers[0].ticket.id)
    assert await _faults(owner, museum, answers) == [
        f"answers admit {ticket_id} 2 times",
        f"scans admit {ticket_id} 2 times",
        f"events admit {ticket_id} 2 times",
    ]


async def test_one_scan_sent_to_two_processes_gets_one_answer(
    databases: list[Database], owner: asyncpg.Connection, museum: Museum, clock: SetClock
):
    ticket = await make_ticket(owner, museum)
    scan = new_scan(ticket.code, museum.gate_id, clock)
    desks = [EntryDesk(database, clock) for database in databases]
    async with _head_held(owner, museum):
        sent = [asyncio.create_task(desk.scan(staff(museum), scan)) for desk in desks]
        await _until_waiting(owner, 2)
    first, second = await asyncio.gather(*sent)
    assert first == second
    assert await _faults(owner, museum, [msgspec.json.decode(first, type=ScanAnswer)]) == []


async def test_scan_that_waited_sees_what_happened_to_the_ticket_meanwhile(
    databases: list[Database], owner: asyncpg.Connection, museum: Museum, clock: SetClock
):
    ticket, exchanged = await make_ticket(owner, museum), await make_ticket(owner, museum)
    desks = [EntryDesk(database, clock) for database in databases]
    async with _head_held(owner, museum):
        sent = [
            asyncio.create_task(desk.scan(staff(museum), new_scan(one.code, museum.gate_id, clock)))
            for desk, one in zip(desks, (ticket, exchanged), strict=True)
        ]
        await _until_waiting(owner, 2)
        await owner.execute("UPDATE ticketing.tickets SET status = 'cancelled' WHERE id = $1", ticket.id)
        await owner.execute("UPDATE ticketing.tickets SET revision = 1 WHERE id = $1", exchanged.id)
    assert [(answer.reason, answer.ticket.status) for answer in await _answers(sent)] == [
        ("cancelled", "cancelled"),
        ("cancelled", "valid"),
    ]


async def test_batch_costs_the_same_two_statements_whatever_its_size(
    ticketing_database: Database, owner: asyncpg.Connection, museum: Museum, clock: SetClock
):
    statements: list[str] = []

    @sa.event.listens_for(ticketing_database._engine.sync_engine, "connect")
    def watch(connection: object, _: object) -> None:
        connection.driver_connection.add_query_logger(lambda record: statements.append(record.query.split()[0]))

    desk = EntryDesk(ticketing_database, clock)
    # A new connection asks a few things of its own, once.
    await desk.scan(staff(museum), new_scan("", museum.gate_id, clock))
    for size in (1, 40):
        tickets = [await make_ticket(owner, museum) for _ in range(size)]
        # By short code, so that no signing key is looked up.
        scans = [new_scan(ticket.short_code, museum.gate_id, clock) for ticket in tickets]
        statements.clear()
        assert {answer.outcome for answer in await _answers(desk.scan(staff(museum), scan) for scan in scans)} == {
            "admitted"
        }
        assert statements == ["BEGIN;", "WITH", "WITH", "COMMIT"]
    await desk.close()


async def _meeting(owner: asyncpg.Connection, museum: Museum, desks: list[EntryDesk]) -> list[ScanAnswer]:
    """One ticket at two desks, both of which have asked for it before either may write."""
    ticket = await make_ticket(owner, museum)
    clock = SetClock()
    async with _head_held(owner, museum):
        sent = [
            asyncio.create_task(desk.scan(staff(museum), new_scan(ticket.code, museum.gate_id, clock)))
            for desk in desks
        ]
        await _until_waiting(owner, len(desks))
    return await _answers(sent)


@asynccontextmanager
async def _head_held(owner: asyncpg.Connection, museum: Museum) -> AsyncIterator[None]:
    async with owner.transaction():
        await owner.execute(
            "SELECT FROM ticketing.ledger_heads WHERE establishment_id = $1 FOR UPDATE", museum.establishment_id
        )
        yield


async def _until_waiting(owner: asyncpg.Connection, connections: int) -> None:
    async with asyncio.timeout(3):
        while await owner.fetchval(WAITING) < connections:
            # Within one transaction the statistics stand still until they are dropped.
            await owner.execute("SELECT pg_stat_clear_snapshot()")
            await asyncio.sleep(0.01)


async def _answers(scans: Iterable[Awaitable[bytes]]) -> list[ScanAnswer]:
    return [msgspec.json.decode(body, type=ScanAnswer) for body in await asyncio.gather(*scans)]


async def _faults(owner: asyncpg.Connection, museum: Museum, answers: Sequence[ScanAnswer]) -> list[str]:
    """What contradicts `admitted exactly once`, in the answers, in the scans and in the event log."""
    events = await ledger(owner, museum.establishment_id)
    rows = await owner.fetch("SELECT ticket_id FROM ticketing.scans WHERE outcome = 'admitted' AND direction = 'in'")
    told = {
        "answers": [str(answer.ticket.id) for answer in answers if answer.outcome == "admitted"],
        "scans": [str(row["ticket_id"]) for row in rows],
        "events": [event.subject.removeprefix("ticket:") for event in events if event.type == "ticket.admitted"],
    }
    faults = []
    for source, admitted in told.items():
        times = Counter(admitted)
        faults += [
            f"{source} admit {ticket_id} {times[ticket_id]} times"
            for ticket_id in sorted({str(answer.ticket.id) for answer in answers})
            if times[ticket_id] != 1
        ]
    places = {
        row["id"]: (row["admitted_at"], row["admitted_gate_id"])
        for row in await owner.fetch("SELECT id, admitted_at, admitted_gate_id FROM ticketing.tickets")
    }
    for answer in answers:
        if answer.reason is not None and (answer.earlier.at, answer.earlier.gate_id) != places[answer.ticket.id]:
            faults.append(f"scan {answer.id} is told the wrong time or gate")
    return faults + broken_links(events)


def _deadlocks() -> float:
    return REGISTRY.get_sample_value("parvis_transaction_retries_total", {"sqlstate": "40P01"}) or 0
