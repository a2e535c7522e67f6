"""An establishment and what can be visited there."""

import asyncio

import msgspec

from gateway.replies import Reply
from gateway.shop.answers import Money, Offer, Tariff, Venue
from gateway.shop.linked_data import about_establishment, offer_line
from gateway.shop.logos import logo_path, picture_path
from gateway.shop.rendering import json_in_html, page
from gateway.shop.routes import SharedPage
from gateway.shop.shop import Shop
from gateway.shop.storefront import Front
from gateway.shop.visit import View


class Card(msgspec.Struct, frozen=True):
    """An offer in a list. `venue` only where there are several; `prices` are the lowest and the highest."""

    offer: Offer
    path: str
    venue: Venue | None
    prices: tuple[Money, Money]


async def show_establishment(shop: Shop, view: View) -> Reply:
    front = await shop.storefront.front(view.visitor)
    listed = await cards(shop, view, front)
    url = f"{shop.public_url}{view.path}"
    offers = [offer_line(view.words, card.offer, card.prices, f"{shop.public_url}{card.path}") for card in listed]
    linked = json_in_html(about_establishment(view.words, front, url, offers))
    return page("offers.html", view, {**around(shop, view, front), "cards": listed, "linked_data": linked})


async def cards(shop: Shop, view: View, front: Front) -> list[Card]:
    """The offers that are sold online."""
    tariffs = await asyncio.gather(*(shop.storefront.tariffs(view.visitor, offer_id) for offer_id in front.offers))
    several = len({offer.venue_id for offer in front.offers.values()}) > 1
    return [
        Card(offer, offer_path(view, offer), front.venues.get(offer.venue_id) if several else None, _prices(sold))
        for offer, sold in zip(front.offers.values(), tariffs, strict=True)
        if sold
    ]


def offer_path(view: View, offer: Offer) -> str:
    return f"/{view.slug}/offers/{offer.id}"


def around(shop: Shop, view: View, front: Front) -> dict[str, object]:
    """What the template `establishment.html` shows around every page of an establishment."""
    return {
        "home": f"/{view.slug}",
        "front": front,
        "profile": front.profile,
        "shown": front.presentation,
        "accent": front.profile.accent_colour,
        "logo": logo_path(view.slug, front.presentation.logo),
        "picture": shop.public_url + picture_path(view.slug, front.presentation.logo),
        "canonical": f"{shop.public_url}{view.path}",
    }


def _prices(tariffs: list[Tariff]) -> tuple[Money, Money]:
    prices = sorted((tariff.price for tariff in tariffs), key=lambda price: price.amount)
    return prices[0], prices[-1]


pages = [SharedPage("/{slug}", show_establishment)]
