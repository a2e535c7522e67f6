from litestar import get, patch
from litestar.di import NamedDependency
from litestar.params import JSONBody

from services.kit.database import Database
from services.kit.errors import NotFound
from services.kit.principal import Principal
from services.kit.web import ESTABLISHMENT, needs, public
from services.ticketing.establishments.actions import EstablishmentChange, change_establishment
from services.ticketing.establishments.queries import Profile, find_establishment, profile


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


handlers = [show_establishment, edit_establishment]
