"""Shared gauges: capacities that several offers draw on."""

from typing import Annotated, Any, TypeAlias
from uuid import UUID

import msgspec
from litestar import Request, Response, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from services.inventory.contract import Gauge, Per
from services.inventory.slots import actions, queries
from services.inventory.slots.queries import Affected
from services.kit.database import Database, WriteSession
from services.kit.errors import NotFound
from services.kit.idempotency import Answer, OnceOnly
from services.kit.ids import body_id, new_id, path_id
from services.kit.paging import DEFAULT_LIMIT, Cursor, Limit, Page, after, page
from services.kit.principal import Principal
from services.kit.texts import Texts
from services.kit.web import ESTABLISHMENT, IdempotencyHeader, encode, idempotency_key, needs, principal_of, respond

Capacity: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=100_000, description="Places at once", examples=[120])]
GaugeName: TypeAlias = Annotated[Texts, msgspec.Meta(examples=[{"fr": "Ascenseur", "en": "Lift"}])]


class NewGauge(msgspec.Struct, forbid_unknown_fields=True):
    """A capacity that the slots of several offers draw on, besides their own places."""

    name: GaugeName
    capacity: Capacity
    per: Annotated[
        Per,
        msgspec.Meta(
            description="Counted anew for every start, for every day, or once and for all; `inside`: people inside now",
            examples=["day"],
        ),
    ]


class GaugeChange(msgspec.Struct, forbid_unknown_fields=True):
    name: GaugeName | msgspec.UnsetType = msgspec.UNSET
    capacity: Capacity | msgspec.UnsetType = msgspec.UNSET


class ChangedGauge(msgspec.Struct):
    """`affected`: slots that share this gauge where more places are given than the new capacity; they stay."""

    id: UUID
    name: dict[str, str]
    capacity: int
    per: Per
    affected: Affected


@post(f"{ESTABLISHMENT}/gauges", **needs("catalog:write"), summary="Create a shared gauge")
async def create_gauge(
    request: Request[Any, Any, Any],
    once: NamedDependency[OnceOnly],
    data: JSONBody[NewGauge],
    idempotency: IdempotencyHeader = None,
) -> Response[Gauge]:
    tenant = principal_of(request.scope).tenant
    gauge = Gauge(id=new_id(), name=data.name, capacity=data.capacity, per=data.per)

    async def action(session: WriteSession) -> Answer:
        await actions.create_shared_gauge(session, tenant, gauge)
        return encode(201, gauge)

    return respond(await once.answer(tenant, await idempotency_key(request), action))


@get(f"{ESTABLISHMENT}/gauges", **needs("catalog:write"), summary="List the shared gauges")
async def list_gauges(
    principal: NamedDependency[Principal],
    database: NamedDependency[Database],
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[Gauge]:
    key = after(cursor, 1)
    last = body_id(key[0], "/cursor") if key else None
    found = await database.read(
        principal.tenant,
        lambda session: queries.list_shared_gauges(session, principal.tenant, after=last, limit=limit + 1),
    )
    return page(found, limit, lambda gauge: [str(gauge.id)])


@get(f"{ESTABLISHMENT}/gauges/{{gauge_id:str}}", **needs("catalog:write"), summary="Read a shared gauge")
async def read_gauge(
    principal: NamedDependency[Principal], database: NamedDependency[Database], gauge_id: FromPath[str]
) -> Gauge:
    wanted = path_id(gauge_id)
    found = await database.read(
        principal.tenant, lambda session: queries.shared_gauge(session, principal.tenant, wanted)
    )
    if found is None:
        raise NotFound
    return found


@patch(f"{ESTABLISHMENT}/gauges/{{gauge_id:str}}", **needs("catalog:write"), summary="Change a shared gauge")
async def change_gauge(
    principal: NamedDependency[Principal],
    database: NamedDependency[Database],
    gauge_id: FromPath[str],
    data: JSONBody[GaugeChange],
) -> ChangedGauge:
    wanted = path_id(gauge_id)
    gauge, affected = await database.write(
        principal.tenant,
        lambda session: actions.change_shared_gauge(
            session,
            principal.tenant,
            wanted,
            name=None if data.name is msgspec.UNSET else data.name,
            capacity=None if data.capacity is msgspec.UNSET else data.capacity,
        ),
    )
    return ChangedGauge(id=gauge.id, name=gauge.name, capacity=gauge.capacity, per=gauge.per, affected=affected)


handlers = [create_gauge, list_gauges, read_gauge, change_gauge]
