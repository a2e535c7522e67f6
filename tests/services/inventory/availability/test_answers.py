"""Availability from memory: how fresh it is, and how often the database is asked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from time import monotonic
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from redis.asyncio import Redis

from gateway.lifespan import Lifespan
from services.inventory.app import create_app
from services.inventory.availability import answers as answers_module
from services.inventory.in_process import InProcessInventory
from services.kit.clock import SystemClock
from services.kit.hints import Hints
from services.kit.principal import Principal
from services.kit.sealing import Sealer
from services.kit.watched import WatchedDatabase
from tests.conftest import Instance
from tests.services.inventory.conftest import (
    SLUG,
    Client,
    Json,
    SetClock,
    WithPrincipal,
    calendar,
    sale,
    schedule,
)

FOR_EVER = 3600.0


class Process:
    """One process of inventory, with its own connections and memory."""

    def __init__(self, inventory: InProcessInventory, visitor: Client) -> None:
        self.inventory = inventory
        self.visitor = visitor

    async def remaining(self, offer_id: UUID, day: str) -> int:
        answer = await self.visitor.get(f"/offers/{offer_id}/availability", params={"from": day, "until": day})
        assert answer.status_code == 200, answer.text
        return answer.json()["slots"][0]["remaining"]


@asynccontextmanager
async def a_process(instance: Instance, establishment_id: UUID, *, with_hints: bool) -> AsyncIterator[Process]:
    database = WatchedDatabase(instance.inventory_url, pool_size=3)
    hints = Hints(instance.valkey_url) if with_hints else None
    if hints is not None:
        database.watch(hints.tell)
    inventory = InProcessInventory(database)
    app = create_app(inventory, database, clock=SystemClock(), sealer=Sealer(b"s" * 32), hints=hints)
    principal = Principal(establishment_id=establishment_id, establishment_slug=SLUG)
    transport = httpx.ASGITransport(WithPrincipal(app, principal))
    life = Lifespan("inventory", app)
    await life.start()
    async with httpx.AsyncClient(transport=transport, base_url=f"http://inventory/v1/establishments/{SLUG}") as visitor:
        yield Process(inventory, visitor)
    await life.stop()


@pytest.fixture
def day(clock: SetClock) -> str:
    return (clock.now().date() + timedelta(days=10)).isoformat()


@pytest_asyncio.fixture
async def slots(editor: Client, offer_id: UUID, clock: SetClock, day: str) -> list[Json]:
    """Two on each of three days, with 20 places."""
    assert (await editor.post(f"/offers/{offer_id}/calendars", json=calendar(clock))).status_code == 201
    return (await editor.get(f"/offers/{offer_id}/availability", params={"from": day})).json()["slots"]


async def seen_within_a_second(process: Process, offer_id: UUID, day: str, places: int) -> None:
    """Whoever asks a second after the sale, or later, is told of it."""
    sold_at = asked_at = monotonic()
    while await process.remaining(offer_id, day) != places:
        assert asked_at - sold_at < answers_module.MAX_AGE_SECONDS
        await asyncio.sleep(0.01)
        asked_at = monotonic()


async def test_change_of_another_process_is_seen_within_a_second_without_hints(
    instance: Instance, establishment_id: UUID, offer_id: UUID, slots: list[Json], day: str
):
    async with (
        a_process(instance, establishment_id, with_hints=False) as one,
        a_process(instance, establishment_id, with_hints=False) as other,
    ):
        places = 20
        for _ in range(3):
            assert await one.remaining(offer_id, day) in (places, places + 1)
            await other.inventory.place_hold(sale(establishment_id, slots[0]["id"], 1))
            places -= 1
            await seen_within_a_second(one, offer_id, day, places)


async def test_change_of_another_process_is_seen_at_once_with_hints(
    instance: Instance,
    establishment_id: UUID,
    offer_id: UUID,
    slots: list[Json],
    day: str,
    monkeypatch: pytest.MonkeyPatch,
):
    # Only a hint can make anybody look again.
    monkeypatch.setattr(answers_module, "MAX_AGE_SECONDS", FOR_EVER)
    async with (
        a_process(instance, establishment_id, with_hints=True) as one,
        a_process(instance, establishment_id, with_hints=True) as other,
    ):
        assert await one.remaining(offer_id, day) == 20
        for places in (19, 18, 17):
            await other.inventory.place_hold(sale(establishment_id, slots[0]["id"], 1))
            async with asyncio.timeout(5):
                while await one.remaining(offer_id, day) != places:  # noqa: ASYNC110 - it announces nothing
                    await asyncio.sleep(0.005)


async def test_own_change_is_seen_at_once(
    instance: Instance,
    establishment_id: UUID,
    offer_id: UUID,
    slots: list[Json],
    day: str,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(answers_module, "MAX_AGE_SECONDS", FOR_EVER)
    async with a_process(instance, establishment_id, with_hints=False) as process:
        assert await process.remaining(offer_id, day) == 20
        hold = await process.inventory.place_hold(sale(establishment_id, slots[0]["id"], 3, seconds=600))
        assert hold.state == "held"
        assert await process.remaining(offer_id, day) == 17
        await process.inventory.put_schedule(schedule(establishment_id, offer_id, published=False))
        gone = await process.visitor.get(f"/offers/{offer_id}/availability", params={"from": day, "until": day})
        assert gone.status_code == 404


async def test_valkey_that_forgets_its_listeners_costs_no_freshness(
    instance: Instance, establishment_id: UUID, offer_id: UUID, slots: list[Json], day: str
):
    async with (
        a_process(instance, establishment_id, with_hints=True) as one,
        a_process(instance, establishment_id, with_hints=True) as other,
        Redis.from_url(instance.valkey_url) as client,
    ):
        assert await one.remaining(offer_id, day) == 20
        await client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        await other.inventory.place_hold(sale(establishment_id, slots[0]["id"], 1))
        await seen_within_a_second(one, offer_id, day, 19)


@pytest.mark.usefixtures("slots")
async def test_everybody_at_once_is_one_question(visitor: Client, offer_id: UUID, day: str, statements: list[str]):
    path, params = f"/offers/{offer_id}/availability", {"from": day, "until": day}
    statements.clear()
    answers = await asyncio.gather(*(visitor.get(path, params=params) for _ in range(50)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert len(statements) == 1


@pytest.mark.usefixtures("slots")
async def test_sale_under_way_does_not_make_a_question_of_every_read(
    visitor: Client,
    inventory: InProcessInventory,
    establishment_id: UUID,
    offer_id: UUID,
    day: str,
    statements: list[str],
):
    path, params = f"/offers/{offer_id}/availability", {"from": day, "until": day}
    started, rounds = monotonic(), 15
    statements.clear()
    for _ in range(rounds):
        # Any write will do, and this one does not sell out.
        await inventory.put_schedule(schedule(establishment_id, offer_id))
        for _ in range(5):
            await visitor.get(path, params=params)
    counts = [statement for statement in statements if "shared_remaining" in statement]
    # Five at once, then ten a second; and never more than one for each change.
    assert len(counts) <= min(rounds + 1, 6 + 10 * (monotonic() - started))
