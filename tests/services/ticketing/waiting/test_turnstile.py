"""Those who wait go before those who come by."""

import pytest

from services.inventory.contract import NotEnoughPlaces, SoldOut
from services.ticketing.orders.desk import OrderDesk
from services.ticketing.orders.requests import OrderChange
from services.ticketing.waiting.turnstile import behind_the_line
from tests.conftest import Instance
from tests.services.ticketing.shop import Shop, key, order
from tests.services.ticketing.waiting.lines import Lines

SERVED_LONG_AGO = """
UPDATE ticketing.waiting_rounds SET served_at = now() - interval '31 seconds' WHERE establishment_id = $1"""


@pytest.fixture
def instance(shared_instance: Instance) -> Instance:
    return shared_instance


@pytest.fixture
def door(shop: Shop) -> OrderDesk:
    """Where visitors buy."""
    return OrderDesk(behind_the_line(shop.resources), shop.provider)


async def test_place_that_came_back_is_not_sold_past_the_line(lines: Lines, shop: Shop, door: OrderDesk):
    slot, (sold, *_) = await lines.sold_out()
    entry = await lines.join(slot)
    await lines.serve()
    await lines.cancel(sold)
    with pytest.raises(SoldOut, match="waiting list"):
        await door.create(shop.visitor, order((slot, shop.free_id, 1)), None)
    await lines.serve()
    assert await lines.states(entry) == ["offered"]


async def test_basket_is_not_changed_past_the_line_either(lines: Lines, shop: Shop, door: OrderDesk):
    slot, (sold, *_) = await lines.sold_out()
    held = await shop.hold((await shop.slot(), shop.free_id, 1))
    await lines.join(slot)
    await lines.serve()
    await lines.cancel(sold)
    change = OrderChange(lines=order((slot, shop.free_id, 1)).lines)
    with pytest.raises(SoldOut):
        await door.after_sales.amend(shop.visitor, held, change)


async def test_places_that_nobody_in_line_can_use_are_sold(lines: Lines, shop: Shop, door: OrderDesk):
    slot, (one, *_) = await lines.sold_out()
    await lines.join(slot, 2)
    await lines.serve()
    await lines.cancel(one)
    assert (await door.create(shop.visitor, order((slot, shop.free_id, 1)), None)).status == 201


async def test_places_beyond_those_of_the_line_are_sold(lines: Lines, shop: Shop, door: OrderDesk):
    slot, sold = await lines.sold_out()
    await lines.join(slot, 2)
    await lines.serve()
    await lines.cancel(*sold[:3])
    with pytest.raises(NotEnoughPlaces) as refused:
        await door.create(shop.visitor, order((slot, shop.free_id, 2)), None)
    assert refused.value.remaining == 1
    assert (await door.create(shop.visitor, order((slot, shop.free_id, 1)), None)).status == 201
    await lines.serve()
    assert await shop.taken(slot) == (3, 1)


async def test_repeated_request_gets_its_places_although_others_wait(lines: Lines, shop: Shop, door: OrderDesk):
    slot = await shop.slot(capacity=4)
    wanted = order((slot, shop.free_id, 2))
    # Another door: this one shall not remember a moment without a line.
    first = await shop.desk.create(shop.visitor, wanted, key())
    sold = await shop.buy((slot, shop.free_id, 2))
    await lines.join(slot, 2)
    await lines.serve()
    await lines.cancel(sold)
    assert await door.create(shop.visitor, wanted, key()) == first
    with pytest.raises(SoldOut):
        await door.create(shop.visitor, wanted, key("another request"))


async def test_line_that_nobody_serves_stops_no_sale(lines: Lines, shop: Shop, door: OrderDesk):
    slot, (sold, *_) = await lines.sold_out()
    await lines.join(slot)
    await lines.serve()
    long_ago = (
        "UPDATE ticketing.waiting_rounds SET served_at = now() - interval '31 seconds' WHERE establishment_id = $1"
    )
    await shop.owner.execute(long_ago, shop.tenant)
    await lines.cancel(sold)
    assert (await door.create(shop.visitor, order((slot, shop.free_id, 1)), None)).status == 201


async def test_other_slots_are_sold_as_ever(lines: Lines, shop: Shop, door: OrderDesk):
    slot, (sold, *_) = await lines.sold_out()
    await lines.join(slot)
    await lines.serve()
    await lines.cancel(sold)
    other = await shop.slot()
    assert (await door.create(shop.visitor, order((other, shop.free_id, 1)), None)).status == 201
