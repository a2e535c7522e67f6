"""Tickets as data, page, image and calendar entry. They are reached like the order that they belong to."""

import asyncio
from collections.abc import Sequence
from typing import Any

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect
from msgspec.structs import replace

from services.kit.database import Database, WriteSession
from services.kit.errors import NotFound
from services.kit.idempotency import Answer, OnceOnly
from services.kit.ids import path_id
from services.kit.paging import Page
from services.kit.principal import Principal
from services.kit.sealing import Sealer
from services.kit.web import ESTABLISHMENT, IdempotencyHeader, answers, encode, idempotency_key, needs, public, respond
from services.ticketing.orders.desk import OrderDesk
from services.ticketing.orders.documents import ticket_documents
from services.ticketing.orders.queries import Order
from services.ticketing.orders.routes import reachable
from services.ticketing.tickets.documents import calendar_entry, formats, qr
from services.ticketing.tickets.documents.document import TicketDocument
from services.ticketing.tickets.documents.pool import RenderPool
from services.ticketing.tickets.keys.actions import rotate_signing_key
from services.ticketing.tickets.keys.queries import SigningKeyCard, card, stored_keys
from services.ticketing.tickets.queries import Ticket, TicketView, find_ticket, ticket_view
from services.ticketing.tickets.signing import Keyrings
from services.ticketing.tickets.wallet import routes as wallet
from services.ticketing.tickets.wallet.google import routes as google
from services.ticketing.tickets.wallet.google.queries import find_issuer
from services.ticketing.tickets.wallet.google.save_link import save_link
from services.ticketing.tickets.wallet.package import MEDIA_TYPE, pass_package
from services.ticketing.tickets.wallet.queries import find_signer

TICKETS = f"{ESTABLISHMENT}/tickets"
FORMATS = ("pdf", "svg", "ics", "pkpass")
# Of every pass, besides those that its establishment has.
PASS_LANGUAGES = ("fr", "en")


@get(
    f"{TICKETS}/{{ticket_id:str}}",
    **answers(public(), "application/pdf", "image/svg+xml", "text/calendar", MEDIA_TYPE),
    summary="A ticket; with .pdf, .svg, .ics or .pkpass behind the id as a file",
)
async def show_ticket(
    principal: NamedDependency[Principal],
    database: NamedDependency[Database],
    orders: NamedDependency[OrderDesk],
    renders: NamedDependency[RenderPool],
    sealer: NamedDependency[Sealer],
    ticket_id: FromPath[str],
) -> Response[TicketView]:
    """`.pkpass` only of a valid ticket, and only where the establishment has given a certificate."""
    bare, _, extension = ticket_id.partition(".")
    if extension and extension not in FORMATS:
        raise NotFound
    wanted, tenant = path_id(bare), principal.tenant
    ticket = await database.read(tenant, lambda session: find_ticket(session, tenant, wanted))
    order = await reachable(principal, orders, str(ticket.order_id), "orders:read")
    if not extension:
        return Response(await _view(orders, principal, ticket, order))
    if extension == "pkpass":
        return await _pass(orders, sealer, principal, order, ticket)
    return await _file(renders, order, await _documents(orders, principal, order, [ticket]), extension)


@get(
    f"{TICKETS}/{{ticket_id:str}}/google-wallet",
    **public(),
    status_code=303,
    summary="To Google, to save the ticket in Google Wallet",
)
async def save_to_google_wallet(
    principal: NamedDependency[Principal],
    database: NamedDependency[Database],
    orders: NamedDependency[OrderDesk],
    sealer: NamedDependency[Sealer],
    ticket_id: FromPath[str],
) -> Redirect:
    """Only of a valid ticket, and only where the establishment chose this service (its profile says `google_wallet`).
    The ticket reaches Google when the address in `Location` is opened, not before.
    """
    wanted, tenant = path_id(ticket_id), principal.tenant
    ticket = await database.read(tenant, lambda session: find_ticket(session, tenant, wanted))
    order = await reachable(principal, orders, str(ticket.order_id), "orders:read")
    if ticket.status != "valid":
        raise NotFound
    issuer = await database.read(tenant, lambda session: find_issuer(session, sealer, tenant))
    (document,) = await _documents(orders, principal, order, [ticket])
    now = orders.checkout.resources.clock.now()
    link = await asyncio.to_thread(save_link, document, ticket.slot_id, issuer, now=now)
    return Redirect(link, status_code=303, headers={"cache-control": "private, no-store"})


@get(
    f"{ESTABLISHMENT}/orders/{{order_id:str}}/tickets.pdf",
    **answers(public(), "application/pdf"),
    summary="All valid tickets of an order, to print",
)
async def show_order_tickets(
    principal: NamedDependency[Principal],
    orders: NamedDependency[OrderDesk],
    renders: NamedDependency[RenderPool],
    order_id: FromPath[str],
) -> Response[bytes]:
    order = await reachable(principal, orders, order_id, "orders:read")
    valid = [ticket for ticket in order.tickets if ticket.status == "valid"]
    if not valid:
        raise NotFound
    return await _file(renders, order, await _documents(orders, principal, order, valid), "pdf")


@get(f"{ESTABLISHMENT}/signing-keys", **public(), summary="The public keys that verify ticket codes")
async def show_signing_keys(
    principal: NamedDependency[Principal], database: NamedDependency[Database]
) -> Page[SigningKeyCard]:
    tenant = principal.tenant
    keys = await database.read(tenant, lambda session: stored_keys(session, tenant))
    return Page(items=[card(key) for key in keys], next_cursor=None)


@post(f"{ESTABLISHMENT}/signing-keys", **needs("admin"), summary="Sign new tickets with a new key")
async def rotate_key(
    request: Request[Any, Any, Any],
    principal: NamedDependency[Principal],
    once: NamedDependency[OnceOnly],
    sealer: NamedDependency[Sealer],
    keyrings: NamedDependency[Keyrings],
    idempotency: IdempotencyHeader = None,  # noqa: ARG001 - declared for the documentation, read from the request
) -> Response[SigningKeyCard]:
    tenant = principal.tenant

    async def rotate(session: WriteSession) -> Answer:
        return encode(201, card(await rotate_signing_key(session, sealer, tenant)))

    rotated = await once.answer(tenant, await idempotency_key(request), rotate)
    keyrings.forget(tenant)
    return respond(rotated)


async def _view(
    orders: NamedDependency[OrderDesk], principal: NamedDependency[Principal], ticket: Ticket, order: Order
) -> TicketView:
    resources = orders.checkout.resources
    keyring = await resources.keyrings.get(principal.tenant)
    catalogue = await resources.catalogues.get(principal.tenant)
    return ticket_view(ticket, keyring, catalogue, order.currency)


async def _file(
    renders: RenderPool, order: Order, documents: Sequence[TicketDocument], extension: str
) -> Response[Any]:
    name = f"{order.reference}-{documents[0].number}.{extension}"
    headers = {"content-disposition": f'inline; filename="{name}"', "cache-control": "private, no-store"}
    if extension == "svg":
        return Response(qr.svg(documents[0].code), media_type="image/svg+xml", headers=headers)
    if extension == "ics":
        entry = calendar_entry.ics(documents, order.language)
        return Response(entry, media_type="text/calendar", headers=headers)
    pages = await renders.render(documents, order.language)
    return Response(pages, media_type="application/pdf", headers=headers)


async def _pass(orders: OrderDesk, sealer: Sealer, principal: Principal, order: Order, ticket: Ticket) -> Response[Any]:
    """In the languages of the establishment that we can word, the order's first. Raises `NotFound`."""
    resources, tenant = orders.checkout.resources, principal.tenant
    if ticket.status != "valid":
        raise NotFound
    now = resources.clock.now()
    signer = await resources.database.read(tenant, lambda session: find_signer(session, sealer, tenant, now=now))
    establishment = await resources.establishments.get(tenant)
    worded = dict.fromkeys(
        language
        for language in (order.language, *establishment.languages, *PASS_LANGUAGES)
        if language in formats.LANGUAGES
    )
    documents = {
        language: (await _documents(orders, principal, replace(order, language=language), [ticket]))[0]
        for language in worded
    }
    name = f"{order.reference}-{ticket.number}.pkpass"
    headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "private, no-store"}
    # Some milliseconds, most of them without the GIL.
    package = await asyncio.to_thread(pass_package, documents, signer)
    return Response(package, media_type=MEDIA_TYPE, headers=headers)


async def _documents(
    orders: OrderDesk, principal: Principal, order: Order, chosen: Sequence[Ticket]
) -> list[TicketDocument]:
    resources = orders.checkout.resources
    tenant = principal.tenant
    return ticket_documents(
        order,
        chosen,
        await resources.establishments.get(tenant),
        await resources.catalogues.knowing(tenant, chosen),
        await resources.keyrings.get(tenant),
    )


handlers = [
    show_ticket,
    save_to_google_wallet,
    show_order_tickets,
    show_signing_keys,
    rotate_key,
    *wallet.handlers,
    *google.handlers,
]
