"""What an establishment sells and shows, as pages need it: asked of the API, remembered for a moment."""

import asyncio
from datetime import date
from uuid import UUID

import msgspec

from gateway.shop.answers import (
    Day,
    Days,
    Offer,
    Offers,
    Presentation,
    Profile,
    Slot,
    Slots,
    Tariff,
    Tariffs,
    Venue,
    Venues,
)
from gateway.shop.api import Api
from services.kit.errors import NotFound
from services.kit.principal import Principal
from services.kit.recent import Recent

# Pages are kept for a second: what they are made of need only be shared by those that are made at the same time.
MAX_AGE_SECONDS = 0.25
# What the shop sells through, as tariffs name it.
CHANNEL = "online"


class Front(msgspec.Struct, frozen=True):
    """An establishment with all that it offers."""

    profile: Profile
    presentation: Presentation
    venues: dict[UUID, Venue]
    offers: dict[UUID, Offer]

    def offer(self, offer_id: str) -> Offer:
        """Raises `NotFound`."""
        try:
            found = self.offers.get(UUID(offer_id))
        except ValueError:
            found = None
        if found is None:
            raise NotFound
        return found


class Storefront:
    """Every function raises `NotFound` for what is not there, and `Unavailable`."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._fronts = Recent(self._load_front, max_age_seconds=MAX_AGE_SECONDS)
        self._tariffs = Recent(self._load_tariffs, max_age_seconds=MAX_AGE_SECONDS)

    async def front(self, visitor: Principal) -> Front:
        return await self._fronts.get(visitor)

    async def tariffs(self, visitor: Principal, offer_id: UUID) -> list[Tariff]:
        """Those that are sold online, the dearest first: who has no claim to less finds theirs at once."""
        return await self._tariffs.get((visitor, offer_id))

    async def days(self, visitor: Principal, offer_id: UUID, first: date, last: date) -> list[Day]:
        """Both included; 62 days at most."""
        query = f"from={first}&until={last}&view=days"
        return (await self._api.get(visitor, _availability(visitor, offer_id), query, as_=Days)).days

    async def slots(self, visitor: Principal, offer_id: UUID, day: date) -> list[Slot]:
        query = f"from={day}&until={day}"
        return (await self._api.get(visitor, _availability(visitor, offer_id), query, as_=Slots)).slots

    async def _load_front(self, visitor: Principal) -> Front:
        home = _home(visitor)
        profile, presentation, venues, offers = await asyncio.gather(
            self._api.get(visitor, home, as_=Profile),
            self._api.get(visitor, f"{home}/presentation", as_=Presentation),
            self._venues(visitor),
            self._offers(visitor),
        )
        return Front(
            profile=profile,
            presentation=presentation,
            venues={venue.id: venue for venue in venues},
            offers={offer.id: offer for offer in offers},
        )

    async def _venues(self, visitor: Principal) -> list[Venue]:
        found: list[Venue] = []
        query = "limit=100"
        while True:
            page = await self._api.get(visitor, f"{_home(visitor)}/venues", query, as_=Venues)
            found += page.items
            if page.next_cursor is None:
                return found
            query = f"limit=100&cursor={page.next_cursor}"

    async def _offers(self, visitor: Principal) -> list[Offer]:
        found: list[Offer] = []
        query = "limit=100"
        while True:
            page = await self._api.get(visitor, f"{_home(visitor)}/offers", query, as_=Offers)
            found += page.items
            if page.next_cursor is None:
                return found
            query = f"limit=100&cursor={page.next_cursor}"

    async def _load_tariffs(self, key: tuple[Principal, UUID]) -> list[Tariff]:
        visitor, offer_id = key
        found = (await self._api.get(visitor, f"{_home(visitor)}/offers/{offer_id}/tariffs", as_=Tariffs)).items
        sold = [tariff for tariff in found if tariff.channels is None or CHANNEL in tariff.channels]
        return sorted(sold, key=lambda tariff: -tariff.price.amount)


def _home(visitor: Principal) -> str:
    return f"/v1/establishments/{visitor.establishment_slug}"


def _availability(visitor: Principal, offer_id: UUID) -> str:
    return f"{_home(visitor)}/offers/{offer_id}/availability"
