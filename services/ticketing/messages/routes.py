"""What was sent, sending it again, and the link that ends reminders."""

import hashlib
from base64 import b64encode
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter, SkipValidation

from services.kit.clock import Clock
from services.kit.database import Database, WriteSession
from services.kit.errors import NotFound
from services.kit.idempotency import Answer, OnceOnly
from services.kit.ids import body_id, path_id
from services.kit.moments import read_moment
from services.kit.paging import Cursor, Limit, Page, after, page
from services.kit.principal import Principal
from services.kit.texts import in_language
from services.kit.web import ESTABLISHMENT, IdempotencyHeader, answers, encode, idempotency_key, needs, public, respond
from services.ticketing.establishments.queries import Establishments
from services.ticketing.messages.actions import refuse_reminders, request_message, resend_message
from services.ticketing.messages.letters.rendering import Stationery
from services.ticketing.messages.letters.wording import WORDS
from services.ticketing.messages.queries import Addressee, Message, MessageFilter, addressees, list_messages
from services.ticketing.messages.rules import address_hash, language_of, refused_order
from services.ticketing.orders.desk import OrderDesk
from services.ticketing.orders.routes import ORDER, reachable
from services.ticketing.site import Site
from services.ticketing.tickets.documents import formats

REFUSAL = f"{ESTABLISHMENT}/reminder-refusals/{{token:str}}"
STYLE = (
    "body{font:1.125rem/1.6 system-ui,sans-serif;color:#1f2328;background:#fff;margin:0;padding:2rem 1.25rem}"
    "main{max-width:34rem;margin:auto}h1{font-size:1.6rem;line-height:1.25}"
    "button{font:inherit;min-height:44px;padding:.5rem 1.25rem;border:0;border-radius:6px}"
    "button{color:#fff;background:#1f2a37}"
    "@media(prefers-color-scheme:dark){body{color:#e6e6e6;background:#16181b}button{color:#16181b;background:#e6e6e6}}"
)
STYLE_HASH = b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
PAGE_HEADERS = {
    "content-security-policy": f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
}

State = Literal["queued", "sending", "sent", "failed", "dropped"]
OrderQuery = Annotated[str | None, QueryParameter(name="order", max_length=36, description="Only about this order")]
StateQuery = Annotated[State | None, QueryParameter(name="state", description="Only messages in this state")]


class MessageView(msgspec.Struct, frozen=True):
    """A message as the API shows it. `last_error` is a short word of ours; `next_attempt_at` while it waits."""

    id: UUID
    kind: str
    order_id: UUID | None
    recipient: str
    language: str
    state: str
    attempts: int
    next_attempt_at: datetime | None
    last_error: str
    created_at: datetime
    sent_at: datetime | None


@get(f"{ESTABLISHMENT}/messages", **needs("orders:read"), summary="Mails to visitors, newest first")
async def list_all_messages(
    principal: NamedDependency[Principal],
    database: NamedDependency[Database],
    order: OrderQuery = None,
    in_state: StateQuery = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[MessageView]:
    start = after(cursor, 2)
    wanted = MessageFilter(
        order_id=body_id(order, "/order") if order is not None else None,
        state=in_state,
        after=(read_moment(start[0], "/cursor"), body_id(start[1], "/cursor")) if start else None,
    )
    found = await database.read(
        principal.tenant, lambda session: list_messages(session, principal.tenant, wanted, limit + 1)
    )
    listed = page(found, limit, lambda message: [message.created_at.isoformat(), str(message.id)])
    return Page(items=[_view(message) for message in listed.items], next_cursor=listed.next_cursor)


@post(f"{ORDER}/messages", **public(), summary="Send the tickets again, to the order's own address", status_code=202)
async def send_again(
    request: Request[Any, Any, Any],
    principal: NamedDependency[Principal],
    orders: NamedDependency[OrderDesk],
    once: NamedDependency[OnceOnly],
    clock: NamedDependency[SkipValidation[Clock]],
    order_id: FromPath[str],
    idempotency: IdempotencyHeader = None,
) -> Response[MessageView]:
    order = await reachable(principal, orders, order_id, "orders:write")
    tenant = principal.tenant

    async def action(session: WriteSession) -> Answer:
        return encode(202, _view(await request_message(session, tenant, order.id, now=clock.now())))

    return respond(await once.answer(tenant, await idempotency_key(request), action))


@post(f"{ESTABLISHMENT}/messages/{{message_id:str}}/resend", **needs("orders:write"), summary="Send a mail once more")
async def resend(
    request: Request[Any, Any, Any],
    principal: NamedDependency[Principal],
    once: NamedDependency[OnceOnly],
    clock: NamedDependency[SkipValidation[Clock]],
    message_id: FromPath[str],
    idempotency: IdempotencyHeader = None,
) -> Response[MessageView]:
    """As a new message: it reads as things are now, and goes to the address that its order has now."""
    tenant, wanted = principal.tenant, path_id(message_id)

    async def action(session: WriteSession) -> Answer:
        return encode(201, _view(await resend_message(session, tenant, wanted, now=clock.now())))

    return respond(await once.answer(tenant, await idempotency_key(request), action))


@get(REFUSAL, **answers(public(), "text/html"), summary="The page behind a reminder's link: no more of them?")
async def ask_about_reminders(
    principal: NamedDependency[Principal],
    database: NamedDependency[Database],
    establishments: NamedDependency[Establishments],
    stationery: NamedDependency[Stationery],
    site: NamedDependency[Site],
    token: FromPath[str],
) -> Response[bytes]:
    known = await _addressee(database, principal.tenant, site, token)
    return await _page(stationery, establishments, principal.tenant, known.language, done=False)


@post(REFUSAL, **answers(public(), "text/html"), summary="No more reminders to this address", status_code=200)
async def end_reminders(
    principal: NamedDependency[Principal],
    database: NamedDependency[Database],
    establishments: NamedDependency[Establishments],
    stationery: NamedDependency[Stationery],
    site: NamedDependency[Site],
    token: FromPath[str],
) -> Response[bytes]:
    """Also what mailboxes send by themselves when their reader presses "unsubscribe" (RFC 8058)."""
    tenant = principal.tenant
    known = await _addressee(database, tenant, site, token)
    hashed = address_hash(site.secret, tenant, known.customer_email)
    await database.write(tenant, lambda session: refuse_reminders(session, tenant, hashed))
    return await _page(stationery, establishments, tenant, known.language, done=True)


async def _addressee(database: Database, tenant: UUID, site: Site, token: str) -> Addressee:
    order_id = refused_order(site.secret, tenant, token)
    if order_id is None:
        raise NotFound
    known = await database.read(tenant, lambda session: addressees(session, tenant, [order_id]))
    if order_id not in known:
        raise NotFound
    return known[order_id]


async def _page(
    stationery: Stationery, establishments: Establishments, tenant: UUID, wanted: str, *, done: bool
) -> Response[bytes]:
    establishment = await establishments.get(tenant)
    names_language = language_of(wanted, establishment)
    language = wanted if wanted in formats.LANGUAGES else formats.supported(names_language)
    words = WORDS[language]
    values = {
        "language": language,
        "establishment": in_language(establishment.name, names_language),
        "title": words.refusal_title,
        "text": words.refusal_done if done else words.refusal_question,
        "button": words.refusal_button,
        "style": STYLE,
        "done": done,
    }
    return Response(stationery.refusal(values).encode(), media_type="text/html", headers=PAGE_HEADERS)


def _view(message: Message) -> MessageView:
    return MessageView(
        id=message.id,
        kind=message.kind,
        order_id=message.order_id,
        recipient=message.recipient,
        language=message.language,
        state=message.state,
        attempts=message.attempts,
        next_attempt_at=message.next_attempt_at if message.state in ("queued", "sending") else None,
        last_error=message.last_error,
        created_at=message.created_at,
        sent_at=message.sent_at,
    )


handlers = [list_all_messages, send_again, resend, ask_about_reminders, end_reminders]
