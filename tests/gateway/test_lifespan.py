import asyncio

import httpx
import pytest
from litestar.types import Receive, Scope, Send

from gateway.lifespan import Applications, StartError
from tests.gateway.house import E, House
from tests.gateway.served import served


async def test_services_start_in_order_and_stop_in_the_opposite_one(house: House):
    async with served(house.gateway):
        assert house.life.events == ["inventory starts", "ticketing starts"]

    assert house.life.events[2:] == ["ticketing stops", "inventory stops"]


async def test_draining_gateway_is_not_ready_but_serves(house: House):
    assert (await house.client.get("/readyz")).status_code == 200
    house.gateway.drain()

    assert (await house.client.get("/readyz")).status_code == 503
    assert (await house.client.get("/livez")).status_code == 200
    assert (await house.client.get(f"{E}/offers/1/availability")).status_code == 200


async def test_requests_in_flight_end_before_the_services_stop(house: House):
    inbox: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    outbox: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    living = asyncio.create_task(house.gateway({"type": "lifespan"}, inbox.get, outbox.put))
    await inbox.put({"type": "lifespan.startup"})
    assert await outbox.get() == {"type": "lifespan.startup.complete"}
    asking = asyncio.create_task(house.client.get(f"{E}/slow"))
    while not house.gateway._in_flight:  # noqa: ASYNC110 - the gateway announces nothing
        await asyncio.sleep(0.005)
    await inbox.put({"type": "lifespan.shutdown"})
    answer = await asking

    assert answer.status_code == 200
    assert "ticketing stops" not in house.life.events
    assert await outbox.get() == {"type": "lifespan.shutdown.complete"}
    await living
    assert house.life.events[-2:] == ["ticketing stops", "inventory stops"]


async def test_service_that_cannot_start_stops_those_that_had_started(house: House):
    async def broken(_: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    applications = Applications({"inventory": house.gateway._upstreams["inventory"], "ticketing": broken})
    with pytest.raises(StartError, match="ticketing: no database"):
        await applications.start()

    assert house.life.events == ["inventory starts", "inventory stops"]


async def test_application_without_lifespan_is_ready_as_it_is():
    async def simple(*_: object) -> None:
        raise NotImplementedError

    applications = Applications({"simple": simple})
    await applications.start()
    await applications.stop()


async def test_websocket_is_closed(house: House):
    sent: list[object] = []

    async def send(message: object) -> None:
        sent.append(message)

    await house.gateway({"type": "websocket", "path": "/v1"}, asyncio.Queue().get, send)

    assert sent == [{"type": "websocket.close", "code": 1008, "reason": ""}]


async def test_gateway_answers_over_a_socket(house: House):
    async with served(house.gateway) as url, httpx.AsyncClient() as client:
        answer = await client.get(f"{url}{E}/offers/1/availability")

    assert answer.status_code == 200
