"""Buyers who take what is left of a slot, at two processes, until they are refused a single place."""

import asyncio
import random
import time
from collections.abc import Sequence
from uuid import UUID, uuid4

import asyncpg

from services.inventory.contract import Inventory, PlaceHold, PlaceLine
from tests.races.history import Move, Recorder, false_refusals, sales
from tests.races.rounds import SOLD_OUT
from tests.races.sale import Outcome, Sale, Shop

MOST_PLACES = 6
COUNT = "SELECT capacity - held - sold AS free FROM inventory.gauges WHERE id = $1"
END_TOGETHER = """
WITH ended AS (
    UPDATE inventory.holds SET expires_at = now() + interval '100 milliseconds' WHERE id = ANY($1::uuid[])
    RETURNING expires_at
)
SELECT extract(epoch FROM max(expires_at))::float8 FROM ended"""
RAISE_CAPACITY = "UPDATE inventory.gauges SET capacity = held + sold + $2 WHERE id = $1"


class Contest:
    """`shops` sell from inventories that `recorder` watches."""

    def __init__(
        self, sale: Sale, shops: Sequence[Shop], owner: "asyncpg.Connection[asyncpg.Record]", recorder: Recorder
    ) -> None:
        self.sale = sale
        self._shops = shops
        self._owner = owner
        self._recorder = recorder
        # One connection, many slots.
        self._looking = asyncio.Lock()

    async def last_places(self, slot_id: UUID, *, places: int, buyers: int, seed: int) -> list[str]:
        """Every way in which the promise was broken while these buyers took the last places of the slot."""
        async with self._looking:
            await self._owner.execute(RAISE_CAPACITY, slot_id, places)
            before = await sales(self._owner, slot_id)
        asked_before = len(self._recorder.of(slot_id))
        outcomes = await self.buy(slot_id, buyers=buyers, seed=seed)
        async with self._looking:
            after = await sales(self._owner, slot_id)
            free = await self._owner.fetchval(COUNT, slot_id)
        calls = self._recorder.of(slot_id)[asked_before:]
        moves = {hold_id: move for hold_id, move in after.items() if hold_id not in before}

        found = outcome_faults(outcomes, places, list(moves.values()))
        if moves.keys() != {call.hold_id for call in calls if call.granted}:
            found.append("the sales of the database are not those that were promised")
        smallest = min(call.places for call in calls if not call.granted)
        if free >= smallest:
            found.append(f"{smallest} places were refused and {free} are free")
        return found + false_refusals(calls, places, list(moves.values()))

    async def ended_places(self, slot_id: UUID, inventory: Inventory, *, places: int, seed: int) -> list[str]:
        """The same while all of the last places are held, by holds that end at one moment."""
        await self._owner.execute(RAISE_CAPACITY, slot_id, places)
        holds = [self._hold(slot_id) for _ in range(places)]
        await asyncio.gather(*(inventory.place_hold(hold) for hold in holds))
        ended_at = await self._owner.fetchval(END_TOGETHER, [hold.hold_id for hold in holds])
        outcomes: list[Outcome] = []
        while time.time() < ended_at + 0.05:
            outcomes += await self.buy(slot_id, buyers=20, seed=seed)
        moves = list((await sales(self._owner, slot_id)).values())
        found = outcome_faults(outcomes, places, moves)
        return found + false_refusals(self._recorder.of(slot_id), 0, [Move(ended_at, -places), *moves])

    async def buy(self, slot_id: UUID, *, buyers: int, seed: int) -> list[Outcome]:
        shops = self._shops
        buying = [
            _buy_until_refused(shops[buyer % len(shops)], self.sale, slot_id, seed * buyers + buyer)
            for buyer in range(buyers)
        ]
        return [outcome for bought in await asyncio.gather(*buying) for outcome in bought]

    def _hold(self, slot_id: UUID) -> PlaceHold:
        return PlaceHold(
            establishment_id=self.sale.establishment_id,
            hold_id=uuid4(),
            owner_id=uuid4(),
            lines=[PlaceLine(slot_id=slot_id, quantity=1)],
            expires_in_seconds=60,
        )


def outcome_faults(outcomes: Sequence[Outcome], places: int, moves: Sequence[Move]) -> list[str]:
    found = [f"an error: {outcome.error}" for outcome in outcomes if outcome.error]
    found += [f"refused as {o.code}" for o in outcomes if o.code and o.code not in SOLD_OUT]
    tickets = sum(outcome.tickets for outcome in outcomes)
    sold = sum(move.places for move in moves)
    if not tickets == sold == places:
        found.append(f"{tickets} tickets were given and {sold} places sold of {places}")
    return found


async def _buy_until_refused(shop: Shop, sale: Sale, slot_id: UUID, seed: int) -> list[Outcome]:
    """Whoever is refused asks for fewer."""
    choice = random.Random(seed)  # noqa: S311 - repeatable buyers, no secret
    outcomes: list[Outcome] = []
    most = MOST_PLACES
    while most:
        wanted = choice.randint(1, most)
        outcomes.append(await shop.buy(sale, (slot_id, wanted)))
        if outcomes[-1].error:
            break
        most = MOST_PLACES if outcomes[-1].tickets else wanted - 1
    return outcomes
