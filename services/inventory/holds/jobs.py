"""Background work of holds, run by `parvis worker`."""

from functools import partial
from uuid import UUID

from services.inventory.holds.actions import EXPIRED_PER_SWEEP, expire_holds
from services.kit.database import Database, ReadSession

FIND_ESTABLISHMENTS = "SELECT inventory.establishments_with_expired_holds() AS id"


async def sweep_expired_holds(database: Database) -> int:
    """Frees the places of holds whose time is over, wherever there are any; returns how many ended."""

    async def establishments(session: ReadSession) -> list[UUID]:
        return [row["id"] for row in await session.fetch(FIND_ESTABLISHMENTS)]

    ended = 0
    for establishment_id in await database.read_instance(establishments):
        swept = EXPIRED_PER_SWEEP
        while swept == EXPIRED_PER_SWEEP:
            swept = await database.write(establishment_id, partial(expire_holds, establishment_id=establishment_id))
            ended += swept
    return ended
