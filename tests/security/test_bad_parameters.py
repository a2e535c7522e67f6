"""Paths, queries and headers that are wrong, and requests that are well formed but cannot be meant."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.security.attempts import PREPARE
from tests.security.rights import OFFER, WHO_MAY, E
from tests.security.test_bad_input import check_problem
from tests.security.test_foreign_ids import IN_PATHS
from tests.security.world import CUSTOMER, World, calendar_body, closure_body, order_body

LISTS = [
    name
    for name in WHO_MAY
    if name.startswith("GET ")
    and name.rpartition("/")[2] in {"api-keys", "venues", "gauges", "offers", "calendars", "closures", "orders"}
]
TODAY = datetime.now(UTC).date()


def _encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


CURSORS = [
    "x",
    "=",
    "====",
    "é",
    "a b",
    "\0",
    "'; DROP TABLE orders; --",
    "a" * 400,
    *map(
        _encoded, ["", "[]", "{}", "null", "1", '["x"]', "[1]", '["x", "y"]', '[["x"], ["y"]]', '["2026-01-01", "y"]']
    ),
    _encoded(f'["0001-01-01T00:00:00+14:00", "{uuid4()}"]'),
    _encoded(f'["9999-12-31T23:59:59-14:00", "{uuid4()}"]'),
    _encoded(f'["2026-01-01T00:00:00", "{uuid4()}"]'),
    _encoded('["\\u0000", "\\u0000"]'),
]


@pytest.mark.parametrize(
    "bad", ["x", "0", "null", "00000000-0000-0000-0000-00000000000g", "%00", "*", "1;--", "a" * 1000]
)
@pytest.mark.parametrize(("operation", "name"), IN_PATHS)
async def test_a_malformed_id_in_a_path_names_nothing(world: World, operation: str, name: str, bad: str) -> None:
    attempt = await PREPARE[operation](world, world.ours)
    attempt.ids[name] = bad
    response = await attempt.send(world, operation, world.ours.slug, world.ours.admin_key)
    assert (response.status_code, check_problem(response).code) in {(404, "not_found"), (405, "method_not_allowed")}


@pytest.mark.parametrize("limit", ["0", "101", "-1", "abc", "", "1.5", "9" * 50, "\0", "1\n", "true", "０"])
async def test_a_limit_out_of_bounds_is_refused(world: World, limit: str) -> None:
    for operation in LISTS:
        response = await _list(world, operation, limit=limit)
        problem = check_problem(response)
        assert (operation, response.status_code, [error.pointer for error in problem.errors]) == (
            operation,
            422,
            ["#/limit"],
        )


@pytest.mark.parametrize("cursor", CURSORS)
async def test_a_cursor_of_ones_own_making_is_refused(world: World, cursor: str) -> None:
    for operation in LISTS:
        response = await _list(world, operation, cursor=cursor)
        problem = check_problem(response)
        assert (operation, response.status_code, [error.pointer for error in problem.errors]) == (
            operation,
            422,
            ["#/cursor"],
        )


async def _list(world: World, operation: str, **query: str) -> httpx.Response:
    attempt = await PREPARE[operation](world, world.ours)
    path = operation.removeprefix("GET ").format(establishment="ours", **attempt.ids)
    return await world.ask("GET", path, world.ours.admin_key, params=query)


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"from": "2026-02-30"}, "#/from"),
        ({"from": "yesterday"}, "#/from"),
        ({"from": ""}, "#/from"),
        ({"from": "2026-01-01T00:00:00"}, "#/from"),
        ({"from": "0001-01-01"}, "#/from"),
        ({"from": "0001-01-01T00:00:00+14:00"}, "#/from"),
        ({"from": "9999-12-31T23:59:59-14:00"}, "#/from"),
        ({"from": "2026-01-01\0"}, "#/from"),
        ({"until": "2026-13-01"}, "#/until"),
        ({"from": str(TODAY), "until": str(TODAY - timedelta(days=1))}, "#/until"),
        ({"from": str(TODAY), "until": str(TODAY + timedelta(days=62))}, "#/until"),
        ({"until": "2199-12-31"}, "#/until"),
        ({"from": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"}, "#/until"),
        ({"view": "weeks"}, "#/view"),
        ({"view": ""}, "#/view"),
    ],
)
async def test_a_window_that_cannot_be_is_refused(world: World, query: dict[str, str], pointer: str) -> None:
    path = f"{world.ours.base}/offers/{world.ours.ids['offer_id']}/availability"
    response = await world.ask("GET", path, params=query)
    problem = check_problem(response)
    assert (response.status_code, [error.pointer for error in problem.errors]) == (422, [pointer])


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"status": "lost"}, "#/status"),
        ({"from": "yesterday"}, "#/from"),
        ({"from": "2026-01-01"}, "#/from"),
        ({"from": "2026-01-01T00:00:00"}, "#/from"),
        ({"from": "1700000000"}, "#/from"),
        ({"from": "0001-01-01T00:00:00+14:00"}, "#/from"),
        ({"from": "9999-12-31T23:59:59-14:00"}, "#/from"),
        ({"reference": "x" * 21}, "#/reference"),
        ({"reference": "\0"}, "#/reference"),
        ({"email": "x" * 255}, "#/email"),
        ({"email": "a@b.c\0"}, "#/email"),
    ],
)
async def test_a_filter_that_means_nothing_is_refused(world: World, query: dict[str, str], pointer: str) -> None:
    response = await world.ask("GET", f"{world.ours.base}/orders", world.ours.admin_key, params=query)
    problem = check_problem(response)
    assert (response.status_code, [error.pointer for error in problem.errors]) == (422, [pointer])


@pytest.mark.parametrize("after", ["-1", "x", "1.5", "", str(2**63), "9" * 40, "\0"])
async def test_a_place_in_the_log_is_a_number(world: World, after: str) -> None:
    response = await world.ask("GET", f"{world.ours.base}/events", world.ours.admin_key, params={"after": after})
    problem = check_problem(response)
    assert (response.status_code, [error.pointer for error in problem.errors]) == (422, ["#/after"])


@pytest.mark.parametrize("key", ["", '""', "x" * 256, "short", '"short"', "fifteen letters", " " * 20, f'"{"x" * 15}"'])
async def test_a_visitor_needs_a_key_that_nobody_guesses(world: World, key: str) -> None:
    response = await world.ask(
        "POST", f"{world.ours.base}/orders", None, order_body(world.ours), headers={"idempotency-key": key}
    )
    problem = check_problem(response)
    assert response.status_code in (400, 422)
    assert "Idempotency-Key" in problem.detail


@pytest.mark.parametrize("key", ["", '""', "x" * 256, " "])
async def test_a_key_has_one_to_255_characters(world: World, key: str) -> None:
    response = await world.ask(
        "POST",
        f"{world.ours.base}/orders",
        world.ours.admin_key,
        order_body(world.ours),
        headers={"idempotency-key": key},
    )
    problem = check_problem(response)
    assert response.status_code in (400, 422)
    assert "Idempotency-Key" in problem.detail


MOMENTS = [
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "2026-02-30T00:00:00Z",
    "2026-01-01T00:00:00",
    "2026-01-01T24:00:00Z",
    "now",
]


@pytest.mark.parametrize("moment", MOMENTS)
async def test_moments_that_nobody_means_are_refused(world: World, moment: str) -> None:
    ours = world.ours
    scan = {"id": str(uuid4()), "code": "x", "gate_id": ours.ids["gate_id"], "scanned_at": moment}
    bodies: list[tuple[str, str, Any, str]] = [
        ("POST", "/api-keys", {"name": "x", "scopes": ["admin"], "expires_at": moment}, "#/expires_at"),
        ("POST", "/closures", closure_body() | {"from": moment}, "#/from"),
        ("POST", "/closures", closure_body() | {"until": moment}, "#/until"),
        ("PATCH", f"/offers/{ours.ids['offer_id']}", {"sales": {"opens_at": moment}}, "#/sales/opens_at"),
        ("POST", "/scans", scan, "#/scanned_at"),
    ]
    for method, path, body, pointer in bodies:
        response = await world.ask(method, f"{ours.base}{path}", ours.admin_key, body)
        problem = check_problem(response)
        assert (path, response.status_code, [error.pointer for error in problem.errors]) == (path, 422, [pointer])


@pytest.mark.parametrize(
    "change",
    [
        {"valid_from": "2026-02-30"},
        {"valid_from": "0001-01-01"},
        {"valid_from": "9999-12-31", "valid_until": None},
        {"valid_until": str(TODAY - timedelta(days=1))},
        {"first_start": "24:00"},
        {"first_start": "11:00"},
        {"last_start": "09:00"},
        {"weekdays": []},
        {"weekdays": [0]},
        {"weekdays": [8]},
        {"every_minutes": 0},
        {"duration_minutes": -5},
        {"capacity": -1},
        {"capacity": 2**31},
        {"valid_until": "2199-12-31", "first_start": "00:00", "last_start": "23:55", "every_minutes": 5},
    ],
)
async def test_a_calendar_that_cannot_be_is_refused(world: World, change: dict[str, Any]) -> None:
    path = f"{world.ours.base}/offers/{world.ours.ids['offer_id']}/calendars"
    response = await world.ask("POST", path, world.ours.admin_key, calendar_body() | change)
    assert check_problem(response).errors
    assert response.status_code == 422


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"lines": []}, "#/lines"),
        ({"hold_minutes": 0}, "#/hold_minutes"),
        ({"hold_minutes": 121}, "#/hold_minutes"),
        ({"channel": ""}, "#/channel"),
        ({"confirm": {"payment_method": "free"}}, "#/customer"),
        ({"customer": CUSTOMER | {"email": "nobody"}}, "#/customer/email"),
        ({"customer": CUSTOMER | {"name": "A\r\nBcc: b@c.example"}}, "#/customer/name"),
    ],
)
async def test_an_order_that_cannot_be_is_refused(world: World, change: dict[str, Any], pointer: str) -> None:
    response = await world.ask("POST", f"{world.ours.base}/orders", None, order_body(world.ours) | change)
    assert [error.pointer for error in check_problem(response).errors] == [pointer]
    assert response.status_code == 422


@pytest.mark.parametrize("quantity", [0, -1, 501, 2**31, 2**63, 10**30])
async def test_a_quantity_that_cannot_be_is_refused(world: World, quantity: int) -> None:
    response = await world.ask("POST", f"{world.ours.base}/orders", None, order_body(world.ours, quantity=quantity))
    assert [error.pointer for error in check_problem(response).errors] == ["#/lines/0/quantity"]
    assert response.status_code == 422


async def test_one_slot_in_several_lines_is_counted_together(world: World) -> None:
    """Twice the same tariff, and another one beside it: three lines, one gauge, so many places."""
    ours = world.ours
    slot = ours.slots[2]
    tariffs = [ours.ids["free_tariff_id"], ours.ids["free_tariff_id"], ours.ids["tariff_id"]]
    lines = [{"slot_id": slot, "tariff_id": tariff, "quantity": 2} for tariff in tariffs]
    before = await _remaining(world, slot)
    response = await world.ask("POST", f"{ours.base}/orders", None, {"lines": lines})
    assert response.status_code == 201
    assert [line["quantity"] for line in response.json()["lines"]] == [2, 2, 2]
    assert await _remaining(world, slot) == before - 6
    too_many = [line | {"quantity": 400} for line in lines]
    assert (await world.ask("POST", f"{ours.base}/orders", None, {"lines": too_many})).status_code == 422
    assert await _remaining(world, slot) == before - 6


async def _remaining(world: World, slot: str) -> int:
    path = f"{world.ours.base}/offers/{world.ours.ids['offer_id']}/availability"
    slots = (await world.ask("GET", path)).json()["slots"]
    return int(next(one["remaining"] for one in slots if one["id"] == slot))


@pytest.mark.parametrize("operation", [f"POST {E}/offers", f"PATCH {OFFER}"])
async def test_one_gauge_named_twice_is_one_fault(world: World, operation: str) -> None:
    attempt = await PREPARE[operation](world, world.ours)
    assert isinstance(attempt.body, dict)
    attempt.body["gauge_ids"] = [world.ours.ids["gauge_id"]] * 2
    response = await attempt.send(world, operation, world.ours.slug, world.ours.admin_key)
    assert [error.pointer for error in check_problem(response).errors] == ["#/gauge_ids/1"]


@pytest.mark.parametrize(
    "path",
    [
        "/v1",
        "/v1/",
        "/v2/establishments",
        "/v1/establishments/ours/nothing",
        "/.env",
        "/v1/establishments/a%2fb",
        "/v1/establishments/%00",
    ],
)
async def test_what_is_not_there_is_not_found(world: World, path: str) -> None:
    response = await world.ask("GET", path, world.ours.admin_key)
    assert (response.status_code, check_problem(response).code) == (404, "not_found")


@pytest.mark.parametrize("method", ["PUT", "TRACE", "CONNECT", "PROPFIND"])
async def test_a_method_that_a_resource_does_not_know_is_refused(world: World, method: str) -> None:
    response = await world.ask(method, f"{world.ours.base}/orders", world.ours.admin_key)
    assert (response.status_code, check_problem(response).code) == (405, "method_not_allowed")
