"""What a scanner is told, over HTTP."""

import base64
import hashlib
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import msgspec
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from services.ticketing.entry.passes import queries
from services.ticketing.entry.passes.sealing import Attendee, open_attendee
from services.ticketing.tickets.code import normalise_short_code, verify
from tests.journeys.answers import Order, Slot, read
from tests.journeys.house import House
from tests.journeys.museum import Museum, found_museum
from tests.journeys.visitor import buy, cancel, exchange, line
from tests.journeys.waiting import eventually
from tests.services.ticketing.entry.at_the_gate import offer_scanner, pair, paired_scanner
from tests.services.ticketing.entry.passes.phone import Phone

PARIS = ZoneInfo("Europe/Paris")


def tomorrow() -> str:
    return (datetime.now(PARIS).date() + timedelta(days=1)).isoformat()


async def slots_of(museum: Museum, date: str) -> list[Slot]:
    return [slot for slot in await museum.slots() if slot.starts_at.astimezone(PARIS).date().isoformat() == date]


async def phone_of(museum: Museum, **more: object) -> Phone:
    return Phone(await paired_scanner(museum, museum.gate_id, **more), tomorrow())


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


async def test_a_ticket_of_the_day_with_all_that_a_phone_needs(selling_museum: Museum):
    museum = selling_museum
    phone = await phone_of(museum)
    slot = (await slots_of(museum, phone.date))[12]
    order = await buy(museum, line(slot, museum.full_id), method="on_site")
    await phone.pull()
    (ticket,) = order.tickets
    short_code = normalise_short_code(ticket.short_code)
    hashed = hashlib.sha256(b"parvis short code v1" + museum.id.bytes + short_code.encode()).digest()[:16]
    assert phone.knows()["tickets"] == {
        str(ticket.id): {
            "id": str(ticket.id),
            "slot_id": str(slot.id),
            "tariff_id": str(museum.full_id),
            "status": "valid",
            "revision": 0,
            "payment_due": True,
            "entries": 0,
            "inside": False,
            "admitted_at": None,
            "admitted_gate_id": None,
            "passed_at": None,
            "short_code_hash": base64.urlsafe_b64encode(hashed).rstrip(b"=").decode(),
            "blob": None,
        }
    }
    seen = phone.slots[str(slot.id)]
    assert (seen["offer_id"], seen["expected"], seen["admitted"]) == (str(museum.offer_id), 1, 0)
    assert datetime.fromisoformat(seen["starts_at"]) == slot.starts_at
    assert datetime.fromisoformat(seen["valid_from"]) == ticket.valid_from
    assert datetime.fromisoformat(seen["valid_until"]) == ticket.valid_until


async def test_its_keys_verify_codes_and_only_the_code_tells_a_name(selling_museum: Museum):
    museum = selling_museum
    phone = await phone_of(museum)
    slot = (await slots_of(museum, phone.date))[0]
    order = await buy(museum, line(slot, museum.free_id, 2))
    await phone.pull()
    assert "Lovelace" not in str(phone.answers)
    assert order.reference not in str(phone.answers)
    keys = {
        key["key_id"]: Ed25519PublicKey.from_public_bytes(decoded(key["public_key"])) for key in phone.parts["keys"]
    }
    for ticket, other in (order.tickets, order.tickets[::-1]):
        assert verify(ticket.code, keys).ticket_id == ticket.id
        blob = phone.tickets[str(ticket.id)]["blob"]
        expected = Attendee("Ada Lovelace", order.reference, ticket.short_code, ticket.number)
        assert open_attendee(blob, ticket_id=ticket.id, code=ticket.code) == expected
        with pytest.raises(InvalidTag):
            open_attendee(blob, ticket_id=ticket.id, code=other.code)
        with pytest.raises(InvalidTag):
            open_attendee(blob, ticket_id=other.id, code=ticket.code)


async def test_there_is_a_key_before_the_first_sale(selling_museum: Museum):
    phone = await phone_of(selling_museum)
    await phone.pull()
    assert len(phone.parts["keys"]) == 1


async def test_static_parts_come_first_and_when_they_change(selling_museum: Museum):
    museum = selling_museum
    phone = await phone_of(museum)
    await phone.pull()
    (offer,) = phone.parts["offers"]
    assert (offer["id"], offer["entries_allowed"], offer["re_entry"]) == (str(museum.offer_id), 1, False)
    assert {tariff["id"] for tariff in phone.parts["tariffs"]} == {str(museum.free_id), str(museum.full_id)}
    assert {gate["id"] for gate in phone.parts["gates"]} == {str(museum.gate_id), str(museum.second_gate_id)}
    assert phone.parts["establishment"]["slug"] == museum.slug
    assert phone.parts["devices"] == []
    unchanged = await phone.ask()
    assert set(unchanged) == {"cursor", "more", "server_time", "gauges", "slots", "tickets"}

    key = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    text = base64.urlsafe_b64encode(key).rstrip(b"=").decode()
    offered = await offer_scanner(museum, name="Garden")
    await pair(museum, offered["pairing_code"], public_key=text)
    changed = await until_static(phone)
    gate_ids = [str(museum.gate_id)]
    assert changed["devices"] == [{"id": offered["id"], "name": "Garden", "public_key": text, "gate_ids": gate_ids}]
    await museum.staff("PATCH", f"/offers/{museum.offer_id}", {"entry": {"entries": 3, "re_entry": True}})
    (offer,) = (await until_static(phone))["offers"]
    assert (offer["entries_allowed"], offer["re_entry"]) == (3, True)


async def until_static(phone: Phone) -> dict[str, Any]:
    """They may be a second old."""
    answers: list[dict[str, Any]] = []

    async def are_told() -> bool:
        answers.append(await phone.ask())
        return "offers" in answers[-1]

    await eventually(are_told, seconds=10)
    return answers[-1]


async def test_gauges_tell_who_is_inside(selling_museum: Museum):
    museum = selling_museum
    phone = await phone_of(museum)
    phone.date = datetime.now(PARIS).date().isoformat()
    body = {"name": {"fr": "Crypte"}, "capacity": 19, "per": "inside"}
    gauge = await museum.staff("POST", "/gauges", body, status=201)
    await museum.staff("PATCH", f"/offers/{museum.offer_id}", {"gauge_ids": [gauge["id"]]})
    await phone.pull()
    assert phone.gauges == {gauge["id"]: {"id": gauge["id"], "name": {"fr": "Crypte"}, "max_inside": 19, "inside": 0}}
    for order in [await buy(museum, line(slot, museum.free_id, 2)) for slot in (await museum.slots())[:2]]:
        assert (await museum.scan(order.tickets[0].code)).outcome == "admitted"
    await phone.pull()
    assert phone.gauges[gauge["id"]]["inside"] == 2


async def test_pages_together_are_the_day(selling_museum: Museum, monkeypatch: pytest.MonkeyPatch):
    museum = selling_museum
    monkeypatch.setattr(queries, "TICKETS_PER_PAGE", 3)
    phone = await phone_of(museum)
    slots = await slots_of(museum, phone.date)
    sold = [await buy(museum, line(slot, museum.free_id, 4)) for slot in slots[:3]]
    first = await phone.ask()
    # Between two pages a ticket of the first one is cancelled, and others are sold: deltas tell of both.
    gone = next(order for order in sold if str(order.tickets[0].id) in phone.tickets)
    assert (await cancel(museum, gone, gone.tickets[0].id)).status_code == 200
    late = await buy(museum, line(slots[0], museum.free_id, 2))
    assert (first["more"], len(first["tickets"])) == (True, 3)
    await phone.pull()
    assert all(len(answer["tickets"]) <= 3 for answer in phone.answers[:4])
    assert phone.tickets.keys() == {str(ticket.id) for order in [*sold, late] for ticket in order.tickets}
    assert await loaded_anew(phone) == phone.knows()
    # What seldom changes, and the slots, came once.
    assert [("offers" in answer, bool(answer["slots"])) for answer in phone.answers[:4]] == [(True, True)] + 3 * [
        (False, False)
    ]


async def test_many_events_come_in_pages(selling_museum: Museum, monkeypatch: pytest.MonkeyPatch):
    museum = selling_museum
    monkeypatch.setattr(queries, "EVENTS_PER_PAGE", 2)
    phone = await phone_of(museum)
    await phone.pull()
    slots = await slots_of(museum, phone.date)
    sold = [await buy(museum, line(slot, museum.free_id)) for slot in slots[:5]]
    assert (await phone.ask())["more"]
    await phone.pull()
    assert phone.tickets.keys() == {str(order.tickets[0].id) for order in sold}


async def loaded_anew(phone: Phone) -> dict[str, object]:
    other = Phone(phone.scanner, phone.date)
    await other.pull()
    return other.knows()


async def test_deltas_hold_what_happened_to_tickets(selling_museum: Museum):
    museum = selling_museum
    phone = await phone_of(museum)
    here, there = (await slots_of(museum, phone.date))[:2]
    moved, ended, scanned = [await buy(museum, line(here, museum.free_id)) for _ in range(3)]
    owing = await buy(museum, line(there, museum.full_id), method="on_site")
    await phone.pull()

    exchanged = read(await exchange(museum, moved, there, moved.tickets[0].id), Order)
    await cancel(museum, ended)
    await museum.staff("POST", f"/orders/{owing.id}/payments", {"means": "cash"}, status=201)
    assert (await museum.scan(scanned.tickets[0].code)).outcome == "admitted"
    delta = await phone.ask()

    new = next(ticket for ticket in exchanged.tickets if ticket.status == "valid")
    changed = {ticket["id"]: ticket for ticket in delta["tickets"]}
    assert changed.keys() == {
        str(ticket.id) for ticket in (moved.tickets[0], ended.tickets[0], scanned.tickets[0], owing.tickets[0], new)
    }
    assert [changed[str(order.tickets[0].id)]["status"] for order in (moved, ended)] == ["cancelled", "cancelled"]
    assert not changed[str(owing.tickets[0].id)]["payment_due"]
    admitted = changed[str(scanned.tickets[0].id)]
    assert (admitted["entries"], admitted["inside"]) == (1, True)
    assert admitted["admitted_gate_id"] == str(museum.gate_id)
    counts = {id_: (slot["expected"], slot["admitted"]) for id_, slot in phone.slots.items()}
    assert counts == {str(here.id): (1, 1), str(there.id): (2, 0)}
    assert await loaded_anew(phone) == phone.knows()
    assert not (await phone.ask())["tickets"]


async def test_other_days_and_other_venues_are_left_out(selling_museum: Museum):
    museum = selling_museum
    # Entry opens a day before each slot here: only what ends before tomorrow begins is of today alone.
    await museum.staff("PATCH", f"/offers/{museum.offer_id}", {"sales": {"early_entry_minutes": 0}})
    garden = await museum.staff(
        "POST",
        "/venues",
        {"name": {"fr": "Jardin"}, "timezone": "Europe/Paris", "gates": ["Grille"]},
        status=201,
    )
    phone = await phone_of(museum)
    after = (datetime.now(PARIS).date() + timedelta(days=2)).isoformat()
    order = await buy(museum, line((await slots_of(museum, after))[5], museum.free_id))
    elsewhere = Phone(await paired_scanner(museum, UUID(garden["gates"][0]["id"])), after)
    the_day = Phone(phone.scanner, after)
    for one in (phone, elsewhere, the_day):
        await one.pull()
    assert (phone.tickets, elsewhere.tickets) == ({}, {})
    assert (elsewhere.slots, elsewhere.parts["offers"]) == ({}, [])
    assert the_day.tickets.keys() == {str(order.tickets[0].id)}
    # Nor do deltas bring them.
    await buy(museum, line((await slots_of(museum, after))[5], museum.free_id))
    for one in (phone, elsewhere, the_day):
        await one.pull()
    assert (len(phone.tickets), len(elsewhere.tickets), len(the_day.tickets)) == (0, 0, 2)


async def test_today_is_the_default(selling_museum: Museum):
    scanner = await paired_scanner(selling_museum, selling_museum.gate_id)
    path = f"/entry-pass?gate_id={scanner.gate_id}"
    cursor = (await scanner.ask("GET", path)).json()["cursor"]
    today = datetime.now(PARIS).date().isoformat()
    assert (await scanner.ask("GET", f"{path}&date={today}&cursor={quote(cursor)}")).status_code == 200


async def test_a_scanner_asks_for_its_own_gates(selling_museum: Museum, gate_house: House):
    museum = selling_museum
    scanner = await paired_scanner(museum, museum.gate_id)
    elsewhere = await scanner.ask("GET", f"/entry-pass?gate_id={museum.second_gate_id}")
    assert elsewhere.status_code == 403
    other = await found_museum(gate_house)
    for gate_id in (other.gate_id, uuid4(), "north"):
        answer = await museum.ask("GET", f"/entry-pass?gate_id={gate_id}", key=museum.admin_key)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#/gate_id")
    assert (await museum.ask("GET", f"/entry-pass?gate_id={museum.gate_id}", key=museum.admin_key)).status_code == 200


async def test_a_cursor_of_another_day_or_of_the_future_is_refused(selling_museum: Museum):
    museum = selling_museum
    phone = await phone_of(museum)
    await phone.pull()
    before = phone.cursor
    await buy(museum, line((await slots_of(museum, phone.date))[0], museum.free_id))
    await phone.pull()
    cursors = {
        "another day": (phone.cursor, "2027-01-01"),
        "rubbish": ("rubbish", phone.date),
        "empty": ("", phone.date),
        "beyond the ledger": (cursor_with(phone.cursor, 2, 10**9), phone.date),
        "no number": (cursor_with(phone.cursor, 2, "x"), phone.date),
    }
    for name, (cursor, date) in cursors.items():
        path = f"/entry-pass?gate_id={museum.gate_id}&date={date}&cursor={quote(cursor or '')}"
        answer = await phone.scanner.ask("GET", path)
        assert (name, answer.status_code, answer.json()["errors"][0]["pointer"]) == (name, 422, "#/cursor")
    # An old one is good: it brings all that happened since.
    phone.cursor = before
    assert len((await phone.ask())["tickets"]) == 1


def cursor_with(cursor: str | None, place: int, value: object) -> str:
    values = msgspec.json.decode(decoded(cursor or ""))
    values[place] = value
    return base64.urlsafe_b64encode(msgspec.json.encode(values)).rstrip(b"=").decode()


@pytest.mark.parametrize("date", ["yesterday", "2026-02-30", "", "0001-01-01", "9999-12-31", "2026-01-01T00:00:00Z"])
async def test_a_date_that_cannot_be_is_refused(selling_museum: Museum, date: str):
    museum = selling_museum
    path = f"/entry-pass?gate_id={museum.gate_id}&date={quote(date)}"
    answer = await museum.ask("GET", path, key=museum.admin_key)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#/date")
