"""What machines read of a page (schema.org), as JSON-LD."""

from collections.abc import Sequence
from decimal import Decimal
from typing import TypeAlias

from babel.numbers import get_currency_precision

from gateway.shop.answers import Money, Offer, Slot, Tariff, Venue
from gateway.shop.language import Words
from gateway.shop.storefront import Front

Json: TypeAlias = dict[str, object]

CONTEXT = "https://schema.org"
STOCK = {
    "available": f"{CONTEXT}/InStock",
    "limited": f"{CONTEXT}/LimitedAvailability",
    "sold_out": f"{CONTEXT}/SoldOut",
    "closed": f"{CONTEXT}/Discontinued",
}


def about_establishment(words: Words, front: Front, url: str, offers: Sequence[Json]) -> Json:
    profile, shown = front.profile, front.presentation
    return _without_empty(
        {
            "@context": CONTEXT,
            "@type": "TouristAttraction",
            "name": words.said(profile.name).text,
            "description": words.said(shown.about).text,
            "url": url,
            "sameAs": shown.website,
            "email": profile.contact_email,
            "telephone": shown.contact_phone,
            "address": next((venue.address for venue in front.venues.values()), ""),
            "makesOffer": list(offers),
        }
    )


def offer_line(words: Words, offer: Offer, prices: tuple[Money, Money], url: str) -> Json:
    return {
        "@type": "Offer",
        "name": words.said(offer.name).text,
        "url": url,
        "price": _amount(prices[0]),
        "priceCurrency": prices[0].currency,
    }


def about_offer(words: Words, front: Front, offer: Offer, tariffs: Sequence[Tariff], slots: Sequence[Slot]) -> Json:
    """The offer as an event of the day that is shown; as a product where there is none."""
    name = words.said(offer.name).text
    known: Json = {"@context": CONTEXT, "name": name, "description": words.said(offer.description).text}
    sold = {"offers": [_tariff(words, tariff, slots) for tariff in tariffs]}
    if not slots:
        return _without_empty({**known, "@type": "Product", **sold})
    venue = front.venues.get(offer.venue_id)
    return _without_empty(
        {
            **known,
            "@type": "Event",
            "startDate": slots[0].starts_at.isoformat(),
            "endDate": slots[-1].ends_at.isoformat(),
            "eventAttendanceMode": f"{CONTEXT}/OfflineEventAttendanceMode",
            "location": _place(words, venue) if venue else "",
            "organizer": {"@type": "Organization", "name": words.said(front.profile.name).text},
            **sold,
        }
    )


def _tariff(words: Words, tariff: Tariff, slots: Sequence[Slot]) -> Json:
    order = ["available", "limited", "sold_out"]
    best = min((slot.status for slot in slots if slot.status in order), key=order.index, default="closed")
    return {
        "@type": "Offer",
        "name": words.said(tariff.name).text,
        "price": _amount(tariff.price),
        "priceCurrency": tariff.price.currency,
        "availability": STOCK[best],
    }


def _place(words: Words, venue: Venue) -> Json:
    return _without_empty({"@type": "Place", "name": words.said(venue.name).text, "address": venue.address})


def _amount(money: Money) -> str:
    return str(Decimal(money.amount).scaleb(-get_currency_precision(money.currency)))


def _without_empty(content: Json) -> Json:
    return {name: value for name, value in content.items() if value not in ("", [], None)}
