"""A signing key that one process made is known to the others, or not needed there yet."""

from contextlib import AsyncExitStack
from uuid import uuid4

import httpx

from parvis.settings import Settings
from tests.races.sale import HttpShop, gateway_of_a_process, open_sale


async def test_ticket_of_one_process_is_shown_by_another_right_after_a_rotation(
    settings: Settings, processes: AsyncExitStack
):
    sale = await open_sale(settings, capacity=10)
    first, second = [await processes.enter_async_context(gateway_of_a_process(settings)) for _ in range(2)]
    shops = [HttpShop(http) for http in (first, second)]
    # Both have seen the keys of the establishment.
    for shop in shops:
        assert (await shop.buy(sale, (sale.slots[0], 1))).tickets == 1
    keys = f"/v1/establishments/{sale.slug}/signing-keys"
    rotated = await first.post(keys, json={}, headers={"authorization": f"Bearer {sale.admin_key}"})
    assert rotated.status_code == httpx.codes.CREATED

    bought = await shops[0].post(sale, sale.order((sale.slots[0], 1)), str(uuid4()))
    order = bought.json()
    url, token = f"/v1/establishments/{sale.slug}/orders/{order['id']}", order["access_token"]
    shown = await second.get(url, headers={"authorization": f"Bearer {token}"})
    assert shown.status_code == httpx.codes.OK, shown.text
    assert shown.json()["tickets"][0]["code"] == order["tickets"][0]["code"]
