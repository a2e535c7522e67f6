"""What scanners upload that is wrong in one place: that place is told, and all the rest is recorded."""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from msgspec import to_builtins
from msgspec.structs import replace

from services.kit.errors import Conflict, Forbidden
from services.ticketing.entry import book
from services.ticketing.entry.desk import EntryDesk
from services.ticketing.entry.requests import DecidedUndo, NewUndo
from services.ticketing.entry.rules import fold
from tests.services.ticketing.entry.conftest import Http, SetClock, staff
from tests.services.ticketing.entry.crowd import admitted
from tests.services.ticketing.entry.test_uploads import as_online, upload
from tests.services.ticketing.rows import Museum, make_ticket

MINUTE = timedelta(minutes=1)
ROWS = "SELECT id, outcome, reason, decided_by, objection FROM ticketing.scans ORDER BY judged_at"


async def test_code_of_any_text_is_an_unknown_ticket(
    http: Http, owner: asyncpg.Connection, museum: Museum, clock: SetClock
):
    ticket = await make_ticket(owner, museum)
    odd = [
        {**to_builtins(admitted("", museum.gate_id, clock.now() - MINUTE)), "code": code}
        for code in ("abc\0def", "PV1:\0", "\ud800", "\\\ud800\\", "é" * 8000)
    ]
    body = json.dumps(_sent(clock, [*odd, to_builtins(admitted(ticket.code, museum.gate_id, clock.now()))]))
    for _ in range(2):
        answer = await http(staff(museum)).post("/scans/batch", content=body)
        assert answer.status_code == 200, answer.text
        conflicts = [scan["conflict"] and scan["conflict"]["kind"] for scan in answer.json()["scans"]]
        assert conflicts == ["unknown_ticket"] * len(odd) + [None]
    assert await owner.fetchval("SELECT count(*) FROM ticketing.scans") == len(odd) + 1


async def test_code_with_a_nul_is_an_unknown_ticket_online_too(http: Http, museum: Museum, clock: SetClock):
    scan = to_builtins(as_online(admitted("abc\0def", museum.gate_id, clock.now())))
    answer = await http(staff(museum)).post("/scans", json=scan)
    assert (answer.status_code, answer.json()["reason"]) == (200, "unknown_ticket")
    assert (await http(staff(museum)).post("/scans", json=scan | {"override_reason": "\0"})).status_code == 422


async def test_items_that_mean_nothing_do_not_keep_the_others_out(
    http: Http, owner: asyncpg.Connection, museum: Museum, clock: SetClock
):
    ticket = await make_ticket(owner, museum)
    good = to_builtins(admitted(ticket.code, museum.gate_id, clock.now()))
    odd = [
        good | change | {"id": str(uuid4())}
        for change in (
            {"scanned_at": "2026-02-30T00:00:00Z"},
            {"scanned_at": "0001-01-01T00:00:00+14:00"},
            {"scanned_at": None},
            {"reason": "no reason of ours"},
            {"override_reason": "a\0b"},
            {"override_reason": "x" * 501},
            {"outcome": "perhaps"},
            {"gate_id": "north"},
            {"code": 5},
            {"note": "VIP"},
        )
    ]
    undo = {"id": str(uuid4()), "scan_id": good["id"], "reason": "x", "undone_at": to_builtins(clock.now())}
    odd_undos = [
        undo | change | {"id": str(uuid4())}
        for change in ({"reason": "\0"}, {"reason": ""}, {"undone_at": "0001-01-01T00:00:00+14:00"}, {"scan_id": "one"})
    ]
    sent = _sent(clock, [*odd, good], [*odd_undos, undo])
    answer = await http(staff(museum)).post("/scans/batch", json=sent)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert {scan["id"]: scan["outcome"] for scan in told["scans"]} == {
        good["id"]: "admitted",
        **{scan["id"]: "invalid" for scan in odd},
    }
    assert {one["id"]: one["outcome"] for one in told["undos"]} == {
        undo["id"]: "undone",
        **{one["id"]: "invalid" for one in odd_undos},
    }
    assert all(one["detail"] for one in [*told["scans"], *told["undos"]] if one["outcome"] == "invalid")


async def test_upload_that_cannot_be_answered_item_by_item_is_refused(http: Http, museum: Museum, clock: SetClock):
    for change in ({"scans": [5]}, {"scans": [{"id": "1"}]}, {"sent_at": None}, {"note": "VIP"}):
        answer = await http(staff(museum)).post("/scans/batch", json=_sent(clock, []) | change)
        assert answer.status_code == 422, change


async def test_undo_id_belongs_to_one_scan(desk: EntryDesk, owner: asyncpg.Connection, museum: Museum, clock: SetClock):
    tickets = [await make_ticket(owner, museum) for _ in range(2)]
    first, second = [admitted(ticket.code, museum.gate_id, clock.now()) for ticket in tickets]
    await desk.upload(staff(museum), upload(clock, [first, second]))
    undo = NewUndo(id=uuid4(), reason="Wrong button", undone_at=clock.now())
    assert (await desk.undo(staff(museum), first.id, undo)).outcome == "undone"
    with pytest.raises(Conflict):
        await desk.undo(staff(museum), second.id, undo)
    uploaded = DecidedUndo(id=undo.id, reason="x", undone_at=clock.now(), scan_id=second.id)
    twice = [replace(uploaded, id=UUID(int=9), scan_id=scan_id) for scan_id in (first.id, second.id)]
    told = await desk.upload(staff(museum), upload(clock, [], [uploaded, *twice]))
    assert [one.outcome for one in told.undos] == ["invalid", "undone", "invalid"]
    inside = await owner.fetch("SELECT inside FROM ticketing.tickets ORDER BY number")
    assert [row[0] for row in inside] == [False, True]


async def test_scanner_undoes_scans_of_its_own_gates_and_its_own_scans_only(
    desk: EntryDesk, owner: asyncpg.Connection, museum: Museum, clock: SetClock
):
    tickets = [await make_ticket(owner, museum) for _ in range(2)]
    theirs, mistaken = [admitted(ticket.code, museum.gate_id, clock.now()) for ticket in tickets]
    garden = staff(museum, museum.second_gate_id, actor="device:garden")
    await desk.upload(staff(museum, museum.gate_id, actor="device:hall"), upload(clock, [theirs]))
    await desk.upload(garden, upload(clock, [mistaken]))
    with pytest.raises(Forbidden):
        await desk.undo(garden, theirs.id, NewUndo(id=uuid4(), reason="x", undone_at=clock.now()))
    undos = [DecidedUndo(id=uuid4(), reason="x", undone_at=clock.now(), scan_id=scan.id) for scan in (theirs, mistaken)]
    told = await desk.upload(garden, upload(clock, [], undos))
    assert [one.outcome for one in told.undos] == ["invalid", "undone"]
    assert await owner.fetchval("SELECT count(*) FROM ticketing.scan_undos") == 1
    assert (await desk.upload(staff(museum), upload(clock, [], undos[:1]))).undos[0].outcome == "undone"


async def test_refusal_and_admission_under_one_id_in_one_upload_let_in(
    desk: EntryDesk, owner: asyncpg.Connection, museum: Museum, clock: SetClock
):
    ticket = await make_ticket(owner, museum)
    let_in = admitted(ticket.code, museum.gate_id, clock.now())
    refused = replace(let_in, outcome="refused", reason="too_late")
    for scans in ([refused, let_in], [let_in]):
        told = await desk.upload(staff(museum), upload(clock, scans))
        assert [one.outcome for one in told.scans] == ["admitted"] * len(scans)
        assert [tuple(row) for row in await owner.fetch(ROWS)] == [(let_in.id, "admitted", None, "device", None)]
    copy = admitted(ticket.code, museum.gate_id, clock.now() + timedelta(seconds=1))
    clock.advance(MINUTE)
    [told_copy] = (await desk.upload(staff(museum), upload(clock, [copy]))).scans
    assert told_copy.conflict.earlier.scan_id == let_in.id


async def test_who_was_let_in_on_a_code_that_nobody_knows_is_recorded_alone_too(
    desk: EntryDesk, owner: asyncpg.Connection, museum: Museum, clock: SetClock
):
    scan = admitted("ABCDEFGHJK", museum.gate_id, clock.now())
    await desk.scan(staff(museum), as_online(scan))
    [told] = (await desk.upload(staff(museum), upload(clock, [scan]))).scans
    assert (told.outcome, told.conflict.kind) == ("admitted", "unknown_ticket")
    assert [tuple(row) for row in await owner.fetch(ROWS)] == [(scan.id, "admitted", None, "device", "unknown_ticket")]


async def test_upload_folds_each_ticket_once_however_often_it_passed(
    desk: EntryDesk, owner: asyncpg.Connection, museum: Museum, clock: SetClock, monkeypatch: pytest.MonkeyPatch
):
    folded: list[int] = []

    def counted(passages: Sequence[Any], **rules: Any) -> Any:  # noqa: ANN401 - as fold
        folded.append(len(passages))
        return fold(passages, **rules)

    monkeypatch.setattr(book, "fold", counted)
    tickets = [await make_ticket(owner, museum) for _ in range(2)]
    scans = [
        admitted(ticket.code, museum.gate_id, clock.now() - timedelta(seconds=50 - ago))
        for ago in range(50)
        for ticket in tickets
    ]
    undos = [DecidedUndo(id=uuid4(), reason="x", undone_at=clock.now(), scan_id=scan.id) for scan in scans[:40:2]]
    told = await desk.upload(staff(museum), upload(clock, scans, undos))
    assert folded == [50, 50, 30]
    assert sum(one.conflict is not None for one in told.scans) == 29 + 49
    answers = await owner.fetch("SELECT answer FROM ticketing.scans WHERE ticket_id = $1", tickets[1].id)
    assert all('"entries":1' in row[0] for row in answers)


def _sent(clock: SetClock, scans: list[dict[str, Any]], undos: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    return {"sent_at": to_builtins(clock.now()), "scans": scans, "undos": list(undos)}
