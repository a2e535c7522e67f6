import asyncio

import pytest

from gateway.identity import Identities
from services.kit.errors import Unauthenticated
from services.ticketing.contract import Authenticate
from tests.gateway.house import CASTLE_KEY, MUSEUM, MUSEUM_KEY, E, House, Registry, bearer

PATH = f"{E}/offers/1/availability"


async def test_visitors_ask_ticketing_once_a_second(house: House):
    for _ in range(3):
        await house.client.get(PATH)
    assert house.registry.asked == [Authenticate(establishment=MUSEUM.slug, credential=None)]

    house.now += 1.01
    await house.client.get(PATH)
    assert len(house.registry.asked) == 2


async def test_many_at_once_ask_ticketing_once(house: House):
    house.registry.pause_seconds = 0.01
    answers = await asyncio.gather(*(house.client.get(PATH) for _ in range(50)))

    assert {answer.status_code for answer in answers} == {200}
    assert len(house.registry.asked) == 1


async def test_revoked_key_stops_working_when_it_is_forgotten(house: House):
    assert (await house.client.get(PATH, headers=bearer(MUSEUM_KEY))).status_code == 200
    del house.registry.credentials[MUSEUM_KEY]
    assert (await house.client.get(PATH, headers=bearer(MUSEUM_KEY))).status_code == 200

    house.now += 1.01
    assert (await house.client.get(PATH, headers=bearer(MUSEUM_KEY))).status_code == 401


async def test_refusal_is_not_remembered(house: House):
    principal = house.registry.credentials.pop(MUSEUM_KEY)
    assert (await house.client.get(PATH, headers=bearer(MUSEUM_KEY))).status_code == 401

    house.registry.credentials[MUSEUM_KEY] = principal
    assert (await house.client.get(PATH, headers=bearer(MUSEUM_KEY))).status_code == 200


async def test_key_is_remembered_for_its_own_establishment_only(house: House):
    assert (await house.client.get(PATH, headers=bearer(MUSEUM_KEY))).status_code == 200
    castle = PATH.replace(MUSEUM.slug, "chateau-demo")

    assert (await house.client.get(castle, headers=bearer(MUSEUM_KEY))).status_code == 404
    assert (await house.client.get(castle, headers=bearer(CASTLE_KEY))).status_code == 200


async def test_memory_is_bounded():
    registry = Registry()
    identities = Identities(registry, seconds=60, size=2, now=lambda: 0.0)
    questions = [Authenticate(card.slug, None) for card in registry.cards]
    questions.append(Authenticate(str(MUSEUM.id), None))
    for question in questions:
        await identities.principal(question)

    assert [identities.remembered(question) is not None for question in questions] == [False, True, True]


async def test_nothing_is_remembered_for_more_than_two_seconds():
    now = 0.0
    identities = Identities(Registry(), seconds=3600, size=10, now=lambda: now)
    question = Authenticate(MUSEUM.slug, MUSEUM_KEY)
    await identities.principal(question)

    now = 1.99
    assert identities.remembered(question) is not None
    now = 2.01
    assert identities.remembered(question) is None


async def test_caller_that_leaves_does_not_take_the_answer_along():
    registry = Registry()
    registry.pause_seconds = 0.02
    identities = Identities(registry, seconds=1, size=10, now=lambda: 0.0)
    question = Authenticate(MUSEUM.slug, MUSEUM_KEY)
    leaving = asyncio.create_task(identities.principal(question))
    staying = asyncio.create_task(identities.principal(question))
    await asyncio.sleep(0)
    leaving.cancel()

    assert (await staying).actor == "key:1"
    assert len(registry.asked) == 1


async def test_failure_that_nobody_waits_for_stays_silent():
    registry = Registry()
    registry.pause_seconds = 0.01
    identities = Identities(registry, seconds=1, size=10, now=lambda: 0.0)
    asking = asyncio.create_task(identities.principal(Authenticate(MUSEUM.slug, "wrong")))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    with pytest.raises(Unauthenticated):
        await identities.principal(Authenticate(MUSEUM.slug, "wrong"))
