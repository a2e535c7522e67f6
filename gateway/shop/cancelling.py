"""Giving some or all tickets back: chosen, then shown with the refund, then done."""

from collections.abc import Mapping, Sequence

from gateway.replies import Reply
from gateway.shop.api import Ask
from gateway.shop.establishment import around
from gateway.shop.offer import Fault, Form
from gateway.shop.order_not_open import not_open_page
from gateway.shop.own_answers import Order, Ticket
from gateway.shop.own_order import Own, hidden, key_of, order_of_form, order_of_path, send_once
from gateway.shop.refunds import refund_of
from gateway.shop.rendering import Sent, page, see_other
from gateway.shop.routes import OwnPage
from gateway.shop.shop import Shop
from gateway.shop.visit import View, Visit
from gateway.shop.visits import ticket_visits
from services.kit.errors import NotFound, Refused

TOO_LATE = frozenset({"outside_terms", "ticket_used", "order_ended"})


async def show_choice(shop: Shop, visit: Visit) -> Reply:
    try:
        own = await order_of_path(shop, visit)
    except NotFound:
        return await not_open_page(shop, visit.view)
    return await _choice(shop, visit.view, own, [])


async def cancel(shop: Shop, visit: Visit) -> Reply:
    """First the chosen tickets are shown with what goes back; agreed to, they are cancelled."""
    own, form = await order_of_form(shop, visit)
    view = visit.view
    tickets = picked(form, own.order.tickets)
    if not tickets:
        return await _choice(
            shop, view, own, [Fault("tickets", view.words.gettext("Please choose at least one ticket."))]
        )
    if form.get("agreed") != "yes":
        return await _review(shop, view, own, tickets)
    body = {"ticket_ids": [ticket.id for ticket in tickets]}
    try:
        await send_once(
            shop, own.principal, Ask("POST", f"{own.api}/cancellation", body=body, key=key_of(form)), as_=Order
        )
    except Refused as refused:
        if refused.code not in TOO_LATE:
            raise
        text = view.words.gettext("These tickets can no longer be cancelled here.")
        return await _choice(shop, view, own, [Fault("", text)])
    return see_other(view.link(own.path, done="cancelled"))


def picked(form: Mapping[str, str], tickets: Sequence[Ticket]) -> list[Ticket]:
    """Boxes that are ticked: `ticket.<id>`."""
    return [ticket for ticket in tickets if f"ticket.{ticket.id}" in form and ticket.is_usable]


async def _choice(shop: Shop, view: View, own: Own, faults: list[Fault]) -> Reply:
    front = await shop.storefront.front(view.visitor)
    visits = [visit for visit in ticket_visits(view, front, own.order.tickets) if visit.free]
    values = {
        **around(shop, view, front),
        "path": own.path,
        "visits": visits,
        "form": Form({}, faults),
        "hidden": hidden(shop, own),
    }
    return page("cancel.html", view, values, Sent(status=422 if faults else 200))


async def _review(shop: Shop, view: View, own: Own, tickets: Sequence[Ticket]) -> Reply:
    front = await shop.storefront.front(view.visitor)
    refund, currency = refund_of(own.order.payment, tickets), own.order.total.currency
    values = {
        **around(shop, view, front),
        "path": own.path,
        "visits": ticket_visits(view, front, tickets),
        "is_all": len(tickets) == len(own.order.valid_tickets),
        "back": view.words.price(refund.back_minor, currency) if refund.back_minor else "",
        "less_due": view.words.price(refund.less_due_minor, currency) if refund.less_due_minor else "",
        "hidden": hidden(shop, own),
    }
    return page("cancel_review.html", view, values)


pages = [
    OwnPage("GET", "/{slug}/orders/{order}/cancel", show_choice),
    OwnPage("POST", "/{slug}/orders/{order}/cancel", cancel),
]
