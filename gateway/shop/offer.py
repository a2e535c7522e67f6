"""An offer: its calendar, the slots of a day, and the tickets to choose, all on one page.

Its form is sent to `/{slug}/order` with `offer_id`, `day`, `slot_id` and a `quantity.<tariff id>` for each tariff.
"""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import msgspec

from gateway.replies import Reply
from gateway.shop.answers import Day, Offer, Slot
from gateway.shop.calendar import (
    Month,
    day_of,
    first_of,
    first_with_room,
    last_of,
    later,
    month_grid,
    month_of,
    nearest_with_room,
)
from gateway.shop.eligibility import choices
from gateway.shop.establishment import around, offer_path
from gateway.shop.linked_data import about_offer
from gateway.shop.rendering import Sent, json_in_html, page
from gateway.shop.routes import SharedPage
from gateway.shop.shop import Shop
from gateway.shop.storefront import Front
from gateway.shop.visit import View

QUERY = ("month", "day", "slot")
# A visitor who names no day is shown the first with room, looked for in so many months.
MONTHS_SEARCHED = 3
WITH_ROOM = frozenset({"available", "limited"})


class Fault(msgspec.Struct, frozen=True):
    """What is wrong with the form, and the field it is about: `slot_id`, `quantity.<tariff id>` or empty."""

    field: str
    text: str


class Tickets(msgspec.Struct, frozen=True):
    """What is shown below the calendar. `chosen` is the slot to be ticked; `nearest` other days where none is free."""

    day: date
    slots: list[Slot]
    chosen: str | None
    nearest: list[date]

    @property
    def has_room(self) -> bool:
        return any(slot.status in WITH_ROOM for slot in self.slots)


class Form(msgspec.Struct, frozen=True):
    """A form that was refused: what was filled in, and what is wrong with it."""

    filled: dict[str, str] = {}
    faults: list[Fault] = []

    def about(self, field: str) -> list[str]:
        return [fault.text for fault in self.faults if fault.field == field]


async def show_offer(shop: Shop, view: View) -> Reply:
    return await offer_page(shop, view, view.params["offer"])


async def offer_page(shop: Shop, view: View, offer_id: str, form: Form | None = None) -> Reply:
    """Of `view.query` it reads `month`, `day` and `slot`. With a `form` that was refused: 422. Raises `NotFound`."""
    values = await offer_values(shop, view, offer_id, form)
    return page("offer.html", view, values, Sent(status=422 if form and form.faults else 200))


async def offer_values(shop: Shop, view: View, offer_id: str, form: Form | None = None) -> dict[str, object]:
    """What the templates of an offer show. Raises `NotFound`."""
    front = await shop.storefront.front(view.visitor)
    offer = front.offer(offer_id)
    zone = ZoneInfo(_zone(front, offer))
    month, days, day = await _calendar(shop, view, offer, datetime.now(zone).date())
    tickets = _tickets(view, days, day, await _slots(shop, view, offer, day, zone)) if day else None
    tariffs = await shop.storefront.tariffs(view.visitor, offer.id)
    path = offer_path(view, offer)
    url = f"{shop.public_url}{path}"
    linked = about_offer(view.words, front, offer, tariffs, tickets.slots if tickets else [])
    return {
        **around(shop, view, front),
        "canonical": url,
        "offer": offer,
        "here": path,
        "target": "",
        "venue": front.venues.get(offer.venue_id),
        "month": month,
        "tickets": tickets,
        "choices": choices(view.words, tariffs),
        "form": form or Form(),
        "linked_data": json_in_html({**linked, "url": url}),
    }


async def _calendar(shop: Shop, view: View, offer: Offer, today: date) -> tuple[Month, list[Day], date | None]:
    """The month to show, its days, and the day that is chosen: by the visitor, else the first with room."""
    day = day_of(view.query.get("day"))
    month = month_of(view.query.get("month"), today)
    if day is not None and month is None:
        month = month_of(f"{day:%Y-%m}", today)
    if day is not None and (day < today or month != first_of(day)):
        day = None
    searched = 1 if month is not None else MONTHS_SEARCHED
    first = month = month or first_of(today)
    days: list[Day] = []
    for ahead in range(searched):
        month = later(first, ahead)
        days = await shop.storefront.days(view.visitor, offer.id, max(month, today), last_of(month))
        if day is not None or first_with_room(days) is not None:
            break
    day = day or first_with_room(days)
    return month_grid(month, days, day, today), days, day


async def _slots(shop: Shop, view: View, offer: Offer, day: date, zone: ZoneInfo) -> list[Slot]:
    """Those that can be bought, or could have been; in the time of the place."""
    return [
        msgspec.structs.replace(slot, starts_at=slot.starts_at.astimezone(zone), ends_at=slot.ends_at.astimezone(zone))
        for slot in await shop.storefront.slots(view.visitor, offer.id, day)
        if slot.status != "closed"
    ]


def _tickets(view: View, days: list[Day], day: date, slots: list[Slot]) -> Tickets:
    free = [str(slot.id) for slot in slots if slot.status in WITH_ROOM]
    wanted = view.query.get("slot")
    if wanted not in free:
        # With one choice there is nothing to choose.
        wanted = free[0] if len(slots) == len(free) == 1 else None
    return Tickets(day=day, slots=slots, chosen=wanted, nearest=[] if free else nearest_with_room(days, day))


def _zone(front: Front, offer: Offer) -> str:
    venue = front.venues.get(offer.venue_id)
    return venue.timezone if venue else front.profile.timezone


pages = [SharedPage("/{slug}/offers/{offer}", show_offer, QUERY)]
