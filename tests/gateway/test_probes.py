import asyncio

import httpx

from gateway.settings import GatewaySettings
from tests.gateway.house import UNLIMITED, E, House, bearer


async def test_live_process_is_live_whatever_else_is_not(house: House):
    house.registry.is_down = True
    answer = await house.client.get("/livez")

    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})
    assert house.registry.asked == []


async def test_ready_when_the_database_answers(house: House):
    assert (await house.client.get("/readyz")).json() == {"status": "ready"}
    house.registry.is_down = True
    house.now += 1.1
    answer = await house.client.get("/readyz")

    assert (answer.status_code, answer.json()["detail"]) == (503, "The database does not answer.")


async def test_asking_often_looks_once_a_second(house: House):
    await asyncio.gather(*(house.client.get("/readyz") for _ in range(20)))

    assert len(house.registry.asked) == 1


async def test_database_that_hangs_is_not_ready():
    settings = GatewaySettings(public_url="https://a.example", limits=UNLIMITED, readiness_timeout_seconds=0.02)
    house = House(settings)
    house.registry.pause_seconds = 0.2

    assert (await house.client.get("/readyz")).status_code == 503


async def test_metrics_name_routes_and_never_paths(house: House):
    await house.client.get(f"{E}/offers/canary-4711/availability")
    await house.client.get("/canary-4711")
    text = (await house.client.get("/metrics")).text

    assert (
        'parvis_requests_total{method="GET",route="/v1/establishments/{establishment}/offers/{offer_id}/availability",'
        'service="inventory",status="2xx"}'
    ) in text
    assert 'route="/{slug}",service="shop",status="4xx"' in text
    assert "canary" not in text


async def test_metrics_are_for_this_machine_and_for_who_holds_the_token():
    settings = GatewaySettings(public_url="https://a.example", limits=UNLIMITED, metrics_token="let-me-count")
    house = House(settings)
    stranger = house.client_from("203.0.113.1")
    answers: list[httpx.Response] = [
        await stranger.get("/metrics"),
        await stranger.get("/metrics", headers=bearer("wrong")),
        await stranger.get("/metrics", headers=bearer("let-me-count")),
        await house.client.get("/metrics"),
        # A proxy on this machine speaks for strangers.
        await house.client.get("/metrics", headers={"x-forwarded-for": "203.0.113.1"}),
    ]

    assert [answer.status_code for answer in answers] == [404, 404, 200, 200, 404]
