"""What the law wants said on every site, and what we say of our own accord: filled from the establishment's data."""

import msgspec

from gateway.replies import Reply
from gateway.shop.establishment import around
from gateway.shop.rendering import page
from gateway.shop.routes import SharedPage
from gateway.shop.shop import Shop
from gateway.shop.visit import View


class Weight(msgspec.Struct, frozen=True):
    """Of a first visit to an offer's page: compressed, without the logo."""

    kilobytes: int
    requests: int
    elements: int


# tests/gateway/shop/test_weight.py measures what is stated here.
STATED = Weight(kilobytes=15, requests=4, elements=300)


async def show_accessibility(shop: Shop, view: View) -> Reply:
    return await _show(shop, view, "accessibility.html")


async def show_ecodesign(shop: Shop, view: View) -> Reply:
    return await _show(shop, view, "ecodesign.html")


async def show_legal(shop: Shop, view: View) -> Reply:
    return await _show(shop, view, "legal.html")


async def _show(shop: Shop, view: View, template: str) -> Reply:
    front = await shop.storefront.front(view.visitor)
    return page(template, view, {**around(shop, view, front), "weight": STATED})


pages = [
    SharedPage("/{slug}/accessibilite", show_accessibility),
    SharedPage("/{slug}/ecoconception", show_ecodesign),
    SharedPage("/{slug}/mentions-legales", show_legal),
]
