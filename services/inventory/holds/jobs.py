"""Background work of holds, run by `parvis worker`."""

from functools import partial

from services.inventory.holds.actions import EXPIRED_PER_SWEEP, expire_holds
from services.inventory.holds.queries import establishments_with_expired_holds
from services.kit.database import Database


async def sweep_expired_holds(database: Database) -> int:
    """Frees the places of holds whose time is over, wherever there are any; returns how many ended."""
    ended = 0
    for establishment_id in await database.read_instance(establishments_with_expired_holds):
        swept = EXPIRED_PER_SWEEP
        while swept == EXPIRED_PER_SWEEP:
            swept = await database.write(establishment_id, partial(expire_holds, establishment_id=establishment_id))
            ended += swept
    return ended
