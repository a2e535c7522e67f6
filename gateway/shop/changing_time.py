"""Another time for tickets that were bought: chosen in the calendar, shown, then done. The price stays."""

from collections.abc import Mapping, Sequence

import msgspec

from gateway.replies import Reply
from gateway.shop import basket
from gateway.shop.answers import Slot
from gateway.shop.api import Ask
from gateway.shop.cancelling import picked
from gateway.shop.establishment import around
from gateway.shop.offer import QUERY, WITH_ROOM, Fault, Form, Tickets, offer_values
from gateway.shop.order_not_open import not_open_page
from gateway.shop.own_answers import Order, Ticket
from gateway.shop.own_order import Own, hidden, key_of, order_of_form, order_of_path, send_once
from gateway.shop.rendering import Sent, page, see_other
from gateway.shop.routes import OwnPage
from gateway.shop.shop import Shop
from gateway.shop.visit import View, Visit
from gateway.shop.visits import TicketVisit, ticket_visits, visited
from services.kit.errors import NotFound, Refused

PATH = "/{slug}/orders/{order}/visits/{visit}/time"
FULL = frozenset({"sold_out", "not_enough_places", "slot_closed", "validation_failed"})
TOO_LATE = frozenset({"outside_terms", "ticket_used", "order_ended"})


async def show_times(shop: Shop, visit: Visit) -> Reply:
    try:
        own = await order_of_path(shop, visit)
        return await _choice(shop, visit.view, own, Form())
    except NotFound:
        return await not_open_page(shop, visit.view)


async def move(shop: Shop, visit: Visit) -> Reply:
    """First shown, with the old time and the new one; agreed to, the tickets are exchanged."""
    own, form = await order_of_form(shop, visit)
    view = msgspec.structs.replace(visit.view, query={"day": form["day"]} if "day" in form else {})
    _ = view.words.gettext
    moved = picked(form, _tickets(view, own))
    slot = await _slot(shop, view, own, form)
    faults = [] if slot else [Fault("slot_id", _("Please choose a time."))]
    if not moved:
        faults.append(Fault("tickets", _("Please choose at least one ticket.")))
    if slot is None or faults:
        return await _choice(shop, view, own, Form(form, faults))
    if form.get("agreed") != "yes":
        return await _review(shop, view, own, moved, slot)
    body = {"ticket_ids": [ticket.id for ticket in moved], "slot_id": slot.id}
    try:
        await send_once(shop, own.principal, Ask("POST", f"{own.api}/exchange", body=body, key=key_of(form)), as_=Order)
    except Refused as refused:
        if refused.code in FULL:
            fault = Fault("slot_id", _("There is no room for all of you at this time any more. Please choose another."))
        elif refused.code in TOO_LATE:
            fault = Fault("", _("The time of these tickets can no longer be changed here."))
        else:
            raise
        return await _choice(shop, view, own, Form(form, [fault]))
    return see_other(view.link(own.path, done="moved"))


def _tickets(view: View, own: Own) -> list[Ticket]:
    """Those of the visit in the path."""
    return [ticket for ticket in own.order.tickets if str(ticket.slot.id) == view.params["visit"]]


async def _slot(shop: Shop, view: View, own: Own, form: Mapping[str, str]) -> Slot | None:
    """The slot that was chosen, if it can be had."""
    wanted, tickets = basket.read_id(form.get("slot_id", "")), _tickets(view, own)
    if wanted is None or not tickets or str(wanted) == view.params["visit"]:
        return None
    values = await offer_values(shop, view, str(tickets[0].slot.offer_id))
    shown = values["tickets"]
    slots: Sequence[Slot] = shown.slots if isinstance(shown, Tickets) else ()
    return next((slot for slot in slots if slot.id == wanted and slot.status in WITH_ROOM), None)


async def _visit(shop: Shop, view: View, own: Own) -> TicketVisit:
    """The visit that is to be moved. Raises `NotFound`."""
    front = await shop.storefront.front(view.visitor)
    visits = [visit for visit in ticket_visits(view, front, _tickets(view, own)) if visit.free]
    if not visits:
        raise NotFound
    return visits[0]


async def _choice(shop: Shop, view: View, own: Own, form: Form) -> Reply:
    """Raises `NotFound`."""
    visit = await _visit(shop, view, own)
    if not view.query.keys() & {"day", "month"}:
        # Most who change the time keep the day.
        view = msgspec.structs.replace(view, query={"day": str(visit.visited.date)})
    values = {
        **await offer_values(shop, view, str(visit.visited.offer_id)),
        "path": own.path,
        "here": f"{own.path}/visits/{visit.visited.slot_id}/time",
        "visit": visit,
        "form": form,
        "hidden": hidden(shop, own),
    }
    return page("time.html", view, values, Sent(status=422 if form.faults else 200))


async def _review(shop: Shop, view: View, own: Own, moved: Sequence[Ticket], slot: Slot) -> Reply:
    front = await shop.storefront.front(view.visitor)
    visit = await _visit(shop, view, own)
    values = {
        **around(shop, view, front),
        "path": own.path,
        "here": f"{own.path}/visits/{visit.visited.slot_id}/time",
        "visit": visit,
        "moved": moved,
        "slot": slot,
        "after": visited(view, front, visit.visited.offer_id, slot.id, slot.starts_at),
        "hidden": hidden(shop, own),
    }
    return page("time_review.html", view, values)


pages = [
    OwnPage("GET", PATH, show_times, QUERY),
    OwnPage("POST", PATH, move),
]
