"""Tickets to show at the entrance: on the screen, as PDF, in a calendar."""

import asyncio
import base64
from datetime import UTC, datetime

import msgspec

from gateway.replies import Reply
from gateway.shop.api import Ask
from gateway.shop.assets import asset_path
from gateway.shop.establishment import around
from gateway.shop.order_not_open import not_open_page
from gateway.shop.own_order import Own, order_of_path
from gateway.shop.rendering import page, see_other
from gateway.shop.routes import OwnPage
from gateway.shop.shop import Shop
from gateway.shop.visit import Visit
from gateway.shop.visits import TicketLine, Visited, ticket_visits
from services.kit.errors import NotFound

SCRIPT_PATH = asset_path("offline.js")
TYPES = {"pdf": b"application/pdf", "ics": b"text/calendar; charset=utf-8", "pkpass": b"application/vnd.apple.pkpass"}


class ShownTicket(msgspec.Struct, frozen=True):
    """`image` is the QR as a data URI: the page is whole in one piece, so that it can be kept."""

    line: TicketLine
    visited: Visited
    image: str


async def show_tickets(shop: Shop, visit: Visit) -> Reply:
    view = visit.view
    try:
        own = await order_of_path(shop, visit)
    except NotFound:
        return await not_open_page(shop, view)
    front = await shop.storefront.front(view.visitor)
    listed = [
        (visited.visited, line)
        for visited in ticket_visits(view, front, own.order.valid_tickets)
        for line in visited.valid
    ]
    images = await asyncio.gather(*(_image(shop, own, line) for _, line in listed))
    values = {
        **around(shop, view, front),
        "order": own.order,
        "path": own.path,
        "tickets": [ShownTicket(line, visited, image) for (visited, line), image in zip(listed, images, strict=True)],
        "has_google_wallet": front.profile.google_wallet,
        "has_wallet": front.profile.wallet_until is not None and front.profile.wallet_until > datetime.now(UTC),
        "offline_script_path": SCRIPT_PATH,
    }
    return page("tickets.html", view, values)


async def send_pdf(shop: Shop, visit: Visit) -> Reply:
    """All valid tickets."""
    own = await order_of_path(shop, visit)
    body = await shop.api.read(own.principal, Ask("GET", f"{own.api}/tickets.pdf"))
    return _file(own, body, "pdf")


async def send_file(shop: Shop, visit: Visit) -> Reply:
    """One ticket as `<id>.pdf`, `<id>.ics` or `<id>.pkpass`. Raises `NotFound`."""
    own = await order_of_path(shop, visit)
    bare, _, extension = visit.view.params["file"].partition(".")
    ticket = next((one for one in own.order.tickets if str(one.id) == bare), None)
    if ticket is None or extension not in TYPES:
        raise NotFound
    body = await shop.api.read(own.principal, Ask("GET", f"{_tickets(own)}/{ticket.id}.{extension}"))
    return _file(own, body, extension)


async def lead_to_google(shop: Shop, visit: Visit) -> Reply:
    """The one way out of the shop to another company; only after a click on what says so. Raises `NotFound`."""
    own = await order_of_path(shop, visit)
    wanted = next((one for one in own.order.tickets if str(one.id) == visit.view.params["ticket"]), None)
    if wanted is None:
        raise NotFound
    return see_other(await shop.api.location(own.principal, f"{_tickets(own)}/{wanted.id}/google-wallet"))


async def _image(shop: Shop, own: Own, line: TicketLine) -> str:
    drawn = await shop.api.read(own.principal, Ask("GET", f"{_tickets(own)}/{line.ticket.id}.svg"))
    return f"data:image/svg+xml;base64,{base64.b64encode(drawn).decode()}"


def _tickets(own: Own) -> str:
    return f"/v1/establishments/{own.principal.establishment_slug}/tickets"


def _file(own: Own, body: bytes, extension: str) -> Reply:
    name = f'inline; filename="{own.order.reference}.{extension}"'
    return Reply(
        status=200, body=body, media_type=TYPES[extension], headers=((b"content-disposition", name.encode("latin-1")),)
    )


pages = [
    OwnPage("GET", "/{slug}/orders/{order}/tickets", show_tickets),
    OwnPage("GET", "/{slug}/orders/{order}/tickets.pdf", send_pdf),
    OwnPage("GET", "/{slug}/orders/{order}/tickets/{file}", send_file),
    OwnPage("GET", "/{slug}/orders/{order}/tickets/{ticket}/google-wallet", lead_to_google),
]
