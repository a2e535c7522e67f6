"""Background work of calendars, run by `parvis worker`."""

from datetime import date, datetime
from functools import partial
from uuid import UUID

import structlog

from services.inventory.calendars.actions import extend_offer, purge_slots
from services.inventory.calendars.queries import establishments_to_extend, offers_to_extend
from services.inventory.calendars.rules import horizon
from services.kit.clock import Clock
from services.kit.database import Database, ReadSession, WriteSession

log = structlog.get_logger()


async def extend_calendars(database: Database, clock: Clock) -> int:
    """Makes the slots of the days that came within the rolling window; returns how many offers got some.

    To be run daily or more often; a run that finds nothing to do costs one statement.
    """
    now = clock.now()
    end = horizon(now.date())
    extended = 0
    for establishment_id in await database.read_instance(partial(establishments_to_extend, horizon=end)):
        try:
            extended += await _extend_establishment(database, establishment_id, now)
        except Exception:  # one establishment's trouble must not keep the others from their slots
            log.exception("calendars_not_extended", establishment_id=str(establishment_id))
    return extended


async def _extend_establishment(database: Database, establishment_id: UUID, now: datetime) -> int:
    end = horizon(now.date())

    async def find(session: ReadSession) -> list[tuple[UUID, date]]:
        return list(await offers_to_extend(session, establishment_id, end))

    offers = await database.read(establishment_id, find)
    for offer_id, since in offers:
        await database.write(establishment_id, partial(_extend, establishment_id, offer_id, since, now))
    await database.write(establishment_id, partial(_purge, establishment_id, now))
    return len(offers)


async def _extend(establishment_id: UUID, offer_id: UUID, since: date, now: datetime, session: WriteSession) -> None:
    await extend_offer(session, establishment_id, offer_id, since, now)


async def _purge(establishment_id: UUID, now: datetime, session: WriteSession) -> None:
    await purge_slots(session, establishment_id, now)
