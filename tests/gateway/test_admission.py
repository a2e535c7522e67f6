import asyncio
from collections import Counter

import msgspec

from gateway.settings import GatewaySettings, Limits, Rate
from tests.gateway.house import MUSEUM, MUSEUM_KEY, ORDER_TOKEN, UNLIMITED, E, House, bearer

READ, WRITE = f"{E}/offers/1/availability", f"{E}/orders"
ORDER = {"lines": []}


def house_with(**limits: Rate) -> House:
    changed = msgspec.structs.replace(UNLIMITED, **limits)
    return House(GatewaySettings(public_url="https://a.example", limits=changed))


async def test_visitor_is_stopped_after_the_last_request_of_the_rate():
    house = house_with(visitor_reads=Rate(3, 60))
    answers = [await house.client.get(READ) for _ in range(4)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[0].headers["ratelimit-policy"] == '"read";q=3;w=60'
    assert [answer.headers["ratelimit"] for answer in answers] == [
        '"read";r=2;t=20',
        '"read";r=1;t=40',
        '"read";r=0;t=60',
        '"read";r=0;t=60',
    ]
    assert (answers[3].headers["retry-after"], answers[3].json()["code"]) == ("20", "rate_limited")


async def test_visitor_may_go_on_after_the_time_in_retry_after():
    house = house_with(visitor_reads=Rate(3, 60))
    for _ in range(4):
        await house.client.get(READ)
    house.now += 20

    assert [(await house.client.get(READ)).status_code for _ in range(2)] == [200, 429]


async def test_reads_writes_addresses_establishments_and_keys_count_apart():
    one = Rate(1, 60)
    house = house_with(visitor_reads=one, visitor_writes=one, key_reads=one, key_writes=one)
    elsewhere = house.client_from("192.0.2.9")
    attempts = [
        await house.client.get(READ),
        await house.client.post(WRITE, json=ORDER),
        await elsewhere.get(READ),
        await house.client.get(READ.replace(MUSEUM.slug, "chateau-demo")),
        await house.client.get(READ, headers=bearer(MUSEUM_KEY)),
        await house.client.post(WRITE, json=ORDER, headers=bearer(MUSEUM_KEY)),
        await house.client.get(READ, headers=bearer(ORDER_TOKEN)),
        await elsewhere.get(READ, headers=bearer(MUSEUM_KEY)),
        await elsewhere.get(READ),
    ]

    assert [answer.status_code for answer in attempts] == [200, 201, 200, 200, 200, 201, 200, 429, 429]


async def test_addresses_of_one_ipv6_household_count_together():
    house = house_with(visitor_reads=Rate(1, 60))
    addresses = ["2001:db8:1:2::1", "2001:db8:1:2:ffff::1", "2001:db8:1:3::1"]

    assert [(await house.client_from(address).get(READ)).status_code for address in addresses] == [200, 429, 200]


async def test_rate_of_0_is_no_limit():
    house = house_with()
    answers = [await house.client.get(READ) for _ in range(50)]

    assert {answer.status_code for answer in answers} == {200}
    assert "ratelimit" not in answers[0].headers


async def test_establishments_that_do_not_exist_cost_of_the_rate_too():
    house = house_with(visitor_reads=Rate(2, 60))

    assert [(await house.client.get(f"/v1/establishments/x{n}")).status_code for n in range(3)] == [404, 404, 429]


async def test_wrong_keys_are_stopped_at_20_a_minute():
    house = house_with(failed_authentications=Limits().failed_authentications)
    statuses = [(await house.client.get(READ, headers=bearer(f"guess{n}"))).status_code for n in range(30)]
    assert Counter(statuses) == {401: 20, 429: 10}
    assert len(house.registry.asked) == 20

    house.now += 60
    again = [(await house.client.get(READ, headers=bearer(f"more{n}"))).status_code for n in range(30)]
    assert Counter(again) == {401: 20, 429: 10}


async def test_wrong_keys_sent_all_at_once_are_stopped_at_20_a_minute():
    house = house_with(failed_authentications=Rate(20, 60))
    house.registry.pause_seconds = 0.005
    guesses = (house.client.get(READ, headers=bearer(f"guess{n}")) for n in range(200))
    statuses = [answer.status_code for answer in await asyncio.gather(*guesses)]

    assert Counter(statuses) == {401: 20, 429: 180}
    assert len(house.registry.asked) == 20


async def test_right_keys_sent_all_at_once_are_not_stopped():
    house = house_with(failed_authentications=Rate(2, 60))
    house.registry.pause_seconds = 0.001
    keys = [f"key{n}" for n in range(60)]
    house.registry.credentials |= dict.fromkeys(keys, house.registry.credentials[MUSEUM_KEY])
    answers = await asyncio.gather(*(house.client.get(READ, headers=bearer(key)) for key in keys))

    assert {answer.status_code for answer in answers} == {200}


async def test_key_that_was_right_lately_survives_a_neighbour_who_guesses():
    house = house_with(failed_authentications=Rate(1, 60))
    assert (await house.client.get(READ, headers=bearer(MUSEUM_KEY))).status_code == 200
    assert (await house.client.get(READ, headers=bearer("guess"))).status_code == 401
    assert (await house.client.get(READ, headers=bearer("guess"))).status_code == 429
    house.now += 5

    assert (await house.client.get(READ, headers=bearer(MUSEUM_KEY))).status_code == 200
    assert (await house.client.get(READ)).status_code == 200


async def test_wrong_pairing_codes_are_stopped():
    house = house_with(failed_authentications=Rate(2, 60))
    codes = ["wrong", "right", "wrong", "right", "wrong"]
    answers = [await house.client.post("/v1/devices/pairing", json={"code": code}) for code in codes]

    assert [answer.status_code for answer in answers] == [404, 201, 404, 429, 429]
