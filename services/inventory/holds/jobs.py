"""Background work of holds, run by `parvis worker`."""

import asyncio
from functools import partial
from time import perf_counter

from services.inventory.holds.actions import expire_holds
from services.inventory.holds.queries import establishments_with_expired_holds
from services.kit.database import Database

# So few that whoever buys places on the same gauges hardly waits, and then a rest of twice as long as they took: a
# hundred thousand holds that end in the same second are over within a minute, and the sale goes on.
HOLDS_PER_TURN = 100
REST = 2


async def sweep_expired_holds(database: Database) -> int:
    """Frees the places of holds whose time is over, wherever there are any; returns how many ended."""
    ended = 0
    waiting = await database.read_instance(establishments_with_expired_holds)
    # In turns, so that a storm at one establishment does not keep the others waiting.
    while waiting:
        began, more = perf_counter(), []
        for establishment_id in waiting:
            sweep = partial(expire_holds, establishment_id=establishment_id, limit=HOLDS_PER_TURN)
            swept = await database.write(establishment_id, sweep)
            ended += swept
            if swept == HOLDS_PER_TURN:
                more.append(establishment_id)
        waiting = more
        if waiting:
            await asyncio.sleep(REST * (perf_counter() - began))
    return ended
