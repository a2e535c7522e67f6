"""Closures: when nothing is sold, of one offer or of the whole establishment."""

from datetime import datetime
from typing import Annotated, Any, TypeAlias
from uuid import UUID

import msgspec
from litestar import Request, Response, delete, get, post

from services.inventory.calendars import actions, queries
from services.inventory.calendars.queries import Closure, ClosureWithAffected
from services.inventory.calendars.rules import EARLIEST, LATEST
from services.inventory.slots.queries import Affected, affected_by
from services.kit.database import Database, ReadSession, WriteSession
from services.kit.errors import Invalid, NotFound
from services.kit.idempotency import Answer, OnceOnly
from services.kit.ids import body_id, new_id, path_id
from services.kit.paging import DEFAULT_LIMIT, Cursor, Limit, Page, after, page
from services.kit.principal import Principal
from services.kit.texts import Texts
from services.kit.web import ESTABLISHMENT, encode, idempotency_key, needs, principal_of, respond

CLOSURES = f"{ESTABLISHMENT}/closures"
CLOSURE = f"{CLOSURES}/{{closure_id:str}}"

Moment: TypeAlias = Annotated[
    datetime, msgspec.Meta(tz=True, description="RFC 3339 with offset", examples=["2027-05-01T00:00:00+02:00"])
]
Reason: TypeAlias = Annotated[Texts, msgspec.Meta(examples=[{"fr": "Grève", "en": "Strike"}])]


class NewClosure(msgspec.Struct, forbid_unknown_fields=True, rename={"from_": "from"}):
    """Closes every slot that overlaps it, now or made later. Without `offer_id`, of all offers."""

    from_: Moment
    until: Moment
    reason: Reason
    offer_id: UUID | None = None


@post(CLOSURES, **needs("catalog:write"), summary="Close an offer or the establishment for a time")
async def create_closure(
    request: Request[Any, Any, Any], once: OnceOnly, data: NewClosure
) -> Response[ClosureWithAffected]:
    tenant = principal_of(request.scope).tenant
    _check(data)
    closure = Closure(id=new_id(), from_=data.from_, until=data.until, offer_id=data.offer_id, reason=data.reason)

    async def action(session: WriteSession) -> Answer:
        return encode(201, _with_affected(*await actions.create_closure(session, tenant, closure)))

    return respond(await once.answer(tenant, await idempotency_key(request), action))


@get(CLOSURES, **needs("catalog:write"), summary="List the closures")
async def list_closures(
    principal: Principal, database: Database, cursor: Cursor = None, limit: Limit = DEFAULT_LIMIT
) -> Page[Closure]:
    key = after(cursor, 1)
    last = body_id(key[0], "/cursor") if key else None
    found = await database.read(
        principal.tenant,
        lambda session: queries.list_closures(session, principal.tenant, after=last, limit=limit + 1),
    )
    return page(found, limit, lambda closure: [str(closure.id)])


@get(CLOSURE, **needs("catalog:write"), summary="Read a closure and whom it affects now")
async def read_closure(principal: Principal, database: Database, closure_id: str) -> ClosureWithAffected:
    tenant, wanted = principal.tenant, path_id(closure_id)

    async def query(session: ReadSession) -> ClosureWithAffected:
        closure = await queries.closure_of(session, tenant, wanted)
        if closure is None:
            raise NotFound
        slot_ids = await queries.slots_in(session, tenant, closure)
        return _with_affected(closure, await affected_by(session, tenant, slot_ids))

    return await database.read(tenant, query)


@delete(CLOSURE, status_code=200, **needs("catalog:write"), summary="Open again what no other closure closes")
async def delete_closure(principal: Principal, database: Database, closure_id: str) -> Closure:
    wanted = path_id(closure_id)
    return await database.write(
        principal.tenant, lambda session: actions.delete_closure(session, principal.tenant, wanted)
    )


def _check(data: NewClosure) -> None:
    for pointer, moment in (("/from", data.from_), ("/until", data.until)):
        if not EARLIEST.year <= moment.year <= LATEST.year:
            raise Invalid.field(pointer, f"Use a year between {EARLIEST.year} and {LATEST.year}.")
    if data.until <= data.from_:
        raise Invalid.field("/until", "The end must come after the start.")


def _with_affected(closure: Closure, affected: Affected) -> ClosureWithAffected:
    return ClosureWithAffected(
        id=closure.id,
        from_=closure.from_,
        until=closure.until,
        offer_id=closure.offer_id,
        reason=closure.reason,
        affected=affected,
    )


handlers = [create_closure, list_closures, read_closure, delete_closure]
