"""One purchase sent by twenty impatient clients at once, to two processes: one order, and one answer for everybody."""

import asyncio
from contextlib import AsyncExitStack
from uuid import uuid4

import asyncpg
import httpx
import pytest

from parvis.settings import Settings
from parvis.verify import verify
from services.kit.idempotency import Answer, IdempotencyKey
from services.kit.principal import Principal
from services.ticketing.orders.desk import OrderDesk
from services.ticketing.orders.requests import NewOrder
from tests.races.sale import FREE, HttpShop, Sale, gateway_of_a_process, open_sale

CLIENTS = 20
KEYS = 4
PROCESSES = 2


@pytest.mark.parametrize("confirm", [FREE, None], ids=["in one call", "held"])
async def test_same_key_at_once_makes_one_order(
    settings: Settings, owner: asyncpg.Connection, processes: AsyncExitStack, confirm: object
):
    sale = await open_sale(settings, capacity=1000)
    shops = [HttpShop(await processes.enter_async_context(gateway_of_a_process(settings))) for _ in range(PROCESSES)]
    order = sale.order((sale.slots[0], 3), confirm=FREE if confirm else None)
    # One key after the other: alone in its batch, a repetition that comes too late to see the first is not helped by
    # the batch being tried again.
    for _ in range(KEYS):
        key = str(uuid4())
        answers = await asyncio.gather(
            *(_until_answered(shops[client % PROCESSES], sale, order, key) for client in range(CLIENTS))
        )
        assert len(set(answers)) == 1
    assert await owner.fetchval("SELECT count(*) FROM ticketing.orders") == KEYS
    assert await owner.fetchval("SELECT sum(held + sold)::int FROM inventory.gauges") == 3 * KEYS
    assert await verify(settings) == []


async def test_keys_that_are_forgotten_are_noticed(
    settings: Settings, owner: asyncpg.Connection, processes: AsyncExitStack, monkeypatch: pytest.MonkeyPatch
):
    create = OrderDesk.create

    async def forgetful(desk: OrderDesk, principal: Principal, new: NewOrder, _: IdempotencyKey | None) -> Answer:
        return await create(desk, principal, new, None)

    monkeypatch.setattr(OrderDesk, "create", forgetful)
    sale = await open_sale(settings, capacity=1000)
    shop = HttpShop(await processes.enter_async_context(gateway_of_a_process(settings)))
    order, key = sale.order((sale.slots[0], 3)), str(uuid4())
    answers = [await _until_answered(shop, sale, order, key) for _ in range(2)]
    assert len(set(answers)) == 2
    assert await owner.fetchval("SELECT count(*) FROM ticketing.orders") == 2


async def _until_answered(shop: HttpShop, sale: Sale, order: NewOrder, key: str) -> bytes:
    while True:
        response = await shop.post(sale, order, key)
        if response.status_code == httpx.codes.CREATED:
            return response.content
        # The first one still runs: what the API tells clients to do is wait and repeat.
        assert (response.status_code, response.json()["code"]) == (409, "idempotency_in_progress"), response.text
        await asyncio.sleep(0.05)
