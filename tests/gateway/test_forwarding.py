import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
import jwt
import pytest
import pytest_asyncio
from litestar.types import Receive, Scope, Send

from gateway.forwarding import HttpUpstream, PrincipalTokens
from gateway.lifespan import Lifespan
from parvis.embedded.ports import free_port
from services.kit.principal import ANONYMOUS, Principal
from services.kit.principal_token import HEADER, PrincipalSigner, PrincipalVerifier, Service, signing_key
from services.kit.web import PrincipalFromToken
from tests.gateway.house import MUSEUM_KEY, E, House, bearer, inventory_app, ticketing_app
from tests.gateway.served import served

KEY = signing_key(b"tests" * 8)
SIGNER = PrincipalSigner(KEY, "gateway")


def upstream(url: str, service: Service = "ticketing") -> HttpUpstream:
    return HttpUpstream(url, service, SIGNER)


@asynccontextmanager
async def behind(inventory: str, ticketing: str = "") -> AsyncIterator[House]:
    house = House(
        upstreams={"inventory": upstream(inventory, "inventory"), "ticketing": upstream(ticketing or inventory)}
    )
    life = Lifespan("gateway", house.gateway)
    await life.start()
    yield house
    await life.stop()


@pytest_asyncio.fixture
async def apart() -> AsyncIterator[House]:
    """The same house with each service on a socket of its own."""
    async with AsyncExitStack() as stack:
        verifiers = {name: PrincipalVerifier(KEY.public_key(), name) for name in ("inventory", "ticketing")}
        inventory = await stack.enter_async_context(served(PrincipalFromToken(inventory_app(), verifiers["inventory"])))
        ticketing = await stack.enter_async_context(served(PrincipalFromToken(ticketing_app(), verifiers["ticketing"])))
        yield await stack.enter_async_context(behind(inventory, ticketing))


async def test_each_service_gets_its_requests(apart: House):
    availability = await apart.client.get(f"{E}/offers/42/availability")
    order = await apart.client.post(f"{E}/orders", json={"lines": [{"slot_id": "a", "quantity": 2}]})

    assert (availability.status_code, availability.json()["offer"]) == (200, "42")
    assert (order.status_code, order.json()) == (201, {"lines": [{"slot_id": "a", "quantity": 2}]})


async def test_principal_travels_signed(apart: House):
    seen = (await apart.client.get(f"{E}/orders/1?view=all&q=%C3%A9", headers=bearer(MUSEUM_KEY))).json()

    assert (seen["actor"], seen["scopes"], seen["query"]) == ("key:1", ["admin"], "view=all&q=%C3%A9")
    claims = jwt.decode(seen["headers"][HEADER], KEY.public_key(), algorithms=["EdDSA"], audience="ticketing")
    assert claims["exp"] - claims["iat"] == 60


async def test_forged_principal_is_replaced(apart: House):
    forged = SIGNER.token(Principal(actor="operator:1", scopes=frozenset({"operator"})), "ticketing")
    seen = (await apart.client.get(f"{E}/orders/1", headers={HEADER: forged})).json()

    assert seen["actor"] == "visitor"


async def test_problems_of_a_service_pass(apart: House):
    wrong = await apart.client.post(f"{E}/orders", json={"lines": [{"slot_id": "a", "quantity": -1}]})
    absent = await apart.client.get(f"{E}/nowhere")
    forbidden = await apart.client.get(f"{E}/closures")

    assert [answer.status_code for answer in (wrong, absent, forbidden)] == [422, 404, 401]
    assert {answer.headers["content-type"] for answer in (wrong, absent, forbidden)} == {"application/problem+json"}


async def test_long_body_is_refused_while_it_streams(apart: House):
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(1000):
            yield b" " * 10_000

    answer = await apart.client.post(f"{E}/orders", content=endless(), headers={"content-type": "application/json"})

    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


async def test_head_has_no_body(apart: House):
    answer = await apart.client.head(f"{E}/offers/42/availability")

    assert (answer.status_code, answer.content) == (200, b"")


async def test_gateway_is_ready_when_its_services_answer(apart: House):
    assert (await apart.client.get("/readyz")).status_code == 200


async def test_metrics_name_the_routes_of_services_elsewhere(apart: House):
    await apart.client.get("/openapi.json")
    await apart.client.get(f"{E}/orders/apart-4711")
    text = (await apart.client.get("/metrics")).text

    assert 'route="/v1/establishments/{establishment}/orders/{order_id}",service="ticketing",status="2xx"' in text
    assert "apart-4711" not in text


async def test_document_is_made_of_both(apart: House):
    document = (await apart.client.get("/openapi.json")).json()

    assert "/v1/establishments/{establishment}/offers/{offer_id}/availability" in document["paths"]
    assert "/v1/establishments/{establishment}/orders" in document["paths"]


async def test_service_that_is_down_is_unavailable():
    async with behind(f"http://127.0.0.1:{free_port()}") as house:
        read = await house.client.get(f"{E}/orders/1")
        write = await house.client.post(f"{E}/orders", json={"lines": []})
        ready = await house.client.get("/readyz")
        document = await house.client.get("/openapi.json")
        preflight = await house.client.options(f"{E}/orders")

    assert preflight.status_code == 204
    for answer in (read, write, ready, document):
        assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "unavailable", "1")


async def test_service_that_comes_back_is_used_again():
    port = free_port()
    app = PrincipalFromToken(ticketing_app(), PrincipalVerifier(KEY.public_key(), "ticketing"))
    async with behind(f"http://127.0.0.1:{port}") as house:
        assert (await house.client.get(f"{E}/orders/1")).status_code == 503
        for _ in range(2):
            async with served(app, port=port):
                assert (await house.client.get(f"{E}/orders/1")).status_code == 200


async def test_service_that_answers_too_late_is_unavailable(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("gateway.forwarding.TIMEOUT", httpx.Timeout(0.1))

    async def silent(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        await receive()
        await asyncio.sleep(0.3)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async with served_plainly(silent) as url, behind(url) as house:
        answer = await house.client.get(f"{E}/orders/1")

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


async def test_redirect_is_passed_back_and_not_followed():
    asked: list[str] = []

    async def elsewhere(scope: Scope, _: Receive, send: Send) -> None:
        asked.append(scope["path"])
        headers = [(b"location", b"/livez"), (b"server", b"secret/1.0"), (b"keep-alive", b"timeout=5")]
        await send({"type": "http.response.start", "status": 307, "headers": headers})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async with served_plainly(elsewhere) as url, behind(url) as house:
        answer = await house.client.get(f"{E}/orders/1")

    assert (answer.status_code, answer.headers["location"], len(asked)) == (307, "/livez", 1)
    assert not {"server", "keep-alive"} & set(answer.headers)


async def test_client_that_leaves_cancels_the_request():
    arrived, left = asyncio.Event(), asyncio.Event()

    async def patient(_: Scope, receive: Receive, __: Send) -> None:
        await receive()
        arrived.set()
        while (await receive())["type"] != "http.disconnect":
            pass
        left.set()

    async with served_plainly(patient) as url, behind(url) as house, served(house.gateway) as door:
        async with httpx.AsyncClient() as client:
            asking = asyncio.create_task(client.get(f"{door}{E}/orders/1"))
            await arrived.wait()
            asking.cancel()
        async with asyncio.timeout(5):
            await left.wait()


async def test_answer_is_streamed_as_it_comes():
    async with AsyncExitStack() as stack:
        verifier = PrincipalVerifier(KEY.public_key(), "ticketing")
        url = await stack.enter_async_context(served(PrincipalFromToken(ticketing_app(), verifier)))
        house = await stack.enter_async_context(behind(url))
        door = await stack.enter_async_context(served(house.gateway))
        client = await stack.enter_async_context(httpx.AsyncClient())
        async with client.stream("GET", f"{door}{E}/attendance/stream") as answer, asyncio.timeout(5):
            first = await anext(answer.aiter_text())

    assert (answer.headers["content-type"], "musee-demo" in first) == ("text/event-stream; charset=utf-8", True)


def test_token_is_signed_once_for_many_requests_and_apart_for_each_principal():
    tokens = PrincipalTokens(SIGNER, "ticketing")
    other = Principal(actor="key:1")

    assert tokens.token(ANONYMOUS) is tokens.token(ANONYMOUS)
    assert tokens.token(other) != tokens.token(ANONYMOUS)


def served_plainly(app: object):
    async def with_lifespan(scope: Scope, receive: Receive, send: Send) -> None:
        kind: str = scope["type"]
        if kind == "http":
            await app(scope, receive, send)
            return
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    return served(with_lifespan)
