import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.settings import GatewaySettings
from tests.gateway.house import CASTLE_KEY, MUSEUM, MUSEUM_KEY, ORDER_TOKEN, UNLIMITED, E, House, bearer

ORDER = {"lines": [{"slot_id": "a", "quantity": 2}]}


async def test_visitor_reads_availability_from_inventory(house: House):
    answer = await house.client.get(f"{E}/offers/42/availability")

    assert (answer.status_code, answer.json()) == (200, {"establishment": MUSEUM.slug, "offer": "42"})


async def test_body_reaches_the_service_and_its_answer_the_visitor(house: House):
    answer = await house.client.post(f"{E}/orders", json=ORDER)

    assert (answer.status_code, answer.json()) == (201, ORDER)


async def test_problem_of_a_service_passes_unchanged(house: House):
    answer = await house.client.post(f"{E}/orders", json={"lines": [{"slot_id": "a", "quantity": -1}]})

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"] == [{"pointer": "#/lines/0/quantity", "detail": "This must be at least 1."}]


async def test_bug_in_a_service_leaks_nothing(house: House):
    answer = await house.client.get(f"{E}/broken")

    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "secret detail" not in answer.text


async def test_bug_in_an_application_without_error_handling_leaks_nothing():
    async def broken(*_: object) -> None:
        raise RuntimeError("secret detail")

    house = House(upstreams={"inventory": broken, "ticketing": broken})
    answer = await house.client.get(f"{E}/orders/1")

    assert (answer.status_code, answer.json()["code"]) == (500, "internal")


@pytest.mark.parametrize("headers", [{}, bearer(MUSEUM_KEY)])
async def test_ticketing_without_database_is_unavailable(house: House, headers: dict[str, str]):
    house.registry.is_down = True
    answer = await house.client.get(f"{E}/orders/1", headers=headers)

    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "unavailable", "1")


async def test_identity_headers_of_a_client_reach_no_service(house: House):
    forged = {
        "Parvis-Principal": "eyJhbGciOiJub25lIn0.e30.",
        "X-User": "root",
        "X-Tenant": "chateau-demo",
        "X-Forwarded-For": "203.0.113.9",
        "Forwarded": "for=203.0.113.9",
        "X_User": "root",
        "Remote-User": "root",
        "Cookie": "session=1",
        "Connection": "keep-alive, x-secret, accept",
        "TE": "trailers",
        "X-Request-Id": "forged",
    }
    seen = (await house.client.get(f"{E}/orders/1", headers=forged)).json()

    assert (seen["actor"], seen["client"]) == ("visitor", "127.0.0.1")
    assert set(seen["headers"]) == {"accept-encoding", "user-agent", "x-request-id"}
    assert seen["headers"]["x-request-id"] != "forged"


async def test_key_becomes_a_principal_and_stays_at_the_gateway(house: House):
    seen = (await house.client.get(f"{E}/orders/1", headers=bearer(MUSEUM_KEY))).json()

    assert (seen["actor"], seen["scopes"]) == ("key:1", ["admin"])
    assert "authorization" not in seen["headers"]


async def test_token_in_the_query_of_an_order_becomes_a_principal(house: House):
    seen = (await house.client.get(f"{E}/orders/1?view=a%26b&token={ORDER_TOKEN}")).json()

    assert (seen["actor"], seen["query"]) == ("order:3", "view=a%26b")


async def test_token_in_the_query_counts_nowhere_else(house: House):
    await house.client.get(f"{E}/offers/1/availability?token={ORDER_TOKEN}")
    await house.client.post(f"{E}/orders?token={ORDER_TOKEN}", json=ORDER)

    assert [question.credential for question in house.registry.asked] == [None]


@pytest.mark.parametrize("value", ["Basic dXNlcjpwYXNz", "Bearer", "Bearer a b", "Bearer é", "Bearer " + "a" * 3000])
async def test_what_is_no_bearer_token_is_refused_unasked(house: House, value: str):
    answer = await house.client.get(f"{E}/orders/1", headers={"authorization": value.encode()})

    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert house.registry.asked == []


async def test_key_of_another_establishment_looks_like_what_does_not_exist(house: House):
    foreign = await house.client.get(f"{E}/orders/1", headers=bearer(CASTLE_KEY))
    absent = await house.client.get("/v1/establishments/nowhere/orders/1", headers=bearer(CASTLE_KEY))

    assert (foreign.status_code, foreign.content) == (404, absent.content)


async def test_stranger_is_told_to_bring_a_key(house: House):
    assert (await house.client.get(f"{E}/closures")).status_code == 401
    assert (await house.client.get(f"{E}/closures", headers=bearer(ORDER_TOKEN))).status_code == 403


@pytest.mark.parametrize("length", [1_000_001, 10**30])
async def test_announced_body_that_is_too_long_is_refused_unread(house: House, length: int):
    answer = await house.client.post(f"{E}/orders", content=b"", headers={"content-length": str(length)})

    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert house.registry.asked == []


async def test_streamed_body_that_is_too_long_is_refused(house: House):
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(1000):
            yield b" " * 10_000

    answer = await house.client.post(f"{E}/orders", content=endless(), headers={"content-type": "application/json"})

    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


async def test_body_that_does_not_arrive_is_refused():
    settings = GatewaySettings(public_url="http://a.example", limits=UNLIMITED, body_timeout_seconds=0.05)
    house = House(settings)
    arrives = asyncio.Event()

    async def hesitant() -> AsyncIterator[bytes]:
        yield b"{"
        await arrives.wait()
        yield b"}"

    answer = await house.client.post(f"{E}/orders", content=hesitant(), headers={"content-type": "application/json"})

    assert (answer.status_code, answer.json()["code"]) == (408, "body_too_slow")


@pytest.mark.parametrize("name", ["authorization", "host", "idempotency-key", "content-type"])
async def test_header_that_is_sent_twice_is_refused(house: House, name: str):
    headers = [(name, "Bearer a"), (name, "Bearer b")]
    answer = await house.client.get(f"{E}/orders/1", headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_request")


async def test_head_is_a_get_without_a_body(house: House):
    full = await house.client.get(f"{E}/offers/42/availability")
    head = await house.client.head(f"{E}/offers/42/availability")

    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == full.headers["content-length"]


@pytest.mark.parametrize("method", ["COPY", "TRACE", "CONNECT", "BREW"])
async def test_method_that_the_api_does_not_know_is_refused(house: House, method: str):
    answer = await house.client.request(method, f"{E}/orders/1")

    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"


async def test_options_tell_the_methods_of_a_resource(house: House):
    answers = [await house.client.options(f"{E}{path}") for path in ("/orders/1", "/orders", "/nowhere")]

    assert [answer.status_code for answer in answers] == [204, 204, 404]
    assert [answer.headers.get("allow") for answer in answers] == ["GET, HEAD, OPTIONS", "POST, OPTIONS", None]


async def test_method_that_a_resource_does_not_know_is_refused(house: House):
    answer = await house.client.delete(f"{E}/orders/1")

    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, OPTIONS")


async def test_page_of_another_origin_may_order(house: House):
    asked = {"origin": "https://museum.example", "access-control-request-method": "POST"}
    preflight = await house.client.options(f"{E}/orders", headers=asked)
    answer = await house.client.post(f"{E}/orders", json=ORDER, headers={"origin": "https://museum.example"})

    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert "POST" in preflight.headers["access-control-allow-methods"]
    assert "Idempotency-Key" in preflight.headers["access-control-allow-headers"]
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers
    assert house.registry.asked != []


@pytest.mark.parametrize("path", [f"{E}/offers/1/availability", f"{E}/nowhere", "/docs", "/nowhere", "/livez"])
async def test_every_answer_carries_security_headers(house: House, path: str):
    headers = (await house.client.get(path)).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["strict-transport-security"] == "max-age=31536000"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert len(headers["x-request-id"]) == 32
    assert "server" not in headers


async def test_plain_http_instance_does_not_promise_https():
    house = House(GatewaySettings(public_url="http://127.0.0.1:8000", limits=UNLIMITED))

    assert "strict-transport-security" not in (await house.client.get("/livez")).headers


async def test_answers_are_not_stored_unless_a_service_says_so(house: House):
    assert (await house.client.get(f"{E}/orders/1")).headers["cache-control"] == "no-store"


async def test_address_is_believed_only_from_a_trusted_proxy():
    house = House(
        GatewaySettings(public_url="https://a.example", limits=UNLIMITED, trusted_proxies=("10.0.0.0/8", "::1"))
    )
    forwarded = {"x-forwarded-for": "198.51.100.1, 203.0.113.7, 10.0.0.2"}
    through_proxy = await house.client_from("10.0.0.1").get(f"{E}/orders/1", headers=forwarded)
    directly = await house.client_from("192.0.2.1").get(f"{E}/orders/1", headers=forwarded)

    assert through_proxy.json()["client"] == "203.0.113.7"
    assert directly.json()["client"] == "192.0.2.1"
