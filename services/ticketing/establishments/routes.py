from litestar import get, patch
from litestar.di import NamedDependency
from litestar.params import JSONBody

from services.kit.database import Database
from services.kit.errors import NotFound
from services.kit.principal import Principal
from services.kit.web import ESTABLISHMENT, needs, public
from services.ticketing.establishments.actions import EstablishmentChange, change_establishment, change_presentation
from services.ticketing.establishments.queries import (
    Presentation,
    Profile,
    find_establishment,
    find_presentation,
    profile,
)
from services.ticketing.establishments.requests import PresentationChange

PRESENTATION = f"{ESTABLISHMENT}/presentation"


@get(ESTABLISHMENT, **public(), summary="The public profile of an establishment")
async def show_establishment(principal: NamedDependency[Principal], database: NamedDependency[Database]) -> Profile:
    found = await database.read_instance(lambda session: find_establishment(session, principal.tenant))
    if found is None:
        raise NotFound
    return profile(found)


@patch(ESTABLISHMENT, **needs("admin"), summary="Change how the establishment presents itself and sells")
async def edit_establishment(
    principal: NamedDependency[Principal], database: NamedDependency[Database], data: JSONBody[EstablishmentChange]
) -> Profile:
    changed = await database.write(
        principal.tenant, lambda session: change_establishment(session, principal.tenant, data)
    )
    return profile(changed)


@get(PRESENTATION, **public(), summary="What the shop shows of the establishment: logo, texts, contact")
async def show_presentation(principal: NamedDependency[Principal], database: NamedDependency[Database]) -> Presentation:
    return await database.read(principal.tenant, lambda session: find_presentation(session, principal.tenant))


@patch(PRESENTATION, **needs("admin"), summary="Change what the shop shows of the establishment")
async def edit_presentation(
    principal: NamedDependency[Principal], database: NamedDependency[Database], data: JSONBody[PresentationChange]
) -> Presentation:
    return await database.write(principal.tenant, lambda session: change_presentation(session, principal.tenant, data))


handlers = [show_establishment, edit_establishment, show_presentation, edit_presentation]
