"""Every POST that creates or changes something, sent twice with one key: the same bytes, and one effect."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TypeAlias
from uuid import uuid4

import httpx
import msgspec
import pytest

from tests.journeys.answers import Order, read, refusal
from tests.journeys.bank import Bank
from tests.journeys.museum import CAPACITY, Museum
from tests.journeys.visitor import ADA, buy, cancel, has_status, hold, line, look
from tests.journeys.waiting import eventually


class Request(msgspec.Struct, frozen=True):
    """`other` is what the same key may not be used for afterwards: a change of the body."""

    path: str
    body: Mapping[str, object]
    key: str | None = None
    other: Mapping[str, object] | None = None


Making: TypeAlias = Callable[[Museum], Awaitable[Request]]
MAKINGS: dict[str, Making] = {}


def post(making: Making) -> Making:
    """One more POST of the API; its function brings about the state in which it makes sense."""
    MAKINGS[making.__name__.removeprefix("_")] = making
    return making


@post
async def _venue(museum: Museum) -> Request:
    return Request(
        "/venues", {"name": {"fr": "Annexe"}, "timezone": "Europe/Paris"}, museum.admin_key, {"address": "Quai"}
    )


@post
async def _gauge(museum: Museum) -> Request:
    return Request(
        "/gauges", {"name": {"fr": "Ascenseur"}, "capacity": 12, "per": "slot_start"}, museum.admin_key, {"per": "day"}
    )


@post
async def _offer(museum: Museum) -> Request:
    venue = (await museum.staff("GET", "/venues"))["items"][0]["id"]
    return Request(
        "/offers", {"name": {"fr": "Atelier"}, "venue_id": venue, "kind": "timed"}, museum.admin_key, {"kind": "open"}
    )


@post
async def _tariff(museum: Museum) -> Request:
    body = {"name": {"fr": "Réduit"}, "price": {"amount": 900, "currency": "EUR"}, "vat_rate_bp": 550}
    return Request(f"/offers/{museum.offer_id}/tariffs", body, museum.admin_key, {"vat_rate_bp": 1000})


@post
async def _calendar(museum: Museum) -> Request:
    day = (datetime.now(UTC) + timedelta(days=10)).date().isoformat()
    body = {
        "valid_from": day,
        "valid_until": day,
        "weekdays": [1, 2, 3, 4, 5, 6, 7],
        "first_start": "10:00",
        "last_start": "10:00",
        "every_minutes": 60,
        "duration_minutes": 60,
        "capacity": 5,
    }
    return Request(f"/offers/{museum.offer_id}/calendars", body, museum.admin_key, {"capacity": 6})


@post
async def _closure(museum: Museum) -> Request:
    start = datetime.now(UTC) + timedelta(days=2)
    body = {"from": start.isoformat(), "until": (start + timedelta(hours=1)).isoformat(), "reason": {"fr": "Grève"}}
    return Request("/closures", body, museum.admin_key, {"reason": {"fr": "Neige"}})


@post
async def _api_key(museum: Museum) -> Request:
    return Request(
        "/api-keys", {"name": "Box office", "scopes": ["orders:write"]}, museum.admin_key, {"scopes": ["admin"]}
    )


@post
async def _signing_key(museum: Museum) -> Request:
    return Request("/signing-keys", {}, museum.admin_key)


@post
async def _held_order(museum: Museum) -> Request:
    return Request(
        "/orders", {"lines": [line((await museum.slots())[0], museum.full_id, 2)]}, other={"hold_minutes": 5}
    )


@post
async def _free_order(museum: Museum) -> Request:
    return await _one_call(museum, "free")


@post
async def _order_on_site(museum: Museum) -> Request:
    return await _one_call(museum, "on_site")


@post
async def _order_by_card(museum: Museum) -> Request:
    return await _one_call(museum, "stripe")


@post
async def _extension(museum: Museum) -> Request:
    order = await hold(museum, line((await museum.slots())[0], museum.full_id))
    return Request(f"/orders/{order.id}/extension", {}, order.access_token)


@post
async def _free_confirmation(museum: Museum) -> Request:
    order = await hold(museum, line((await museum.slots())[0], museum.free_id))
    return _confirmation(order, "free")


@post
async def _confirmation_by_card(museum: Museum) -> Request:
    order = await hold(museum, line((await museum.slots())[0], museum.full_id))
    return _confirmation(order, "stripe")


@post
async def _cancellation(museum: Museum) -> Request:
    order = await buy(museum, line((await museum.slots())[0], museum.free_id, 2))
    body = {"ticket_ids": [str(order.tickets[0].id)]}
    return Request(f"/orders/{order.id}/cancellation", body, museum.admin_key, {"ticket_ids": None})


@post
async def _giving_up(museum: Museum) -> Request:
    order = await hold(museum, line((await museum.slots())[0], museum.free_id, 2))
    return Request(f"/orders/{order.id}/cancellation", {}, order.access_token)


@post
async def _exchange(museum: Museum) -> Request:
    old, new = (await museum.slots())[5:7]
    order = await buy(museum, line(old, museum.free_id))
    body = {"ticket_ids": [str(order.tickets[0].id)], "slot_id": str(new.id)}
    return Request(f"/orders/{order.id}/exchange", body, order.access_token, {"slot_id": str(old.id)})


@post
async def _payment(museum: Museum) -> Request:
    order = await buy(museum, line((await museum.slots())[0], museum.full_id), method="on_site")
    return Request(f"/orders/{order.id}/payments", {"means": "cash"}, museum.admin_key, {"means": "card"})


@post
async def _refund(museum: Museum) -> Request:
    paid = await _payment(museum)
    await museum.staff("POST", paid.path, paid.body, status=201)
    path = paid.path.replace("/payments", "/refunds")
    return Request(path, {"reason": "Goodwill", "amount": 100}, museum.admin_key, {"amount": 200})


@pytest.mark.parametrize("name", MAKINGS)
async def test_repeated_post_gets_the_same_bytes_and_has_one_effect(museum: Museum, bank: Bank, name: str):
    await bank.tell(museum)
    request, key = await MAKINGS[name](museum), str(uuid4())
    first = await _send(museum, request, key)
    assert first.is_success, first.text
    events = await museum.events()
    second = await _send(museum, request, key)
    assert (second.status_code, second.content) == (first.status_code, first.content)
    assert await museum.events() == events

    if request.other is not None:
        reused = msgspec.structs.replace(request, body={**request.body, **request.other})
        assert refusal(await _send(museum, reused, key)) == (422, "idempotency_key_reused")


async def test_founding_is_repeated_safely(museum: Museum):
    http, key = museum.house.http, str(uuid4())
    body = {
        "slug": f"musee-{uuid4().hex}",
        "name": {"fr": "Musée"},
        "country": "FR",
        "timezone": "Europe/Paris",
        "currency": "EUR",
        "languages": ["fr"],
    }
    headers = {"authorization": f"Bearer {museum.house.operator_key}", "idempotency-key": key}
    first, second = [await http.post("/v1/establishments", json=body, headers=headers) for _ in range(2)]
    assert (first.status_code, second.content) == (201, first.content)


async def test_repeated_order_gets_its_first_answer_whatever_happened_since(museum: Museum):
    slot = (await museum.slots())[0]
    request, key = await _one_call(museum, "free"), str(uuid4())
    first = await _send(museum, request, key)
    order = read(first, Order, 201)
    await cancel(museum, order, key=museum.admin_key)
    await museum.staff("PATCH", f"/offers/{museum.offer_id}/tariffs/{museum.free_id}", {"archived": True})

    async def archived() -> bool:
        return (await _send(museum, request, str(uuid4()))).status_code == 422

    await eventually(archived)
    assert (await _send(museum, request, key)).content == first.content
    assert await museum.remaining(slot) == CAPACITY


async def test_card_order_is_repeated_after_it_was_paid(museum: Museum, bank: Bank):
    await bank.tell(museum)
    request, key = await _one_call(museum, "stripe"), str(uuid4())
    first = await _send(museum, request, key)
    order = read(first, Order, 201)
    await bank.pay(order)
    await eventually(lambda: has_status(museum, order, "confirmed"))
    assert (await _send(museum, request, key)).content == first.content
    assert (await look(museum, order)).valid_numbers == [1]


async def test_keys_of_two_clients_are_two_keys(museum: Museum):
    request, key = await _venue(museum), str(uuid4())
    other = (await museum.make_key("catalog:write"))["secret"]
    first, second = await _send(museum, request, key), await _send(museum, _as(request, other), key)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["id"] != second.json()["id"]


async def test_visitor_needs_a_key_that_nobody_guesses(museum: Museum):
    assert refusal(await _send(museum, await _held_order(museum), "1")) == (400, "malformed_request")


async def _send(museum: Museum, request: Request, key: str) -> httpx.Response:
    return await museum.ask("POST", request.path, request.body, key=request.key, idempotency_key=key)


async def _one_call(museum: Museum, method: str) -> Request:
    tariff = museum.free_id if method == "free" else museum.full_id
    confirm = {"payment_method": method, "customer": ADA}
    return Request(
        "/orders", {"lines": [line((await museum.slots())[0], tariff)], "confirm": confirm}, other={"hold_minutes": 5}
    )


def _confirmation(order: Order, method: str) -> Request:
    body = {"payment_method": method, "customer": ADA}
    other = {"customer": {**ADA, "name": "Ada Byron"}}
    return Request(f"/orders/{order.id}/confirmation", body, order.access_token, other)


def _as(request: Request, key: str) -> Request:
    return msgspec.structs.replace(request, key=key)


async def test_slug_and_id_of_an_establishment_make_the_same_request(museum: Museum):
    headers = {"authorization": f"Bearer {museum.admin_key}", "idempotency-key": str(uuid4())}
    body = {"name": {"fr": "Annexe"}, "timezone": "Europe/Paris"}
    answers = [
        await museum.house.http.post(f"/v1/establishments/{name}/venues", json=body, headers=headers)
        for name in (museum.slug, str(museum.id))
    ]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].content == answers[1].content
