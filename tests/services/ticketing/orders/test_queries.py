"""Lists of orders: the right ones, in the right order, and never more statements for more of them."""

from datetime import timedelta
from uuid import UUID

import pytest

from services.ticketing.orders.queries import Order, OrderFilter, list_orders
from services.ticketing.orders.requests import Customer
from tests.conftest import Instance
from tests.services.ticketing.shop import ADA, Shop
from tests.services.ticketing.statements import counted

GRACE = Customer(name="Grace Hopper", email="Grace@example.org")


@pytest.fixture
def instance(shared_instance: Instance) -> Instance:
    return shared_instance


async def listed(shop: Shop, limit: int = 10, **wanted: object) -> list[UUID]:
    return [order.id for order in await full(shop, limit, **wanted)]


async def full(shop: Shop, limit: int = 10, **wanted: object) -> list[Order]:
    return await shop.database.read(
        shop.tenant, lambda session: list_orders(session, shop.tenant, OrderFilter(**wanted), limit)
    )


async def test_orders_come_newest_first_with_all_that_belongs_to_them(shop: Shop):
    slot = await shop.slot()
    held = await shop.hold((slot, shop.full_id, 1), (slot, shop.free_id, 1))
    free = await shop.buy((slot, shop.free_id, 2))
    due = await shop.buy((slot, shop.full_id, 1), method="on_site")
    assert await full(shop) == [await shop.read(one) for one in (due, free, held)]
    assert await listed(shop, 2) == [due.id, free.id]


async def test_orders_are_found_by_what_one_knows_of_them(shop: Shop):
    slot = await shop.slot()
    ada = await shop.hold((slot, shop.free_id, 1), customer=ADA)
    grace = await shop.hold((slot, shop.free_id, 1), customer=GRACE)
    assert await listed(shop, reference=ada.reference) == [ada.id]
    assert await listed(shop, email="GRACE@Example.org") == [grace.id]
    assert await listed(shop, status="held") == [grace.id, ada.id]
    assert await listed(shop, status="confirmed") == []
    assert await listed(shop, created_from=grace.created_at) == [grace.id]
    assert await listed(shop, created_from=grace.created_at + timedelta(seconds=1)) == []


async def test_page_goes_on_after_the_last_order(shop: Shop):
    slot = await shop.slot()
    made = [await shop.hold((slot, shop.free_id, 1)) for _ in range(3)]
    newest, middle, oldest = await full(shop)
    assert [one.id for one in (oldest, middle, newest)] == [one.id for one in made]
    assert await listed(shop, after=(newest.created_at, newest.id)) == [middle.id, oldest.id]
    assert await listed(shop, after=(oldest.created_at, oldest.id)) == []


async def test_orders_of_another_establishment_are_not_listed(shop: Shop):
    await shop.hold((await shop.slot(), shop.free_id, 1), customer=ADA)
    stranger = UUID(int=7)
    found = await shop.database.read(
        stranger, lambda session: list_orders(session, stranger, OrderFilter(email=ADA.email), 10)
    )
    assert found == []


async def test_list_takes_as_many_statements_for_three_orders_as_for_one(shop: Shop):
    slot = await shop.slot()
    counts = []
    for more in (1, 2):
        for _ in range(more):
            await shop.buy((slot, shop.full_id, 2), (slot, shop.free_id, 1), method="on_site")
        with counted(shop.database) as statements:
            await full(shop)
        counts.append(len(statements))
    assert counts == [4, 4]
