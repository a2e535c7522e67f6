"""A bought order, opened by its link: the visits, the tickets, and what can still be done about them."""

from uuid import UUID

import msgspec

from gateway.replies import Reply
from gateway.shop.api import Ask
from gateway.shop.establishment import around
from gateway.shop.order_not_open import not_open_page
from gateway.shop.own_answers import Payment
from gateway.shop.own_order import Own, hidden, key_of, open_order, order_of_form, order_of_path, send_once
from gateway.shop.pocket import Opener, Pocket
from gateway.shop.rendering import page, see_other
from gateway.shop.routes import OwnPage
from gateway.shop.shop import Shop
from gateway.shop.visit import View, Visit
from gateway.shop.visits import ticket_visits
from services.kit.errors import NotFound, Refused

BEFORE_CONFIRMATION = frozenset({"held", "awaiting_payment", "expired"})
# What a page may say was done; anything else in `?done=` says nothing.
DONE = frozenset({"sent", "moved", "cancelled", "not_sent"})
FORGET: tuple[tuple[bytes, bytes], ...] = ((b"clear-site-data", b'"storage"'),)


class Sending(msgspec.Struct, frozen=True):
    """The one field that is read of a message."""

    id: str


async def show_my_order(shop: Shop, visit: Visit) -> Reply:
    """With a token: it goes into the cookie, and out of the address."""
    view = visit.view
    try:
        if "access_token" in view.query:
            return await _take_in(shop, visit, view.query["access_token"])
        own = await order_of_path(shop, visit)
    except NotFound:
        return await not_open_page(shop, view)
    if own.order.status in BEFORE_CONFIRMATION:
        headers = Pocket(visit, shop.public_url).with_first(own.opener)
        return see_other(view.link(f"/{view.slug}/order", returned=view.query.get("returned")), headers)
    return await _page(shop, view, own)


async def send_again(shop: Shop, visit: Visit) -> Reply:
    own, form = await order_of_form(shop, visit)
    ask = Ask("POST", f"{own.api}/messages", key=key_of(form))
    done = "sent"
    try:
        await send_once(shop, own.principal, ask, as_=Sending)
    except Refused:
        done = "not_sent"
    return see_other(visit.view.link(own.path, done=done))


async def forget(shop: Shop, visit: Visit) -> Reply:
    """For a device that others use: the cookie's part goes, and what was kept to be read without a network."""
    own, _ = await order_of_form(shop, visit)
    headers = Pocket(visit, shop.public_url).without(own.opener)
    return see_other(visit.view.link(f"/{visit.view.slug}"), (*headers, *FORGET))


async def _take_in(shop: Shop, visit: Visit, token: str) -> Reply:
    """Raises `NotFound`."""
    view = visit.view
    try:
        opener = Opener(view.slug, UUID(view.params["order"]), token)
    except ValueError:
        raise NotFound from None
    own = await open_order(shop, visit, opener)
    pocket = Pocket(visit, shop.public_url)
    is_open = own.order.status in BEFORE_CONFIRMATION
    headers = pocket.with_first(opener) if is_open else pocket.with_last(opener)
    return see_other(view.link(own.path, returned=view.query.get("returned")), headers)


async def _page(shop: Shop, view: View, own: Own) -> Reply:
    front = await shop.storefront.front(view.visitor)
    order = own.order
    done = view.query.get("done", "")
    values = {
        **around(shop, view, front),
        "order": order,
        "path": own.path,
        "link": f"{shop.public_url}{own.path}?access_token={own.opener.token}",
        "visits": ticket_visits(view, front, order.tickets),
        "total": view.words.price(order.total.amount, order.total.currency),
        "payment": _paid(view, order.payment),
        "done": done if done in DONE else "",
        "hidden": hidden(shop, own),
    }
    return page("my_order.html", view, values)


def _paid(view: View, payment: Payment | None) -> list[str]:
    """Sentences on the money."""
    words = view.words
    if payment is None or payment.amount.amount == 0:
        return []
    amount = words.price(payment.amount.amount, payment.amount.currency)
    if payment.status == "due":
        return [words.gettext("To be paid on site: %(amount)s.", amount=amount)]
    found = [words.gettext("Paid: %(amount)s.", amount=amount)] if payment.status == "paid" else []
    if payment.refunded.amount:
        back = words.price(payment.refunded.amount, payment.refunded.currency)
        found.append(words.gettext("Refunded: %(amount)s.", amount=back))
    return found


pages = [
    OwnPage("GET", "/{slug}/orders/{order}", show_my_order, ("access_token", "done", "returned")),
    OwnPage("POST", "/{slug}/orders/{order}/messages", send_again),
    OwnPage("POST", "/{slug}/orders/{order}/forget", forget),
]
