"""A catalogue that is remembered, and a tariff that is younger than the memory."""

from uuid import UUID

import msgspec

from services.ticketing.catalog.queries import Catalogues
from tests.services.ticketing.shop import Shop


class Sold(msgspec.Struct, frozen=True):
    offer_id: UUID
    tariff_id: UUID


async def test_what_was_sold_a_moment_ago_is_known(shop: Shop):
    catalogues = Catalogues(shop.database)
    before = await catalogues.get(shop.tenant)
    tariff_id = await shop.add_tariff("Nouveau", 900)
    assert tariff_id not in (await catalogues.get(shop.tenant)).tariffs
    known = await catalogues.knowing(shop.tenant, [Sold(shop.offer_id, tariff_id)])
    assert tariff_id in known.tariffs
    assert before.tariffs.keys() < known.tariffs.keys()
