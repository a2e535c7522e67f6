from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Request, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from services.kit.database import Database
from services.kit.idempotency import IdempotencyKey
from services.kit.ids import body_id, path_id
from services.kit.moments import read_moment
from services.kit.paging import Cursor, Limit, Page, after, page
from services.kit.principal import Principal
from services.kit.web import ESTABLISHMENT, IdempotencyHeader, idempotency_key, needs, public, respond
from services.ticketing.waiting.desk import WaitingDesk
from services.ticketing.waiting.queries import EntryFilter, list_entries
from services.ticketing.waiting.requests import NewEntry
from services.ticketing.waiting.views import EntryView, entry_view

WAITING_LIST = f"{ESTABLISHMENT}/waiting-list"
ENTRY = f"{WAITING_LIST}/{{entry_id:str}}"

Status = Literal["waiting", "offered", "taken", "expired", "left", "over"]
TokenQuery = Annotated[str | None, QueryParameter(max_length=100, description="The token of the entry")]
OfferQuery = Annotated[str | None, QueryParameter(max_length=100, description="Only the lines of this offer")]
StatusQuery = Annotated[Status | None, QueryParameter(description="Only entries in this state")]


@post(WAITING_LIST, **public(), summary="Wait for places on a slot, or on any slot of a day")
async def join_waiting_list(
    request: Request[Any, Any, Any],
    principal: NamedDependency[Principal],
    waiting: NamedDependency[WaitingDesk],
    data: JSONBody[NewEntry],
    idempotency: IdempotencyHeader = None,
) -> Response[EntryView]:
    key: IdempotencyKey | None = await idempotency_key(request)
    return respond(await waiting.join(principal, data, key))


@get(WAITING_LIST, **needs("orders:read"), summary="Who waits, and who waited, in order of joining")
async def list_waiting_list(
    principal: NamedDependency[Principal],
    database: NamedDependency[Database],
    offer_id: OfferQuery = None,
    status: StatusQuery = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[EntryView]:
    start = after(cursor, 2)
    wanted = EntryFilter(
        offer_id=body_id(offer_id, "/offer_id") if offer_id is not None else None,
        status=status,
        after=_position(start) if start else None,
    )
    found = await database.read(
        principal.tenant, lambda session: list_entries(session, principal.tenant, wanted, limit + 1)
    )
    listed = page(found, limit, lambda entry: [entry.joined_at.isoformat(), str(entry.id)])
    return Page(items=[entry_view(entry) for entry in listed.items], next_cursor=listed.next_cursor)


@get(ENTRY, **public(), summary="A place in the line, and the order once there is an offer")
async def show_waiting_list_entry(
    principal: NamedDependency[Principal],
    waiting: NamedDependency[WaitingDesk],
    entry_id: FromPath[str],
    token: TokenQuery = None,
) -> EntryView:
    return await waiting.show(principal, path_id(entry_id), token)


@delete(ENTRY, **public(), summary="Leave the line for good", status_code=204)
async def leave_waiting_list(
    principal: NamedDependency[Principal],
    waiting: NamedDependency[WaitingDesk],
    entry_id: FromPath[str],
    token: TokenQuery = None,
) -> None:
    await waiting.leave(principal, path_id(entry_id), token)


def _position(start: list[str]) -> tuple[datetime, UUID]:
    return read_moment(start[0], "/cursor"), body_id(start[1], "/cursor")


handlers = [join_waiting_list, list_waiting_list, show_waiting_list_entry, leave_waiting_list]
