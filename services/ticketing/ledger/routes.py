from typing import Annotated

from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from services.kit.database import Database
from services.kit.paging import Limit
from services.kit.principal import Principal
from services.kit.web import ESTABLISHMENT, needs
from services.ticketing.ledger.queries import EventPage, events_after

After = Annotated[int, QueryParameter(ge=0, le=2**62, description="The last sequence number you have")]


@get(f"{ESTABLISHMENT}/events", **needs("admin"), summary="The event log, in order and without gaps")
async def list_events(
    principal: NamedDependency[Principal], database: NamedDependency[Database], after: After = 0, limit: Limit = 50
) -> EventPage:
    return await database.read(principal.tenant, lambda session: events_after(session, principal.tenant, after, limit))


handlers = [list_events]
