"""What a hub decides, and how it puts together what the instance says and what happened here."""

from datetime import timedelta
from uuid import UUID, uuid4

import msgspec
import pytest
from msgspec.structs import replace

from parvis.gate_hub.desk import Caller
from parvis.gate_hub.handing_out import hand_out
from services.kit.errors import Conflict, Forbidden, Invalid
from services.ticketing.entry.requests import DecidedUndo, NewUndo, Upload
from services.ticketing.tickets.code import grouped, new_signing_key, sign
from services.ticketing.tickets.code import read as read_code
from tests.parvis.gate_hub.small_world import (
    DOOR,
    GARDEN,
    GAUGE,
    NOON,
    SLOT,
    TODAY,
    Ticket,
    World,
    alone,
    delta,
    page,
)


def test_ticket_is_admitted_once_by_code_or_short_code():
    ticket = Ticket(number=7)
    world = World(ticket)
    first = world.scan(ticket.code)
    second = world.scan(ticket.short_code, gate_id=GARDEN)
    answer = msgspec.json.decode(second.answer)
    assert (first.outcome, second.reason) == ("admitted", "already_admitted")
    assert answer["earlier"] == {
        "at": first.at.isoformat().replace("+00:00", "Z"),
        "gate_id": str(DOOR),
        "gate": "Porte",
        "device": "Phone",
    }
    shown = msgspec.json.decode(first.answer)["ticket"]
    assert (shown["number"], shown["short_code"], shown["entries"]) == (7, ticket.short_code, 1)
    assert answer["ticket"]["short_code"] == grouped(ticket.short_code)


def test_ticket_that_was_moved_at_a_gate_has_the_hours_of_its_new_slot():
    ticket = Ticket()
    printed = ticket.code_of(0, slot_id=uuid4(), valid_until_seconds=int(NOON.timestamp()) - 1)
    world = World(ticket)
    moved = world.scan(printed)
    assert (moved.outcome, moved.slot_id) == ("admitted", SLOT)


def test_what_is_refused_online_is_refused_here():
    ticket, void, due = Ticket(), Ticket(), Ticket()
    void.row = replace(void.row, status="cancelled")
    due.row = replace(due.row, payment_due=True)
    world = World(ticket, void, due)
    hour = 3600
    early = ticket.code_of(0, valid_from_seconds=int(NOON.timestamp()) + hour)
    late = ticket.code_of(0, valid_until_seconds=int(NOON.timestamp()) - 1)
    elsewhere = ticket.code_of(0, establishment_id=uuid4())
    other_venue = Ticket().code_of(0, tariff_id=uuid4(), slot_id=uuid4())
    forged = sign(read_code(ticket.code).payload, new_signing_key())
    assert [world.reason(code) for code in (void.code, due.code, early, late, elsewhere, other_venue, forged, "?")] == [
        "cancelled",
        "not_paid",
        "too_early",
        "too_late",
        "wrong_establishment",
        "wrong_gate",
        "forged",
        "unknown_ticket",
    ]
    assert world.reason(early, override_reason="A bus is waiting") is None


def test_older_revision_is_refused_and_newer_one_admitted():
    ticket = Ticket(revision=1)
    world = World(ticket)
    assert world.reason(ticket.code_of(0)) == "cancelled"
    assert world.reason(ticket.code_of(2, slot_id=uuid4())) is None
    assert world.reason(ticket.code) == "already_admitted"


def test_phone_of_another_gate_is_refused():
    ticket = Ticket()
    world = World(ticket)
    bound = Caller("device:x", "Garden phone", frozenset({GARDEN}))
    assert world.reason(ticket.code, caller=bound) == "wrong_gate"
    assert world.reason(ticket.code, caller=bound, gate_id=GARDEN) is None


def test_ticket_sold_after_the_last_entry_pass_is_admitted_once_and_shown_to_phones():
    world = World()
    sold = Ticket()
    assert [world.reason(sold.code), world.reason(sold.code)] == [None, "already_admitted"]
    assert world.reason(sold.short_code) == "unknown_ticket"
    [told] = hand_out(world.memory, TODAY, None, NOON).tickets
    assert (told.id, told.entries, told.inside) == (sold.id, 1, True)


def test_full_house_counts_who_came_by_the_hub_until_staff_says_otherwise():
    first, second, third = Ticket(), Ticket(), Ticket()
    world = World(first, second, third, gauge_ids=[GAUGE])
    assert [world.reason(one.code) for one in (first, second, third)] == [None, None, "full_inside"]
    [gauge] = hand_out(world.memory, TODAY, None, NOON).gauges
    assert gauge.inside == 2
    assert world.reason(first.code, direction="out") is None
    assert world.reason(third.code) is None
    assert world.reason(first.code) == "already_admitted"


def test_pass_for_many_entries_is_counted_over_what_the_instance_knows():
    ticket = Ticket()
    ticket.row = replace(ticket.row, entries=1, admitted_at=NOON, admitted_gate_id=DOOR, passed_at=NOON, inside=True)
    world = World(ticket, entries_allowed=2)
    assert world.reason(ticket.code) == "already_admitted"
    world.clock.moment += timedelta(minutes=6)
    assert world.reason(ticket.code) is None
    world.clock.moment += timedelta(minutes=6)
    assert world.reason(ticket.code) == "already_admitted"


def test_same_id_gets_the_same_answer_and_another_scan_cannot_have_it():
    ticket = Ticket()
    world = World(ticket)
    first = world.scan(ticket.code)
    assert world.scan(ticket.code, id=first.id, scanned_at=NOON) is first
    with pytest.raises(Conflict):
        world.scan(ticket.code, id=first.id, gate_id=GARDEN)
    with pytest.raises(Invalid):
        world.scan(ticket.code, gate_id=uuid4())


def test_phone_that_was_alone_is_believed_and_told_of_the_conflict():
    ticket = Ticket()
    world = World(ticket)
    first = world.scan(ticket.code)
    # At the same moment, chance would decide which of the two ids came first.
    world.clock.moment += timedelta(seconds=1)
    uploaded, kept = world.upload(alone(ticket.code, world.clock.moment, gate_id=GARDEN))
    assert len(kept) == 1
    [told] = uploaded.scans
    assert (told.outcome, told.conflict.kind, told.conflict.earlier.scan_id) == (
        "admitted",
        "already_admitted",
        first.id,
    )
    again, kept = world.upload(alone(ticket.code, NOON, id=told.id, gate_id=GARDEN))
    assert (again, kept) == (uploaded, [])


def test_who_was_let_in_although_our_refusal_did_not_arrive_is_inside():
    ticket, void = Ticket(), Ticket()
    void.row = replace(void.row, status="cancelled")
    world = World(ticket, void)
    refused = world.scan(void.code)
    answer, [kept] = world.upload(alone(void.code, world.clock.moment, id=refused.id))
    assert (answer.scans[0].outcome, answer.scans[0].conflict.kind) == ("admitted", "cancelled")
    assert (kept.id, kept.outcome, kept.state) == (refused.id, "admitted", "new")


def test_one_bad_scan_does_not_keep_the_others_of_an_upload_out():
    ticket = Ticket()
    world = World(ticket)
    answer, kept = world.upload(alone(ticket.code, gate_id=uuid4()), alone(ticket.code))
    assert [one.outcome for one in answer.scans] == ["invalid", "admitted"]
    assert len(kept) == 1


def test_undo_frees_the_ticket_whether_it_comes_before_or_after_its_scan():
    ticket, other = Ticket(), Ticket()
    world = World(ticket, other)
    first = world.scan(ticket.code)
    world.desk.undo(Caller("device:x", "Phone"), first.id, NewUndo(uuid4(), "Wrong person", NOON))
    assert world.reason(ticket.code) is None
    early = alone(other.code)
    undo = DecidedUndo(id=uuid4(), reason="Wrong person", undone_at=NOON, scan_id=early.id)
    answer, _ = world.upload(undos=[undo])
    assert [one.outcome for one in answer.undos] == ["unknown_scan"]
    world.upload(early)
    assert world.reason(other.code) is None


def test_passage_counts_once_when_the_entry_pass_shows_it():
    ticket = Ticket()
    world = World(ticket, entries_allowed=3)
    scan = world.scan(ticket.code)
    row = replace(ticket.row, entries=1, inside=True, admitted_at=scan.at, admitted_gate_id=DOOR, passed_at=scan.at)
    scan.state = "acknowledged"
    assert world.memory.apply(TODAY, delta(row)) == [scan]
    known = world.memory.tickets[ticket.id]
    assert (known.standing.entries, scan.state) == (1, "included")
    world.desk.undo(Caller("device:x", "Phone"), scan.id, NewUndo(uuid4(), "Wrong person", NOON))
    assert (known.standing.entries, known.standing.inside) == (0, False)
    assert world.memory.moved[SLOT] == -1


def test_scan_that_the_instance_admitted_without_being_heard_is_admitted_here_once():
    ticket = Ticket()
    ticket.row = replace(ticket.row, entries=1, inside=True, admitted_at=NOON, admitted_gate_id=DOOR, passed_at=NOON)
    world = World(ticket)
    own = UUID(int=99)
    assert world.scan(ticket.code, id=own, scanned_at=NOON).state == "included"
    assert world.scan(ticket.code, id=own, scanned_at=NOON).outcome == "admitted"
    assert world.reason(ticket.code, scanned_at=NOON) == "already_admitted"
    assert world.memory.tickets[ticket.id].standing.entries == 1


def test_what_could_not_be_written_down_did_not_happen():
    ticket = Ticket()
    world = World(ticket)
    world.memory.drop(world.scan(ticket.code))
    assert world.reason(ticket.code) is None


def test_entry_pass_is_handed_out_in_pages_then_as_deltas(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("parvis.gate_hub.handing_out.TICKETS_PER_PAGE", 4)
    tickets = [Ticket() for _ in range(10)]
    world = World(*tickets)
    seen, cursor, more = [], None, True
    while more:
        one = hand_out(world.memory, TODAY, cursor, NOON)
        seen += [row.id for row in one.tickets]
        assert (one.establishment is None) == (cursor is not None)
        cursor, more = one.cursor, one.more
    assert sorted(seen) == sorted(ticket.id for ticket in tickets)
    assert hand_out(world.memory, TODAY, cursor, NOON).tickets == []

    world.scan(tickets[3].code)
    changed = hand_out(world.memory, TODAY, cursor, NOON)
    assert [(row.id, row.entries) for row in changed.tickets] == [(tickets[3].id, 1)]
    assert [(slot.id, slot.admitted) for slot in changed.slots] == [(SLOT, 1)]
    assert changed.offers is None
    world.memory.apply(TODAY, page(cursor="new key"))
    assert hand_out(world.memory, TODAY, changed.cursor, NOON).offers is not None
    for strange in ("hub:0.1", "WyJh", f"hub:{world.memory.run}.99999", f"hub:{world.memory.run}.x"):
        with pytest.raises(Invalid):
            hand_out(world.memory, TODAY, strange, NOON)


def test_days_that_are_over_are_forgotten():
    ticket = Ticket()
    world = World(ticket)
    world.scan(ticket.code)
    assert world.memory.keep_only(["2027-05-02"]) == [TODAY]
    # It was scanned: who comes again is still known.
    assert list(world.memory.tickets) == [ticket.id]
    assert world.memory.forget_before(NOON + timedelta(days=3)) == []


def test_who_never_scanned_out_takes_room_again_the_next_morning():
    first, second, left_inside = Ticket(), Ticket(), Ticket()
    yesterday = NOON - timedelta(days=1)
    left_inside.row = replace(
        left_inside.row, entries=1, inside=True, admitted_at=yesterday, admitted_gate_id=DOOR, passed_at=yesterday
    )
    world = World(first, second, left_inside, gauge_ids=[GAUGE], entries_allowed=None)
    assert [world.reason(one.code) for one in (first, second, left_inside)] == [None, None, "full_inside"]
    world.clock.moment += timedelta(minutes=6)
    assert world.reason(first.code) is None


def test_undo_has_an_id_of_its_own_and_is_for_the_gates_of_its_scanner():
    tickets = [Ticket(), Ticket()]
    world = World(*tickets)
    first, second = [world.scan(ticket.code) for ticket in tickets]
    hall, garden = Caller("device:x", "Phone"), Caller("device:y", "Garden", frozenset({GARDEN}))
    undo = NewUndo(uuid4(), "Wrong person", NOON)
    with pytest.raises(Forbidden):
        world.desk.undo(garden, first.id, undo)
    assert world.desk.undo(hall, first.id, undo)[0].outcome == "undone"
    with pytest.raises(Conflict):
        world.desk.undo(hall, second.id, undo)
    uploaded = [
        DecidedUndo(id=undo.id, reason="x", undone_at=NOON, scan_id=second.id),
        DecidedUndo(id=uuid4(), reason="x", undone_at=NOON, scan_id=second.id),
    ]
    answer, kept = world.upload(undos=uploaded)
    assert ([one.outcome for one in answer.undos], len(kept)) == (["invalid", "undone"], 1)


def test_items_that_mean_nothing_do_not_keep_the_others_of_an_upload_out():
    ticket = Ticket()
    world = World(ticket)
    good, nul = msgspec.to_builtins(alone(ticket.code)), msgspec.to_builtins(alone("a\0b"))
    odd = good | {"id": str(uuid4()), "override_reason": "a\0b"}
    body = msgspec.json.encode({"sent_at": NOON, "scans": [odd, nul, good], "undos": []})
    answer, kept = world.desk.upload(Caller("device:x", "Phone"), Upload.read(body))
    told = {str(one.id): one.outcome for one in answer.scans}
    assert told == {good["id"]: "admitted", nul["id"]: "admitted", odd["id"]: "invalid"}
    assert len(kept) == 2
