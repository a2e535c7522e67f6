"""One scan after the other: what the gate answers, and what stays in the books."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import asyncpg
import msgspec
import pytest

from services.kit.clock import SystemClock
from services.kit.database import Database
from services.kit.errors import Conflict, Invalid, Unavailable
from services.kit.event_chain import broken_links
from services.kit.principal import Principal
from services.ticketing.entry.desk import EntryDesk
from services.ticketing.entry.requests import NewScan
from services.ticketing.entry.views import ScanAnswer
from services.ticketing.tickets.code import grouped, new_short_code, new_signing_key
from tests.services.ticketing.entry.conftest import SetClock, new_scan, staff
from tests.services.ticketing.rows import Museum, add_key, ledger, make_museum, make_ticket, signed_code

MINUTE = timedelta(minutes=1)


async def outcome(desk: EntryDesk, museum: Museum, scan: NewScan, principal: Principal | None = None) -> str:
    answer = msgspec.json.decode(await desk.scan(principal or staff(museum), scan), type=ScanAnswer)
    return answer.reason or answer.outcome


async def test_scan_admits_and_says_what_staff_must_see(
    desk: EntryDesk, owner: asyncpg.Connection, museum: Museum, clock: SetClock
):
    ticket = await make_ticket(owner, museum)
    scan = new_scan(ticket.code, museum.gate_id, clock)
    answer = msgspec.json.decode(await desk.scan(staff(museum, museum.gate_id), scan))
    moment = msgspec.to_builtins(clock.now())
    starts_at = msgspec.to_builtins(ticket.valid_from + 30 * MINUTE)
    valid_from, valid_until = (msgspec.to_builtins(at) for at in (ticket.valid_from, ticket.valid_until))
    assert answer == {
        "id": str(scan.id),
        "outcome": "admitted",
        "reason": None,
        "ticket": {
            "id": str(ticket.id),
            "number": ticket.number,
            "short_code": grouped(ticket.short_code),
            "status": "valid",
            "slot": {"id": str(ticket.slot_id), "starts_at": starts_at, "ends_at": valid_until},
            "tariff": {"id": str(museum.tariff_id), "name": {"fr": "Étudiant"}, "proof": {"fr": "Carte d’étudiant"}},
            "valid_from": valid_from,
            "valid_until": valid_until,
            "admitted_at": moment,
            "admitted_gate_id": str(museum.gate_id),
            "offer": {"id": str(museum.offer_id), "name": {"fr": "Visite"}, "language": None},
            "entries": 1,
            "inside": True,
            "group": {"size": 1, "admitted": 1},
        },
        "earlier": None,
    }
    row = await owner.fetchrow("SELECT admitted_at, admitted_gate_id FROM ticketing.tickets WHERE id = $1", ticket.id)
    assert tuple(row) == (clock.now(), museum.gate_id)


async def test_scan_enters_admissions_in_the_ledger_and_refusals_only_in_scans(
    desk: EntryDesk, owner: asyncpg.Connection, museum: Museum, clock: SetClock
):
    ticket = await make_ticket(owner, museum)
    first, second = (new_scan(ticket.code, museum.gate_id, clock) for _ in range(2))
    for scan in (first, second):
        await desk.scan(staff(museum), scan)
    events = await ledger(owner, museum.establishment_id)
    assert [(event.type, event.subject) for event in events] == [("ticket.admitted", f"ticket:{ticket.id}")]
    assert msgspec.json.decode(events[0].payload) == {
        "number": ticket.number,
        "scan_id": str(first.id),
        "gate_id": str(museum.gate_id),
        "slot_id": str(ticket.slot_id),
        "tariff_id": str(museum.tariff_id),
        "admitted_at": msgspec.to_builtins(clock.now()),
    }
    assert broken_links(events) == []
    rows = await owner.fetch(
        "SELECT id, ticket_id, actor, outcome, reason, earlier_gate_id FROM ticketing.scans ORDER BY recorded_at"
    )
    assert [tuple(row) for row in rows] == [
        (first.id, ticket.id, "device:test", "admitted", None, None),
        (second.id, ticket.id, "device:test", "refused", "already_admitted", museum.gate_id),
    ]


async def test_second_scan_is_told_when_and_where_the_first_was(
    desk: EntryDesk, owner: asyncpg.Connection, museum: Museum, clock: SetClock
):
    ticket = await make_ticket(owner, museum)
    await desk.scan(staff(museum), new_scan(ticket.code, museum.gate_id, clock))
    admitted_at = clock.now()
    clock.advance(2 * MINUTE)
    second = new_scan(ticket.code, museum.second_gate_id, clock)
    answer = msgspec.json.decode(await desk.scan(staff(museum), second), type=ScanAnswer)
    assert (answer.outcome, answer.reason) == ("refused", "already_admitted")
    assert (answer.earlier.at, answer.earlier.gate_id) == (admitted_at, museum.gate_id)
    assert (answer.ticket.admitted_at, answer.ticket.admitted_gate_id) == (admitted_at, museum.gate_id)


async def test_repeated_scan_gets_its_first_answer_to_the_byte(
    desk: EntryDesk, owner: asyncpg.Connection, museum: Museum, clock: SetClock
):
    ticket = await make_ticket(owner, museum)
    scan = new_scan(ticket.code, museum.gate_id, clock)
    early = new_scan((await make_ticket(owner, museum, starts_in=60 * MINUTE)).code, museum.gate_id, clock)
    first = [await desk.scan(staff(museum), one) for one in (scan, early)]
    await owner.execute("UPDATE ticketing.tickets SET status = 'cancelled', revision = 5")
    clock.advance(60 * MINUTE)
    late = msgspec.structs.replace(scan, scanned_at=clock.now(), offline=True)
    assert [await desk.scan(staff(museum, actor="device:other"), one) for one in (scan, early)] == first
    assert await desk.scan(staff(museum), late) == first[0]
    assert await owner.fetchval("SELECT count(*) FROM ticketing.scans") == 2


async def test_scan_id_used_for_another_scan_is_a_conflict(
    desk: EntryDesk, owner: asyncpg.Connection, museum: Museum, clock: SetClock
):
    tickets = [await make_ticket(owner, museum) for _ in range(2)]
    scan = new_scan(tickets[0].code, museum.gate_id, clock)
    await desk.scan(staff(museum), scan)
    for change in ({"code": tickets[1].code}, {"gate_id": museum.second_gate_id}, {"direction": "out"}):
        with pytest.raises(Conflict):
            await desk.scan(staff(museum), msgspec.structs.replace(scan, **change))
    assert await owner.fetchval("SELECT count(*) FROM ticketing.tickets WHERE admitted_at IS NOT NULL") == 1


async def test_scan_by_short_code_as_people_type_it(
    desk: EntryDesk, owner: asyncpg.Connection, museum: Museum, clock: SetClock
):
    for typed in (str, str.lower, grouped, lambda code: f" {code[:5]} {code[5:]}\r\n"):
        ticket = await make_ticket(owner, museum, revision=3)
        scan = new_scan(typed(ticket.short_code), museum.gate_id, clock)
        assert await outcome(desk, museum, scan) == "admitted"


async def test_scan_forgives_what_a_keyboard_reader_adds(
    desk: EntryDesk, owner: asyncpg.Connection, museum: Museum, clock: SetClock
):
    ticket = await make_ticket(owner, museum)
    assert await outcome(desk, museum, new_scan(f"{ticket.code}\r\n", museum.gate_id, clock)) == "admitted"


@pytest.mark.parametrize("code", ["", "PV1:", "PV1:ABC", "https://example.org/\0", "2345", "🎟" * 10, " " * 8000])
async def test_scan_of_something_else_is_an_unknown_ticket(desk: EntryDesk, museum: Museum, clock: SetClock, code: str):
    assert await outcome(desk, museum, new_scan(code, museum.gate_id, clock)) == "unknown_ticket"


async def test_scan_of_codes_that_are_not_ours(
    desk: EntryDesk, owner: asyncpg.Connection, museum: Museum, clock: SetClock
):
    other = await make_museum(owner, uuid4())
    ticket, foreign = await make_ticket(owner, museum), await make_ticket(owner, other)
    nowhere = msgspec.structs.replace(ticket, id=uuid4())
    codes = {
        foreign.code: "wrong_establishment",
        foreign.short_code: "unknown_ticket",
        new_short_code(): "unknown_ticket",
        signed_code(museum, nowhere): "unknown_ticket",
        signed_code(museum, ticket, key=other.key): "forged",
        signed_code(museum, ticket, key_id=2): "forged",
        signed_code(museum, foreign, key=other.key): "forged",
        signed_code(museum, ticket, establishment_id=other.establishment_id): "wrong_establishment",
    }
    for code, reason in codes.items():
        assert await outcome(desk, museum, new_scan(code, museum.gate_id, clock)) == reason
    assert await owner.fetchval("SELECT count(*) FROM ticketing.tickets WHERE admitted_at IS NOT NULL") == 0


async def test_scan_of_a_code_signed_by_a_retired_or_a_brand_new_key(
    desk: EntryDesk, owner: asyncpg.Connection, museum: Museum, clock: SetClock
):
    old, new = await make_ticket(owner, museum), await make_ticket(owner, museum)
    await owner.execute("UPDATE ticketing.signing_keys SET retired_at = now()")
    assert await outcome(desk, museum, new_scan(old.code, museum.gate_id, clock)) == "admitted"
    key = new_signing_key()
    await add_key(owner, museum, 2, key)
    code = signed_code(museum, new, key=key, key_id=2)
    assert await outcome(desk, museum, new_scan(code, museum.gate_id, clock)) == "admitted"


async def test_scan_of_an_exchanged_or_cancelled_ticket(
    desk: EntryDesk, owner: asyncpg.Connection, museum: Museum, clock: SetClock
):
    ticket = await make_ticket(owner, museum, revision=1)
    old_code = signed_code(museum, ticket, revision=0)
    assert await outcome(desk, museum, new_scan(old_code, museum.gate_id, clock)) == "cancelled"
    await owner.execute("UPDATE ticketing.tickets SET status = 'cancelled'")
    assert await outcome(desk, museum, new_scan(ticket.code, museum.gate_id, clock)) == "cancelled"


async def test_scan_wants_what_is_due_at_the_counter(
    desk: EntryDesk, owner: asyncpg.Connection, museum: Museum, clock: SetClock
):
    payments = {
        ("on_site", "due"): "not_paid",
        ("on_site", "paid"): "admitted",
        ("on_account", "due"): "admitted",
        ("stripe", "paid"): "admitted",
    }
    for payment, expected in payments.items():
        ticket = await make_ticket(owner, museum, payment=payment)
        assert await outcome(desk, museum, new_scan(ticket.code, museum.gate_id, clock)) == expected


async def test_scan_at_a_gate_that_is_not_the_devices_or_not_the_offers(
    desk: EntryDesk, owner: asyncpg.Connection, museum: Museum, clock: SetClock
):
    ticket = await make_ticket(owner, museum)
    device = staff(museum, museum.gate_id, museum.far_gate_id)
    for gate_id, expected in (
        (museum.second_gate_id, "wrong_gate"),
        (museum.far_gate_id, "wrong_gate"),
        (museum.gate_id, "admitted"),
    ):
        assert await outcome(desk, museum, new_scan(ticket.code, gate_id, clock), device) == expected


async def test_scan_at_an_unknown_gate_is_invalid_and_leaves_no_trace(
    desk: EntryDesk, owner: asyncpg.Connection, museum: Museum, clock: SetClock
):
    ticket = await make_ticket(owner, museum)
    foreign = await make_museum(owner, uuid4())
    for gate_id in (uuid4(), foreign.gate_id):
        with pytest.raises(Invalid) as refused:
            await desk.scan(staff(museum), new_scan(ticket.code, gate_id, clock))
        assert [error.pointer for error in refused.value.errors] == ["#/gate_id"]
    assert await owner.fetchval("SELECT count(*) FROM ticketing.scans") == 0


async def test_scan_before_and_after_the_hours(
    desk: EntryDesk, owner: asyncpg.Connection, museum: Museum, clock: SetClock
):
    for starts_in, expected in ((31 * MINUTE, "too_early"), (29 * MINUTE, "admitted"), (-61 * MINUTE, "too_late")):
        ticket = await make_ticket(owner, museum, starts_in=starts_in)
        assert await outcome(desk, museum, new_scan(ticket.code, museum.gate_id, clock)) == expected


async def test_scan_by_a_device_with_a_wild_clock_is_judged_by_ours(
    desk: EntryDesk, owner: asyncpg.Connection, museum: Museum, clock: SetClock
):
    ticket = await make_ticket(owner, museum)
    scan = new_scan(ticket.code, museum.gate_id, clock, scanned_at=datetime(1970, 1, 1, tzinfo=UTC))
    assert await outcome(desk, museum, scan) == "admitted"
    assert await owner.fetchval("SELECT admitted_at FROM ticketing.tickets") == clock.now()
    assert await owner.fetchval("SELECT scanned_at FROM ticketing.scans") == scan.scanned_at


async def test_exit_is_recorded_and_does_not_open_the_gate_again(
    desk: EntryDesk, owner: asyncpg.Connection, museum: Museum, clock: SetClock
):
    ticket = await make_ticket(owner, museum)
    expected = [("in", "admitted"), ("out", "admitted"), ("in", "already_admitted"), ("out", "admitted")]
    for direction, result in expected:
        scan = new_scan(ticket.code, museum.gate_id, clock, direction=direction)
        assert await outcome(desk, museum, scan) == result
    told = [event.type for event in await ledger(owner, museum.establishment_id)]
    assert told == ["ticket.admitted", "ticket.left", "ticket.left"]


async def test_closed_desk_refuses_scans(ticketing_database: Database, museum: Museum, clock: SetClock):
    desk = EntryDesk(ticketing_database, SystemClock())
    await desk.close()
    with pytest.raises(Unavailable):
        await desk.scan(staff(museum), new_scan("", museum.gate_id, clock))
