"""Late visitors of an offer that lets them in with the slot of the moment, and processes that die on the way."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest
import pytest_asyncio

from parvis.verify import verify
from services.inventory.contract import PlaceHold, PlaceLine, SlotClosed
from services.inventory.in_process import InProcessInventory
from services.kit.database import Database
from services.kit.principal import Principal
from services.ticketing.entry.actions import record_late_visitor
from services.ticketing.entry.book import Book
from services.ticketing.entry.desk import EntryDesk
from services.ticketing.entry.locked import Bearings
from services.ticketing.entry.rebooking import actions
from services.ticketing.entry.rebooking.places import return_now, take_place
from services.ticketing.entry.rebooking.rules import Late, TakenPlace
from services.ticketing.entry.requests import AskedScan, NewScan, NewUndo, ReadCode
from services.ticketing.entry.views import ScanAnswer
from services.ticketing.tickets.queries import Ticket
from tests.conftest import Instance
from tests.crashes.stack import Fate, MortalDatabase, MortalInventory, ProcessDied
from tests.services.ticketing.entry.conftest import SetClock
from tests.services.ticketing.rows import ledger
from tests.services.ticketing.shop import Shop

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) + timedelta(days=3)
REBOOKS = """UPDATE ticketing.offers SET entry = '{"rebook_late": true}' WHERE establishment_id = $1"""
PLACE_OF_TICKET = "SELECT slot_id, hold_id, number, revision, valid_until FROM ticketing.tickets WHERE id = $1"
LATER = """UPDATE inventory.holds SET sold_at = sold_at - interval '1 hour' WHERE establishment_id = $1"""
STEPS = 10


class Gate:
    """At noon, in three days. The visit of ten is over, that of half past eleven is under way."""

    def __init__(self, shop: Shop, instance: Instance, early: UUID, now: UUID) -> None:
        self.shop, self.instance = shop, instance
        self.early, self.now = early, now
        self.clock = SetClock()
        self.clock.moment = NOON
        self.staff = Principal(
            actor="device:test", establishment_id=shop.tenant, scopes=frozenset({"entry:scan"}), gate_ids=None
        )

    def desk(self, database: Database | None = None) -> EntryDesk:
        return EntryDesk(database or self.shop.database, self.clock, self.shop.inventory)

    async def late(self, quantity: int = 1) -> list[Ticket]:
        return (await self.shop.buy((self.early, self.shop.free_id, quantity))).tickets

    def scan(self, ticket: Ticket, **changes: object) -> NewScan:
        usual = {"id": uuid4(), "code": ticket.short_code, "gate_id": self.shop.gate_id, "scanned_at": NOON}
        return NewScan(**usual | changes)

    async def shown(self, ticket: Ticket, **changes: object) -> ScanAnswer:
        desk = self.desk()
        answer = await desk.scan(self.staff, self.scan(ticket, **changes))
        await desk.close()
        return msgspec.json.decode(answer, type=ScanAnswer)

    async def sold(self) -> tuple[int, int]:
        """On the slot that is over, and on the one under way."""
        return (await self.shop.taken(self.early))[1], (await self.shop.taken(self.now))[1]

    async def faults(self) -> list[str]:
        return await verify(self.instance.settings(valkey_url=""))


async def slot_at(shop: Shop, starts_at: datetime, capacity: int = 30) -> UUID:
    return await shop.slot(capacity, starts_in=starts_at - datetime.now(UTC))


@pytest_asyncio.fixture
async def gate(shop: Shop, instance: Instance, owner: asyncpg.Connection) -> Gate:
    await owner.execute(REBOOKS, shop.tenant)
    early, now = await slot_at(shop, NOON - 2 * HOUR), await slot_at(shop, NOON - HOUR / 2)
    # Open too, but not begun.
    await slot_at(shop, NOON + HOUR / 4)
    return Gate(shop, instance, early, now)


async def test_late_visitor_moves_to_the_slot_under_way(gate: Gate, owner: asyncpg.Connection):
    first, second = await gate.late(2)
    scan, desk = gate.scan(first), gate.desk()
    body = await desk.scan(gate.staff, scan)
    answer = msgspec.json.decode(body, type=ScanAnswer)
    assert (answer.outcome, answer.ticket.slot.id, answer.ticket.number) == ("admitted", gate.now, first.number)
    assert answer.rebooked_from.slot_id == gate.early
    assert answer.rebooked_from.starts_at == first.starts_at
    assert (answer.ticket.group.size, answer.ticket.group.admitted) == (1, 1)
    moved = await owner.fetchrow(PLACE_OF_TICKET, first.id)
    assert (moved["slot_id"], moved["number"], moved["revision"]) == (gate.now, first.number, 0)
    assert moved["valid_until"] == answer.ticket.valid_until
    assert await gate.sold() == (1, 1)
    assert await gate.shop.events("ticket") == ["ticket.rebooked", "ticket.admitted"]
    # A phone that did not get the answer asks again, with the same id; and anybody asks again with another one.
    assert await desk.scan(gate.staff, scan) == body
    again = await gate.shown(first)
    assert (again.reason, again.rebooked_from) == ("already_admitted", None)
    assert await owner.fetchval("SELECT slot_id FROM ticketing.tickets WHERE id = $1", second.id) == gate.early
    assert await gate.faults() == []
    await desk.close()


async def test_undone_admission_leaves_the_visitor_in_the_new_slot(gate: Gate):
    [ticket] = await gate.late()
    answer = await gate.shown(ticket)
    desk = gate.desk()
    await desk.undo(gate.staff, answer.id, NewUndo(id=uuid4(), reason="Wrong person", undone_at=NOON))
    await desk.close()
    again = await gate.shown(ticket)
    assert (again.outcome, again.rebooked_from, again.ticket.slot.id) == ("admitted", None, gate.now)
    assert await gate.sold() == (0, 1)


@pytest.mark.parametrize("why", ["full", "closed", "not allowed", "another day", "offline", "used"])
async def test_too_late_it_stays(gate: Gate, owner: asyncpg.Connection, why: str):
    [ticket] = await gate.late()
    expected, changes = "too_late", dict[str, object]()
    if why == "full":
        await owner.execute("UPDATE inventory.gauges SET capacity = sold WHERE id <> $1", gate.early)
    elif why == "closed":
        await owner.execute("UPDATE inventory.gauges SET closed = true WHERE id <> $1", gate.early)
    elif why == "not allowed":
        await owner.execute("UPDATE ticketing.offers SET entry = '{}'")
    elif why == "another day":
        gate.clock.advance(timedelta(days=1))
        await slot_at(gate.shop, NOON + timedelta(days=1))
        changes = {"scanned_at": gate.clock.now()}
    elif why == "offline":
        changes = {"offline": True}
    else:
        await owner.execute("UPDATE ticketing.tickets SET entries = 1, admitted_at = now() WHERE id = $1", ticket.id)
        expected = "already_admitted"
    answer = await gate.shown(ticket, **changes)
    assert (answer.outcome, answer.reason, answer.rebooked_from) == ("refused", expected, None)
    assert await owner.fetchval("SELECT slot_id FROM ticketing.tickets") == gate.early
    assert await gate.sold() == (1, 0)
    assert await owner.fetchval("SELECT count(*) FROM ticketing.scans") == 1


async def test_staff_who_let_a_late_visitor_in_move_nobody(gate: Gate):
    [ticket] = await gate.late()
    answer = await gate.shown(ticket, override_reason="Train was late")
    assert (answer.outcome, answer.rebooked_from, answer.ticket.slot.id) == ("admitted", None, gate.early)


async def test_full_slot_under_way_leaves_the_next_one(gate: Gate, owner: asyncpg.Connection):
    [ticket] = await gate.late()
    await owner.execute("UPDATE inventory.gauges SET capacity = 0 WHERE id = $1", gate.now)
    answer = await gate.shown(ticket)
    assert (answer.outcome, answer.ticket.slot.starts_at > NOON) == ("admitted", True)


async def test_nobody_moves_into_a_building_that_is_full(gate: Gate, owner: asyncpg.Connection):
    gauge_id = uuid4()
    await owner.execute(
        """INSERT INTO inventory.shared_gauges (establishment_id, id, name, capacity, per)
           VALUES ($1, $2, '{"fr": "Grotte"}', 1, 'inside')""",
        gate.shop.tenant,
        gauge_id,
    )
    await owner.execute("UPDATE ticketing.offers SET gauge_ids = $1", [gauge_id])
    first, second = await gate.late(2)
    assert (await gate.shown(first)).outcome == "admitted"
    assert await owner.fetchval("SELECT inside FROM ticketing.occupancies WHERE gauge_id = $1", gauge_id) == 1
    assert (await gate.shown(second)).reason == "too_late"
    assert await gate.sold() == (1, 1)
    assert (await gate.shown(first, direction="out")).outcome == "admitted"
    assert (await gate.shown(second)).outcome == "admitted"
    assert await gate.sold() == (0, 2)


async def test_slot_that_has_begun_is_sold_to_who_stands_at_the_gate_alone(shop: Shop):
    begun, closed = await slot_at(shop, datetime.now(UTC) - MINUTE), await slot_at(shop, datetime.now(UTC) - MINUTE)
    await shop.close_slots(closed)
    await shop.owner.execute("UPDATE inventory.gauges SET closed = true WHERE id = $1", closed)

    async def place(slot_id: UUID, *, at_the_gate: bool) -> str:
        request = PlaceHold(shop.tenant, uuid4(), uuid4(), [PlaceLine(slot_id, 1)], None, at_the_gate=at_the_gate)
        return (await shop.inventory.place_hold(request)).state

    assert await place(begun, at_the_gate=True) == "sold"
    for slot_id, at_the_gate in ((begun, False), (closed, True)):
        with pytest.raises(SlotClosed):
            await place(slot_id, at_the_gate=at_the_gate)


@pytest_asyncio.fixture
async def two_processes(gate: Gate, instance: Instance) -> AsyncIterator[list[EntryDesk]]:
    databases = [Database(instance.ticketing_url) for _ in range(2)]
    desks = [gate.desk(database) for database in databases]
    yield desks
    for desk, database in zip(desks, databases, strict=True):
        await desk.close()
        await database.close()


async def test_many_late_visitors_at_two_processes_at_once(
    gate: Gate, two_processes: list[EntryDesk], owner: asyncpg.Connection
):
    """Each ticket at two scanners, and each of their scans twice; fewer places than visitors."""
    await owner.execute("UPDATE inventory.gauges SET capacity = 6 WHERE id <> $1", gate.early)
    tickets = await gate.late(20)
    scans = [gate.scan(ticket) for ticket in tickets for _ in range(2)]
    bodies = await asyncio.gather(*(desk.scan(gate.staff, scan) for scan in scans for desk in two_processes))
    answers = [msgspec.json.decode(body, type=ScanAnswer) for body in bodies]
    assert [answers[at] for at in range(0, len(answers), 2)] == [answers[at] for at in range(1, len(answers), 2)]
    admitted = {answer.ticket.id for answer in answers if answer.outcome == "admitted"}
    assert {answer.reason for answer in answers} <= {None, "too_late", "already_admitted"}
    assert len([answer for answer in answers if answer.outcome == "admitted"]) == 2 * len(admitted)
    # A place that a slower scanner took in vain may have been the last one: then somebody waits for the next scan.
    for ticket in tickets:
        if ticket.id not in admitted and (await gate.shown(ticket)).outcome == "admitted":
            admitted.add(ticket.id)
    assert len(admitted) == 12
    assert await _moves(gate) == sorted(map(str, admitted))
    assert await gate.sold() == (8, 6)
    assert await gate.faults() == []


async def test_second_scanner_gives_the_place_back_that_it_took(gate: Gate):
    [ticket] = await gate.late()
    first, second = await _both_move(gate, ticket)
    assert (first.outcome, second.reason, second.rebooked_from) == ("admitted", "already_admitted", None)
    assert await _moves(gate) == [str(ticket.id)]
    assert await gate.sold() == (0, 1)
    assert await gate.faults() == []


async def test_check_notices_a_second_scanner_that_does_not_look_again(gate: Gate, monkeypatch: pytest.MonkeyPatch):
    """Negative control of the above: both had found it late."""
    monkeypatch.setattr(Book, "_can_move", lambda *_: True)
    [ticket] = await gate.late()
    await _both_move(gate, ticket)
    assert await _moves(gate) == [str(ticket.id)] * 2


async def _both_move(gate: Gate, ticket: Ticket) -> list[ScanAnswer]:
    """Two scanners that have found the ticket late, and took a place for it, before either moves it."""
    shop, answers, ready = gate.shop, list[ScanAnswer](), list[tuple[AskedScan, TakenPlace]]()
    for _ in range(2):
        scan = gate.scan(ticket)
        code = ReadCode(short_code=scan.code)
        late = Late(ticket.id, ticket.order_id, shop.offer_id, gate.early, NOON.date(), NOON)
        place = await take_place(shop.inventory, shop.tenant, scan.id, late)
        assert place
        ready.append((AskedScan(scan=scan, code=code, actor="device:1", device_gate_ids=None, at=NOON), place))
    assert await gate.sold() == (1, 2)
    for asked, place in ready:
        done = await shop.database.write(
            shop.tenant,
            partial(record_late_visitor, establishment_id=shop.tenant, asked=asked, bearings=Bearings(), place=place),
        )
        await return_now(shop.database, shop.inventory, shop.tenant, done.returned)
        answers.append(msgspec.json.decode(done.answer, type=ScanAnswer))
    return answers


async def test_process_that_dies_on_the_way_is_finished_by_another(gate: Gate, owner: asyncpg.Connection):
    for step in range(STEPS):
        [ticket] = await gate.late()
        scan = gate.scan(ticket)
        assert await _dies(gate, scan, step), step
        answer = await gate.shown(ticket, id=scan.id)
        assert (answer.outcome, answer.rebooked_from.slot_id) == ("admitted", gate.early), step
        await gate.shop.jobs.run_once()
        assert await gate.sold() == (0, step + 1), step
    assert not await _dies(gate, gate.scan((await gate.late())[0]), STEPS)
    await _reconcile(gate, owner)
    assert await gate.sold() == (0, STEPS + 1)
    assert len(await _moves(gate)) == STEPS + 1
    assert await gate.faults() == []


async def test_never_repeated_it_leaves_no_place_taken(gate: Gate, owner: asyncpg.Connection):
    for step in range(STEPS):
        assert await _dies(gate, gate.scan((await gate.late())[0]), step), step
    await _reconcile(gate, owner)
    admitted = await owner.fetchval("SELECT count(*) FROM ticketing.tickets WHERE admitted_at IS NOT NULL")
    # Its transaction is the fifth step and the sixth: before that nothing happened, after it all did.
    assert admitted == 5
    assert await gate.sold() == (STEPS - admitted, admitted)
    assert await gate.faults() == []


async def test_scan_that_comes_after_the_reconciler_is_too_late_and_the_next_one_is_not(
    gate: Gate, owner: asyncpg.Connection
):
    [ticket] = await gate.late()
    await owner.execute("UPDATE inventory.gauges SET capacity = 0 WHERE id NOT IN ($1, $2)", gate.early, gate.now)
    scan = gate.scan(ticket)
    assert await _dies(gate, scan, 3)
    await _reconcile(gate, owner)
    assert await gate.sold() == (1, 0)
    assert (await gate.shown(ticket, id=scan.id)).reason == "too_late"
    assert (await gate.shown(ticket)).outcome == "admitted"
    assert await gate.sold() == (0, 1)
    assert await gate.faults() == []


async def test_check_notices_a_place_that_is_not_settled(
    gate: Gate, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
):
    """Negative control: the reconciler gives the place of somebody who is inside away again."""

    async def forgotten(*_: object) -> None: ...

    monkeypatch.setattr(actions, "settle", forgotten)
    assert (await gate.shown((await gate.late())[0])).outcome == "admitted"
    await _reconcile(gate, owner)
    assert await gate.sold() == (0, 0)
    [fault] = await gate.faults()
    assert "have no sold place" in fault


async def _dies(gate: Gate, scan: NewScan, step: int) -> bool:
    """Whether the scan got as far as the step at which its process was to die."""
    fate = Fate(dies_at=step)
    inventory = InProcessInventory(Database(gate.instance.inventory_url, pool_size=2))
    database = MortalDatabase(gate.instance.ticketing_url, fate)
    desk = EntryDesk(database, gate.clock, MortalInventory(inventory, fate))
    try:
        await desk.scan(gate.staff, scan)
    except ProcessDied:
        return True
    finally:
        await desk.close()
        await inventory.close()
        await database.close()
    return False


async def _reconcile(gate: Gate, owner: asyncpg.Connection) -> None:
    await owner.execute(LATER, gate.shop.tenant)
    await gate.shop.jobs.run_once()
    await gate.shop.jobs.reconcile()


async def _moves(gate: Gate) -> list[str]:
    """The tickets that were moved, as the event log has it."""
    events = await ledger(gate.shop.owner, gate.shop.tenant)
    return sorted(event.subject.removeprefix("ticket:") for event in events if event.type == "ticket.rebooked")
