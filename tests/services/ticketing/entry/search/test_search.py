"""Finding a visitor of the day, over HTTP."""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from services.kit.errors import Invalid
from services.ticketing.entry.search.rules import search_words
from tests.journeys.answers import Order, Slot, read
from tests.journeys.museum import Museum
from tests.journeys.visitor import line
from tests.services.ticketing.entry.at_the_gate import paired_scanner

PARIS = ZoneInfo("Europe/Paris")
TOMORROW = datetime.now(PARIS).date() + timedelta(days=1)


async def visitor(museum: Museum, name: str, slot: Slot) -> Order:
    customer = {"name": name, "email": "kestrel@example.org"}
    body = {
        "lines": [line(slot, museum.free_id)],
        "confirm": {"payment_method": "free", "customer": customer},
    }
    return read(await museum.ask("POST", "/orders", body), Order, 201)


async def slot_of(museum: Museum, days: int = 0, place: int = 0) -> Slot:
    day = TOMORROW + timedelta(days=days)
    return [slot for slot in await museum.slots() if slot.starts_at.astimezone(PARIS).date() == day][place]


async def found(museum: Museum, text: str, date: str = TOMORROW.isoformat()) -> list[dict[str, Any]]:
    answer = await museum.staff("GET", f"/entry/search?q={quote(text)}&date={date}")
    items: list[dict[str, Any]] = answer["items"]
    return items


async def test_a_visitor_is_found_as_staff_type_it(selling_museum: Museum):
    museum = selling_museum
    slot = await slot_of(museum)
    for name in ("Zoë Lefèvre-Œrsted", "Jean  Dupont", "Ada Lovelace"):
        await visitor(museum, name, slot)
    for text, expected in {
        "zoe": ["Zoë Lefèvre-Œrsted"],
        "LEFEVRE": ["Zoë Lefèvre-Œrsted"],
        "lefèvre zoe": ["Zoë Lefèvre-Œrsted"],
        "oersted": ["Zoë Lefèvre-Œrsted"],
        "Dupont, Jean".replace(",", ""): ["Jean Dupont"],
        "love": ["Ada Lovelace"],
        "dupont ada": [],
        "kestrel": [],
        "example.org": [],
        "%%%ada": [],
        "100%": [],
    }.items():
        names = [" ".join(one["name"].split()) for one in await found(museum, text)]
        assert (text, names) == (text, expected)


async def test_what_is_shown_of_a_visitor(selling_museum: Museum):
    museum = selling_museum
    slot = await slot_of(museum)
    order = await visitor(museum, "Ada Lovelace", slot)
    (ticket,) = order.tickets
    for text in (
        "lovelace",
        order.reference,
        order.reference[:4].lower(),
        f"{order.reference[:4]}-{order.reference[4:]}",
    ):
        (item,) = await found(museum, text)
        assert item == {
            "ticket_id": str(ticket.id),
            "short_code": ticket.short_code,
            "name": "Ada Lovelace",
            "reference": order.reference,
            "slot": item["slot"],
            "tariff": {"id": str(museum.free_id), "name": {"fr": "Gratuit"}, "proof": None},
            "offer": {"id": str(museum.offer_id), "name": {"fr": "Visite", "en": "Visit"}, "language": None},
            "status": "valid",
            "admitted_at": None,
        }
    assert (item["slot"]["id"], datetime.fromisoformat(item["slot"]["starts_at"])) == (str(slot.id), slot.starts_at)
    assert (await museum.scan(item["short_code"])).outcome == "admitted"
    assert (await found(museum, "lovelace"))[0]["admitted_at"]


async def test_only_visitors_of_the_day_are_found(selling_museum: Museum):
    museum = selling_museum
    await museum.staff("PATCH", f"/offers/{museum.offer_id}", {"sales": {"early_entry_minutes": 0}})
    await visitor(museum, "Ada Lovelace", await slot_of(museum, days=1, place=3))
    assert await found(museum, "lovelace") == []
    assert len(await found(museum, "lovelace", (TOMORROW + timedelta(days=1)).isoformat())) == 1


async def test_at_most_twenty_are_found(selling_museum: Museum):
    museum = selling_museum
    for place in range(3):
        for number in range(7):
            await visitor(museum, f"Ada {number}", await slot_of(museum, place=place))
    items = await found(museum, "ada")
    assert len(items) == 20
    assert [item["slot"]["starts_at"] for item in items] == sorted(item["slot"]["starts_at"] for item in items)


async def test_a_scanner_finds_only_with_the_right_and_at_its_own_venue(selling_museum: Museum):
    museum = selling_museum
    await visitor(museum, "Ada Lovelace", await slot_of(museum))
    garden = await museum.staff(
        "POST", "/venues", {"name": {"fr": "Jardin"}, "timezone": "Europe/Paris", "gates": ["Grille"]}, status=201
    )
    path = f"/entry/search?q=lovelace&date={TOMORROW}"
    assert (await (await paired_scanner(museum)).ask("GET", path)).status_code == 403
    here = await paired_scanner(museum, museum.gate_id, may_search=True)
    there = await paired_scanner(museum, UUID(garden["gates"][0]["id"]), may_search=True)
    assert [len((await one.ask("GET", path)).json()["items"]) for one in (here, there)] == [1, 0]
    for scope, status in (("orders:read", 200), ("entry:search", 200), ("entry:scan", 403)):
        key = (await museum.make_key(scope))["secret"]
        assert (await museum.ask("GET", path, key=key)).status_code == status


@pytest.mark.parametrize("text", ["", "ab", "a b", "--- --", "%%%", "  "])
async def test_three_letters_are_needed(selling_museum: Museum, text: str):
    path = f"/entry/search?q={quote(text)}"
    answer = await selling_museum.ask("GET", path, key=selling_museum.admin_key)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#/q")


def test_words_are_few_and_plain():
    assert search_words("  Élodie  D'ŒUVRE ") == ["elodie", "d'oeuvre"]
    assert len(search_words("a b c d e f g h")) == 6
    with pytest.raises(Invalid):
        search_words("\u0301\u0301\u0301ab")
