"""Nothing left for everybody who wants to come: where there is room instead, and the waiting list."""

from collections.abc import Mapping
from datetime import date, datetime
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from gateway.replies import Reply
from gateway.shop import basket
from gateway.shop.answers import Offer, Slot, Tariff
from gateway.shop.api import Ask
from gateway.shop.basket import BadNumberError, Wanted
from gateway.shop.calendar import day_of, first_of, last_of, nearest_with_room
from gateway.shop.eligibility import choices
from gateway.shop.establishment import around, offer_path
from gateway.shop.offer import WITH_ROOM, Fault, Form
from gateway.shop.own_answers import Entry
from gateway.shop.own_order import key_of, new_key, send_once
from gateway.shop.pocket import Opener, Pocket
from gateway.shop.rendering import Sent, page, see_other
from gateway.shop.routes import OwnPage
from gateway.shop.shop import Shop
from gateway.shop.storefront import Front
from gateway.shop.visit import View, Visit
from gateway.shop.visits import tariff_book
from services.kit.errors import Invalid, NotFound, Refused

MAX_PLACES = 20
NEAREST = 5
ASKED = ("offer", "day", "slot", "left")
NO_SLOT = UUID(int=0)


class Shortage(msgspec.Struct, frozen=True):
    """What was wanted, and what there is. `slot` None: any time of the day. `full` are the times of that day that are
    sold out, `near` those with room for all, `days` other days with room.
    """

    offer: Offer
    day: date
    slot: Slot | None
    places: int
    full: list[Slot]
    near: list[Slot]
    days: list[date]

    @property
    def remaining(self) -> int:
        return self.slot.remaining if self.slot else 0

    @property
    def has_room(self) -> bool:
        """Nobody need wait, it seems."""
        return self.remaining >= max(1, self.places) if self.slot else bool(self.near) and not self.full


class _Question(msgspec.Struct, frozen=True):
    day: date
    asked: Mapping[str, str]
    places: int


async def show_waiting_list(shop: Shop, visit: Visit) -> Reply:
    view = visit.view
    wanted = dict(_wanted(view.query.get("want", "")))
    filled = {f"quantity.{tariff_id}": str(number) for tariff_id, number in wanted.items()}
    return await _page(shop, view, dict(view.query), Form({"slot_id": view.query.get("slot", ""), **filled}))


async def join(shop: Shop, visit: Visit) -> Reply:
    visit.check_origin(shop.public_url)
    form, view = await visit.form(), visit.view
    asked = {name: form.get(name, "") for name in ASKED}
    front = await shop.storefront.front(view.visitor)
    offer = front.offer(asked["offer"])
    tariffs = await tariff_book(shop, view, front, [offer.id])
    slot_id = basket.read_id(form.get("slot_id", ""))
    try:
        lines = basket.chosen(form, slot_id or NO_SLOT)
    except BadNumberError as error:
        return await _page(
            shop, view, asked, Form(form, [Fault(error.field, view.words.gettext("Please enter a number."))])
        )
    faults = _missing(view, form, lines, tariffs)
    if faults:
        return await _page(shop, view, asked, Form(form, faults))
    body: dict[str, object] = {
        "lines": [{"tariff_id": line.tariff_id, "quantity": line.quantity} for line in lines],
        "customer": {"email": form.get("email", "").strip(), "language": view.words.code},
    }
    body |= {"slot_id": slot_id} if slot_id else {"offer_id": offer.id, "date": asked["day"]}
    try:
        ask = Ask("POST", _api(view), body=body, key=key_of(form))
        entry = await send_once(shop, view.visitor, ask, as_=Entry)
    except Invalid as refused:
        found = basket.faults(view.words, refused, lines, tariffs, lambda line: f"quantity.{line.tariff_id}")
        return await _page(shop, view, asked, Form(form, found))
    except Refused as refused:
        return await _page(shop, view, asked, Form(form, [Fault("", _why_not(view, refused))]))
    opener = Opener(view.slug, entry.id, entry.token)
    headers = Pocket(visit, shop.public_url).with_last(opener)
    return see_other(view.link(f"/{view.slug}/waiting-list/{entry.id}"), headers)


async def show_place(shop: Shop, visit: Visit) -> Reply:
    """A place in the line; with its token: that goes into the cookie, and out of the address."""
    view = visit.view
    if "access_token" in view.query:
        opener = _opener(view, view.query["access_token"])
        await _read(shop, view, opener)
        return see_other(view.link(view.path), Pocket(visit, shop.public_url).with_last(opener))
    opener = _own(shop, visit)
    entry = await _read(shop, view, opener)
    front = await shop.storefront.front(view.visitor)
    offer = front.offers.get(entry.offer_id)
    slot = await _slot(shop, view, front, offer, entry) if offer else None
    order = entry.order
    values = {
        **around(shop, view, front),
        "entry": entry,
        "offer": offer,
        "slot": slot,
        "link": f"{shop.public_url}{view.path}?access_token={opener.token}",
        "order_path": view.link(f"/{view.slug}/orders/{order.id}", access_token=order.access_token) if order else "",
        "until": order.expires_at.astimezone(_zone(front, offer)) if order and order.expires_at else None,
    }
    return page("waiting_place.html", view, values)


async def leave(shop: Shop, visit: Visit) -> Reply:
    visit.check_origin(shop.public_url)
    view, opener = visit.view, _own(shop, visit)
    try:
        await shop.api.read(view.visitor, Ask("DELETE", f"{_api(view)}/{opener.id}", query=f"token={opener.token}"))
    except Refused as refused:
        if refused.code != "order_ended":
            raise
    return see_other(view.link(f"/{view.slug}/waiting-list/{opener.id}"))


async def _page(shop: Shop, view: View, asked: Mapping[str, str], form: Form) -> Reply:
    """Raises `NotFound`."""
    front = await shop.storefront.front(view.visitor)
    offer, day = front.offer(asked.get("offer", "")), day_of(asked.get("day"))
    if day is None:
        raise NotFound
    tariffs = await shop.storefront.tariffs(view.visitor, offer.id)
    places = _places(form.filled, tariffs)
    shortage = await _shortage(shop, view, front, offer, _Question(day, asked, places))
    path = f"/{view.slug}/waiting-list"
    query = {name: asked[name] for name in ASKED if asked.get(name)}
    values = {
        **around(shop, view, front),
        "short": shortage,
        "choices": choices(view.words, tariffs),
        "form": form,
        "path": path,
        "query": query,
        "offer_path": offer_path(view, offer),
        "key": new_key(),
        "most": MAX_PLACES,
    }
    shown = msgspec.structs.replace(view, path=path, query=query)
    return page("waiting_list.html", shown, values, Sent(status=422 if form.faults else 200))


async def _shortage(shop: Shop, view: View, front: Front, offer: Offer, question: _Question) -> Shortage:
    zone, day, places = _zone(front, offer), question.day, question.places
    slots = [
        msgspec.structs.replace(slot, starts_at=slot.starts_at.astimezone(zone))
        for slot in await shop.storefront.slots(view.visitor, offer.id, day)
    ]
    first = max(first_of(day), datetime.now(zone).date())
    days = await shop.storefront.days(view.visitor, offer.id, min(first, day), last_of(day))
    slot = next((slot for slot in slots if str(slot.id) == question.asked.get("slot")), None)
    left = question.asked.get("left", "")
    if slot is not None and left.isascii() and left.isdigit() and len(left) < len("1000"):
        # What is free may be kept for those who wait already: the refusal knew, the calendar does not.
        slot = msgspec.structs.replace(slot, remaining=min(slot.remaining, int(left)))
    near = [other for other in slots if other.status in WITH_ROOM and other.remaining >= max(1, places)]
    if slot is not None:
        near.sort(key=lambda other: abs(other.starts_at - slot.starts_at))
    return Shortage(
        offer=offer,
        day=day,
        slot=slot,
        places=places,
        full=[other for other in slots if other.status == "sold_out"],
        near=sorted(near[:NEAREST], key=lambda other: other.starts_at),
        days=nearest_with_room(days, day),
    )


async def _slot(shop: Shop, view: View, front: Front, offer: Offer, entry: Entry) -> Slot | None:
    """What is waited for, or what is offered."""
    wanted = entry.order.slot_id if entry.order else entry.slot_id
    slots = await shop.storefront.slots(view.visitor, offer.id, entry.date) if wanted else []
    found = next((slot for slot in slots if slot.id == wanted), None)
    if found is None:
        return None
    return msgspec.structs.replace(found, starts_at=found.starts_at.astimezone(_zone(front, offer)))


def _missing(view: View, form: Mapping[str, str], lines: list[Wanted], tariffs: Mapping[UUID, Tariff]) -> list[Fault]:
    _ = view.words.gettext
    faults = []
    if not lines:
        faults.append(Fault(f"quantity.{next(iter(tariffs), '')}", _("Please choose at least one ticket.")))
    if "email" in basket.unreadable(form):
        faults.append(Fault("email", basket.about_customer(view.words, "email")))
    return faults


def _why_not(view: View, refused: Refused) -> str:
    _ = view.words.gettext
    if refused.code == "places_available":
        return _("Places are free at this moment: you can order them.")
    if refused.code == "already_waiting":
        return _("This address is on the waiting list already.")
    if refused.code == "slot_closed":
        return _("This visit is no longer on sale.")
    raise refused


def _wanted(text: str) -> list[tuple[UUID, int]]:
    """`<tariff id>:<quantity>`, separated by commas; what cannot be read is left out."""
    found = []
    for piece in text.split(","):
        tariff, _, number = piece.partition(":")
        tariff_id = basket.read_id(tariff)
        if tariff_id is not None and number.isascii() and number.isdigit() and len(number) <= len("500"):
            found.append((tariff_id, int(number)))
    return found


def _places(filled: Mapping[str, str], tariffs: list[Tariff]) -> int:
    """How many people; what is no number counts for nobody yet."""
    numbers = ((tariff.admits, filled.get(f"quantity.{tariff.id}", "")) for tariff in tariffs)
    return sum(admits * int(number) for admits, number in numbers if number.isascii() and number.isdigit())


def _opener(view: View, token: str) -> Opener:
    entry_id = basket.read_id(view.params["entry"])
    if entry_id is None:
        raise NotFound
    return Opener(view.slug, entry_id, token)


def _own(shop: Shop, visit: Visit) -> Opener:
    """Raises `NotFound`."""
    opener = Pocket(visit, shop.public_url).find("pvw", visit.view.params["entry"])
    if opener is None:
        raise NotFound
    return opener


async def _read(shop: Shop, view: View, opener: Opener) -> Entry:
    """Raises `NotFound`."""
    query = urlencode({"token": opener.token})
    return await shop.api.get(view.visitor, f"{_api(view)}/{opener.id}", query, as_=Entry)


def _api(view: View) -> str:
    return f"/v1/establishments/{view.visitor.establishment_slug}/waiting-list"


def _zone(front: Front, offer: Offer | None) -> ZoneInfo:
    venue = front.venues.get(offer.venue_id) if offer else None
    return ZoneInfo(venue.timezone if venue else front.profile.timezone)


pages = [
    OwnPage("GET", "/{slug}/waiting-list", show_waiting_list, (*ASKED, "want")),
    OwnPage("POST", "/{slug}/waiting-list", join),
    OwnPage("GET", "/{slug}/waiting-list/{entry}", show_place, ("access_token",)),
    OwnPage("POST", "/{slug}/waiting-list/{entry}/leave", leave),
]
