from typing import Any
from uuid import UUID

from litestar import Request, Response, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, SkipValidation

from services.inventory.contract import Inventory
from services.kit.database import Database, ReadSession, WriteSession
from services.kit.errors import Invalid, NotFound
from services.kit.idempotency import Answer, OnceOnly
from services.kit.ids import body_id, derived_id, new_id, path_id
from services.kit.paging import Cursor, Limit, Page, after, page
from services.kit.principal import Principal
from services.kit.web import ESTABLISHMENT, IdempotencyHeader, encode, idempotency_key, needs, public, respond
from services.ticketing.catalog.actions import (
    NewOffer,
    NewTariff,
    NewVenue,
    OfferChange,
    TariffChange,
    VenueChange,
    change_tariff,
    change_venue,
    changed_offer,
    create_offer,
    create_tariff,
    create_venue,
    new_offer,
    save_offer,
    schedule,
)
from services.ticketing.catalog.queries import (
    Catalogues,
    Offer,
    TariffCard,
    Venue,
    find_offer,
    find_venue,
    find_venues,
    list_offers,
    list_tariffs,
    tariff_card,
)
from services.ticketing.catalog.rules import Tariff
from services.ticketing.establishments.queries import Establishments

VENUES = f"{ESTABLISHMENT}/venues"
OFFERS = f"{ESTABLISHMENT}/offers"
TARIFFS = f"{OFFERS}/{{offer_id:str}}/tariffs"


@post(VENUES, **needs("catalog:write"), summary="Add a venue with its gates")
async def add_venue(
    request: Request[Any, Any, Any],
    principal: NamedDependency[Principal],
    once: NamedDependency[OnceOnly],
    data: JSONBody[NewVenue],
    idempotency: IdempotencyHeader = None,
) -> Response[Venue]:
    async def action(session: WriteSession) -> Answer:
        return encode(201, await create_venue(session, principal.tenant, data))

    return respond(await once.answer(principal.tenant, await idempotency_key(request), action))


@get(VENUES, **public(), summary="Venues")
async def list_all_venues(
    principal: NamedDependency[Principal], database: NamedDependency[Database], limit: Limit = 50, cursor: Cursor = None
) -> Page[Venue]:
    last = _last(cursor)
    found = await database.read(
        principal.tenant, lambda session: find_venues(session, principal.tenant, after=last, limit=limit + 1)
    )
    return page(found, limit, lambda venue: [str(venue.id)])


@get(f"{VENUES}/{{venue_id:str}}", **public(), summary="A venue")
async def show_venue(
    principal: NamedDependency[Principal], database: NamedDependency[Database], venue_id: FromPath[str]
) -> Venue:
    wanted = path_id(venue_id)
    venue = await database.read(principal.tenant, lambda session: find_venue(session, principal.tenant, wanted))
    if venue is None:
        raise NotFound
    return venue


@patch(f"{VENUES}/{{venue_id:str}}", **needs("catalog:write"), summary="Change a venue or its gates")
async def edit_venue(
    principal: NamedDependency[Principal],
    database: NamedDependency[Database],
    venue_id: FromPath[str],
    data: JSONBody[VenueChange],
) -> Venue:
    wanted = path_id(venue_id)
    return await database.write(principal.tenant, lambda session: change_venue(session, principal.tenant, wanted, data))


@post(OFFERS, **needs("catalog:write"), summary="Add an offer")
async def add_offer(
    request: Request[Any, Any, Any],
    principal: NamedDependency[Principal],
    database: NamedDependency[Database],
    once: NamedDependency[OnceOnly],
    inventory: NamedDependency[SkipValidation[Inventory]],
    catalogues: NamedDependency[Catalogues],
    data: JSONBody[NewOffer],
    idempotency: IdempotencyHeader = None,
) -> Response[Offer]:
    key = await idempotency_key(request)
    tenant = principal.tenant
    if key and (given := await once.replayed(tenant, key)):
        # Not again to inventory: the schedule may have been changed since.
        return respond(given)
    offer = new_offer(derived_id("offer", tenant, key.hashed, key.fingerprint) if key else new_id(), data)
    timezone = await _timezone(database, tenant, offer.venue_id)
    # Inventory first: dying here leaves a schedule without an offer, which nobody sees.
    await inventory.put_schedule(schedule(tenant, offer, timezone))

    async def action(session: WriteSession) -> Answer:
        return encode(201, await create_offer(session, tenant, offer))

    answer = await once.answer(tenant, key, action)
    catalogues.forget(tenant)
    return respond(answer)


@get(OFFERS, **public(), summary="Offers; without catalog:write, those that are published")
async def list_all_offers(
    principal: NamedDependency[Principal], database: NamedDependency[Database], limit: Limit = 50, cursor: Cursor = None
) -> Page[Offer]:
    last, unpublished = _last(cursor), principal.may("catalog:write")
    found = await database.read(
        principal.tenant,
        lambda session: list_offers(session, principal.tenant, last, limit + 1, unpublished=unpublished),
    )
    return page(found, limit, lambda offer: [str(offer.id)])


@get(f"{OFFERS}/{{offer_id:str}}", **public(), summary="An offer")
async def show_offer(
    principal: NamedDependency[Principal], database: NamedDependency[Database], offer_id: FromPath[str]
) -> Offer:
    wanted, unpublished = path_id(offer_id), principal.may("catalog:write")
    return await database.read(
        principal.tenant, lambda session: find_offer(session, principal.tenant, wanted, unpublished=unpublished)
    )


@patch(f"{OFFERS}/{{offer_id:str}}", **needs("catalog:write"), summary="Change an offer")
async def edit_offer(
    principal: NamedDependency[Principal],
    database: NamedDependency[Database],
    inventory: NamedDependency[SkipValidation[Inventory]],
    catalogues: NamedDependency[Catalogues],
    offer_id: FromPath[str],
    data: JSONBody[OfferChange],
) -> Offer:
    wanted, tenant = path_id(offer_id), principal.tenant
    offer = await database.read(tenant, lambda session: find_offer(session, tenant, wanted, unpublished=True))
    changed = changed_offer(offer, data)
    await inventory.put_schedule(schedule(tenant, changed, await _timezone(database, tenant, changed.venue_id)))
    saved = await database.write(tenant, lambda session: save_offer(session, tenant, changed))
    catalogues.forget(tenant)
    return saved


@post(TARIFFS, **needs("catalog:write"), summary="Add a tariff to an offer")
async def add_tariff(
    request: Request[Any, Any, Any],
    principal: NamedDependency[Principal],
    once: NamedDependency[OnceOnly],
    establishments: NamedDependency[Establishments],
    catalogues: NamedDependency[Catalogues],
    offer_id: FromPath[str],
    data: JSONBody[NewTariff],
    idempotency: IdempotencyHeader = None,
) -> Response[TariffCard]:
    wanted, tenant = path_id(offer_id), principal.tenant
    currency = (await establishments.get(tenant)).currency

    async def action(session: WriteSession) -> Answer:
        return encode(201, tariff_card(await create_tariff(session, tenant, wanted, data, currency)))

    answer = await once.answer(tenant, await idempotency_key(request), action)
    catalogues.forget(tenant)
    return respond(answer)


@get(TARIFFS, **public(), summary="The tariffs of an offer; without catalog:write, those on sale")
async def list_offer_tariffs(
    principal: NamedDependency[Principal], database: NamedDependency[Database], offer_id: FromPath[str]
) -> Page[TariffCard]:
    return Page(items=await _tariffs(principal, database, offer_id), next_cursor=None)


@get(f"{TARIFFS}/{{tariff_id:str}}", **public(), summary="A tariff")
async def show_tariff(
    principal: NamedDependency[Principal],
    database: NamedDependency[Database],
    offer_id: FromPath[str],
    tariff_id: FromPath[str],
) -> TariffCard:
    wanted = path_id(tariff_id)
    for card in await _tariffs(principal, database, offer_id):
        if card.id == wanted:
            return card
    raise NotFound


@patch(f"{TARIFFS}/{{tariff_id:str}}", **needs("catalog:write"), summary="Change a tariff; past sales keep their price")
async def edit_tariff(
    principal: NamedDependency[Principal],
    database: NamedDependency[Database],
    catalogues: NamedDependency[Catalogues],
    offer_id: FromPath[str],
    tariff_id: FromPath[str],
    data: JSONBody[TariffChange],
) -> TariffCard:
    offer, tariff, tenant = path_id(offer_id), path_id(tariff_id), principal.tenant
    changed = await database.write(tenant, lambda session: change_tariff(session, tenant, offer, tariff, data))
    catalogues.forget(tenant)
    return tariff_card(changed)


async def _tariffs(principal: Principal, database: Database, offer_id: str) -> list[TariffCard]:
    """Those of an offer that the principal may see."""
    wanted, staff, tenant = path_id(offer_id), principal.may("catalog:write"), principal.tenant

    async def read(session: ReadSession) -> list[Tariff]:
        await find_offer(session, tenant, wanted, unpublished=staff)
        return await list_tariffs(session, tenant, wanted)

    found = await database.read(tenant, read)
    return [tariff_card(tariff) for tariff in found if staff or not tariff.archived]


def _last(cursor: str | None) -> UUID | None:
    start = after(cursor, 1)
    return body_id(start[0], "/cursor") if start else None


async def _timezone(database: Database, tenant: UUID, venue_id: UUID) -> str:
    venue = await database.read(tenant, lambda session: find_venue(session, tenant, venue_id))
    if venue is None:
        raise Invalid.field("/venue_id", "There is no such venue.")
    return venue.timezone


handlers = [
    add_venue,
    list_all_venues,
    show_venue,
    edit_venue,
    add_offer,
    list_all_offers,
    show_offer,
    edit_offer,
    add_tariff,
    list_offer_tariffs,
    show_tariff,
    edit_tariff,
]
