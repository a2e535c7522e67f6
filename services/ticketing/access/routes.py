from typing import Any

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, SkipValidation

from services.kit.clock import Clock
from services.kit.database import Database, WriteSession
from services.kit.idempotency import Answer, OnceOnly
from services.kit.ids import body_id, derived_id, new_id, path_id
from services.kit.paging import Cursor, Limit, Page, after, page
from services.kit.principal import Principal
from services.kit.web import ESTABLISHMENT, IdempotencyHeader, encode, idempotency_key, needs, respond
from services.ticketing.access.actions import (
    ApiKeySecret,
    NewApiKey,
    create_api_key,
    revoke_api_key,
)
from services.ticketing.access.queries import ApiKeyCard, list_api_keys
from services.ticketing.establishments.actions import NewEstablishment, create_establishment
from services.ticketing.establishments.queries import Establishment, Profile, profile
from services.ticketing.site import Site


class FoundedEstablishment(msgspec.Struct, frozen=True):
    """The new establishment with its first admin key."""

    id: str
    slug: str
    profile: Profile
    api_key: ApiKeySecret


@post("/v1/establishments", **needs("operator"), summary="Found an establishment; answers its first admin key")
async def found_establishment(
    request: Request[Any, Any, Any],
    once: NamedDependency[OnceOnly],
    clock: NamedDependency[SkipValidation[Clock]],
    site: NamedDependency[Site],
    data: JSONBody[NewEstablishment],
    idempotency: IdempotencyHeader = None,
) -> Response[FoundedEstablishment]:
    key = await idempotency_key(request)
    # The same request again must land in the same establishment to find its first answer there.
    establishment_id = derived_id("establishment", key.scope, key.key) if key else new_id()

    async def action(session: WriteSession) -> Answer:
        founded = await create_establishment(session, establishment_id, data)
        first_key = NewApiKey(name="First admin key", scopes=["admin"])
        secret = await create_api_key(session, establishment_id, first_key, now=clock.now(), mode=site.key_mode)
        return encode(201, _founded(founded, secret))

    return respond(await once.answer(establishment_id, key, action))


def _founded(establishment: Establishment, secret: ApiKeySecret) -> FoundedEstablishment:
    return FoundedEstablishment(
        id=str(establishment.id), slug=establishment.slug, profile=profile(establishment), api_key=secret
    )


@post(f"{ESTABLISHMENT}/api-keys", **needs("admin"), summary="Make an API key; its secret is shown only now")
async def create_key(
    request: Request[Any, Any, Any],
    principal: NamedDependency[Principal],
    once: NamedDependency[OnceOnly],
    clock: NamedDependency[SkipValidation[Clock]],
    site: NamedDependency[Site],
    data: JSONBody[NewApiKey],
    idempotency: IdempotencyHeader = None,
) -> Response[ApiKeySecret]:
    async def action(session: WriteSession) -> Answer:
        return encode(201, await create_api_key(session, principal.tenant, data, now=clock.now(), mode=site.key_mode))

    return respond(await once.answer(principal.tenant, await idempotency_key(request), action))


@get(f"{ESTABLISHMENT}/api-keys", **needs("admin"), summary="API keys, without their secrets")
async def list_keys(
    principal: NamedDependency[Principal], database: NamedDependency[Database], limit: Limit = 50, cursor: Cursor = None
) -> Page[ApiKeyCard]:
    start = after(cursor, 1)
    last = body_id(start[0], "/cursor") if start else None
    cards = await database.read(
        principal.tenant, lambda session: list_api_keys(session, principal.tenant, last, limit + 1)
    )
    return page(cards, limit, lambda card: [str(card.id)])


@delete(f"{ESTABLISHMENT}/api-keys/{{key_id:str}}", **needs("admin"), summary="Revoke an API key", status_code=204)
async def delete_key(
    principal: NamedDependency[Principal], database: NamedDependency[Database], key_id: FromPath[str]
) -> None:
    revoked = path_id(key_id)
    await database.write(principal.tenant, lambda session: revoke_api_key(session, principal.tenant, revoked))


handlers = [found_establishment, create_key, list_keys, delete_key]
