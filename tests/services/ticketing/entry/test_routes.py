from datetime import timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from msgspec import to_builtins
from msgspec.structs import replace

from services.kit.database import Database
from services.kit.principal import Principal
from services.ticketing.entry.devices.actions import create_device
from tests.services.ticketing.entry.conftest import Http, SetClock, new_scan, staff
from tests.services.ticketing.entry.crowd import admitted
from tests.services.ticketing.rows import Museum, make_ticket


async def test_post_scan_answers_and_repeats_itself(
    http: Http, owner: asyncpg.Connection, museum: Museum, clock: SetClock
):
    ticket = await make_ticket(owner, museum)
    device = http(staff(museum, museum.gate_id))
    body = to_builtins(new_scan(ticket.code, museum.gate_id, clock))
    first, again = await device.post("/scans", json=body), await device.post("/scans", json=body)
    assert (first.status_code, first.json()["outcome"]) == (200, "admitted")
    assert (again.status_code, again.content) == (200, first.content)
    other = await device.post("/scans", json=body | {"code": "another"})
    assert (other.status_code, other.json()["code"]) == (409, "conflict")


async def test_post_scan_with_the_fields_that_must_be_there_only(
    http: Http, owner: asyncpg.Connection, museum: Museum, clock: SetClock
):
    ticket = await make_ticket(owner, museum)
    body = to_builtins(new_scan(ticket.code, museum.gate_id, clock))
    del body["direction"], body["offline"]
    answer = await http(staff(museum)).post("/scans", json=body)
    assert (answer.status_code, answer.json()["reason"]) == (200, None)


async def test_upload_undo_and_conflicts_over_http(
    http: Http, owner: asyncpg.Connection, museum: Museum, clock: SetClock
):
    ticket = await make_ticket(owner, museum)
    device, reports = http(staff(museum)), http(replace_scopes(staff(museum), "reports:read"))
    scans = [to_builtins(admitted(ticket.code, museum.gate_id, clock.now() - timedelta(seconds=ago))) for ago in (9, 5)]
    sent = {"sent_at": to_builtins(clock.now()), "scans": scans}
    first, again = [(await device.post("/scans/batch", json=sent)).json() for _ in range(2)]
    assert first == again
    earlier = {"scan_id": scans[0]["id"], "at": scans[0]["scanned_at"], "gate_id": str(museum.gate_id), "gate": "Gate"}
    assert first["scans"][1]["conflict"] == {"kind": "already_admitted", "earlier": earlier | {"device": None}}
    today = str(clock.now().astimezone(ZoneInfo("Europe/Paris")).date())
    for reader in (device, reports):
        [told] = (await reader.get("/scans/conflicts", params={"date": today})).json()["items"]
        assert (told["scan"]["scan_id"], told["earlier"]["scan_id"]) == (scans[1]["id"], scans[0]["id"])
    undo = {"id": str(uuid4()), "reason": "Wrong button", "undone_at": to_builtins(clock.now())}
    assert (await reports.post(f"/scans/{scans[1]['id']}/undo", json=undo)).status_code == 403
    undone = await device.post(f"/scans/{scans[1]['id']}/undo", json=undo)
    assert undone.json() == {"id": undo["id"], "scan_id": scans[1]["id"], "outcome": "undone"}
    assert (await device.get("/scans/conflicts", params={"date": today})).json() == {"items": []}


def replace_scopes(principal: Principal, *scopes: str) -> Principal:
    return replace(principal, actor="key:test", scopes=frozenset(scopes))


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"gate_id": str(uuid4())}, "#/gate_id"),
        ({"gate_id": "north"}, "#/gate_id"),
        ({"id": "1"}, "#/id"),
        ({"scanned_at": "2026-07-01T10:00:00"}, "#/scanned_at"),
        ({"scanned_at": "0001-01-01T00:00:00+14:00"}, "#/scanned_at"),
        ({"direction": "up"}, "#/direction"),
        ({"code": "1" * 8001}, "#/code"),
        ({"note": "VIP"}, "#/note"),
    ],
)
async def test_post_scan_that_is_not_valid(
    http: Http, museum: Museum, clock: SetClock, change: dict[str, str], pointer: str
):
    body = to_builtins(new_scan("code", museum.gate_id, clock)) | change
    answer = await http(staff(museum)).post("/scans", json=body)
    assert (answer.status_code, [error["pointer"] for error in answer.json()["errors"]]) == (422, [pointer])


async def test_post_scan_needs_the_scope(http: Http, museum: Museum, clock: SetClock):
    body = to_builtins(new_scan("code", museum.gate_id, clock))
    visitor = Principal(establishment_id=museum.establishment_id)
    reader = replace(staff(museum), scopes=frozenset({"orders:read"}))
    stranger = replace(staff(museum), establishment_id=uuid4())
    for principal, status in ((visitor, 401), (reader, 403), (stranger, 404)):
        assert (await http(principal).post("/scans", json=body)).status_code == status


async def test_delete_device_revokes_it_for_admins_only(http: Http, ticketing_database: Database, museum: Museum):
    device = await ticketing_database.write(
        museum.establishment_id,
        lambda session: create_device(session, museum.establishment_id, "Hall", [museum.gate_id], mode="test"),
    )
    assert (await http(staff(museum)).delete(f"/devices/{device.id}")).status_code == 403
    admin = http(replace(staff(museum), scopes=frozenset({"admin"})))
    assert (await admin.delete(f"/devices/{device.id}")).status_code == 204
    assert (await admin.delete(f"/devices/{uuid4()}")).status_code == 404
    assert (await admin.delete("/devices/hall")).status_code == 404
