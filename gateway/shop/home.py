"""The first page of an instance."""

import asyncio

import msgspec

from gateway.replies import Reply
from gateway.shop.answers import Texts
from gateway.shop.logos import logo_path
from gateway.shop.rendering import page
from gateway.shop.routes import SharedPage
from gateway.shop.shop import Shop
from gateway.shop.visit import View
from services.kit.errors import NotFound
from services.kit.principal import Principal
from services.ticketing.contract import EstablishmentCard

# An instance with more establishments shows their names only: looking each of them up would take its time.
SHOWN_WHOLE = 24


class Place(msgspec.Struct, frozen=True):
    card: EstablishmentCard
    about: Texts
    logo: str | None


async def show_home(shop: Shop, view: View) -> Reply:
    cards = await shop.ticketing.establishments()
    if len(cards) > SHOWN_WHOLE:
        places = [Place(card, {}, None) for card in cards]
    else:
        places = await asyncio.gather(*(_place(shop, card) for card in cards))
    return page("home.html", view, {"places": places, "canonical": f"{shop.public_url}/"})


async def _place(shop: Shop, card: EstablishmentCard) -> Place:
    visitor = Principal(establishment_id=card.id, establishment_slug=card.slug)
    try:
        shown = (await shop.storefront.front(visitor)).presentation
    except NotFound:
        # It went a moment ago; the others stay.
        return Place(card, {}, None)
    return Place(card, shown.about, logo_path(card.slug, shown.logo))


pages = [SharedPage("/", show_home)]
