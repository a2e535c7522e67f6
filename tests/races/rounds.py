"""One round of the race for a slot's last places, and what would be wrong with it."""

import asyncio
import random
from collections.abc import Sequence
from uuid import UUID

import asyncpg
import msgspec

from tests.races.sale import Outcome, Sale, Shop

BUYERS = 500
CAPACITY = 100
MOST_PLACES = 4
SOLD_OUT = frozenset({"sold_out", "not_enough_places"})
COUNT = """
SELECT capacity - held - sold AS free, sold, held FROM inventory.gauges
JOIN inventory.slots ON gauges.id = slots.gauge_ids[1] AND gauges.establishment_id = slots.establishment_id
WHERE slots.id = $1"""
CONSTRAINTS = """
SELECT conname FROM pg_constraint WHERE conrelid = 'inventory.gauges'::regclass AND contype = 'c'"""


class Round(msgspec.Struct, frozen=True):
    """`wanted` and `outcomes` by buyer; what the slot's gauge said afterwards."""

    wanted: list[int]
    outcomes: list[Outcome]
    free: int
    sold: int
    held: int


async def run_round(
    sale: Sale, slot_id: UUID, shops: Sequence[Shop], owner: "asyncpg.Connection[asyncpg.Record]", seed: int
) -> Round:
    """All buyers at once, spread over the processes."""
    choice = random.Random(seed)  # noqa: S311 - repeatable buyers, no secret
    wanted = [choice.randint(1, MOST_PLACES) for _ in range(BUYERS)]
    buying = [choice.choice(shops).buy(sale, (slot_id, places)) for places in wanted]
    outcomes = list(await asyncio.gather(*buying))
    gauge = await owner.fetchrow(COUNT, slot_id)
    assert gauge
    return Round(wanted, outcomes, free=gauge["free"], sold=gauge["sold"], held=gauge["held"])


def faults(played: Round) -> list[str]:
    """Every way in which a round may break the promise; empty for one that kept it."""
    found = [f"an error: {outcome.error}" for outcome in played.outcomes if outcome.error]
    found += [f"refused as {o.code}" for o in played.outcomes if o.code and o.code not in SOLD_OUT]
    tickets = sum(outcome.tickets for outcome in played.outcomes)
    if tickets != CAPACITY:
        found.append(f"{tickets} tickets were given for {CAPACITY} places")
    if (played.sold, played.held) != (tickets, 0):
        found.append(f"{tickets} tickets were given, the gauge says {played.sold} sold and {played.held} held")
    for places, outcome in zip(played.wanted, played.outcomes, strict=True):
        if outcome.tickets not in (0, places):
            found.append(f"{places} places were wanted and {outcome.tickets} tickets given")
        if outcome.code and places <= played.free:
            found.append(f"{places} places were refused and {played.free} are free")
    return found


async def drop_checks(owner: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Takes the database's own guard against overselling away."""
    for row in await owner.fetch(CONSTRAINTS):
        await owner.execute(f'ALTER TABLE inventory.gauges DROP CONSTRAINT "{row["conname"]}"')
