"""Who asked inventory for how many places of one slot, from when until when, and what became of it.

A refusal is lawful only if fewer places than asked for were free at some moment between question and answer.
Grants are dated by the database, which does so before it has the lock: a place counts as taken rather too early, so
nobody is accused wrongly.
"""

import time
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from uuid import UUID

import asyncpg
import msgspec

from services.inventory.contract import Hold, NotEnoughPlaces, PlaceHold, SoldOut
from services.inventory.in_process import InProcessInventory

SOLD_AT = """
SELECT holds.id, extract(epoch FROM holds.sold_at)::float8 AS at, hold_lines.quantity AS places FROM inventory.holds
JOIN inventory.hold_lines ON hold_lines.establishment_id = holds.establishment_id AND hold_lines.hold_id = holds.id
WHERE hold_lines.slot_id = $1 AND holds.state = 'sold'"""


class Call(msgspec.Struct, frozen=True):
    """A request for places of one slot. Moments in seconds since 1970."""

    hold_id: UUID
    slot_id: UUID
    places: int
    asked_at: float
    answered_at: float
    granted: bool


class Move(msgspec.Struct, frozen=True):
    """From `at` on so many more places are taken; negative: free again."""

    at: float
    places: int


class Recorder:
    """What the inventories of all processes were asked."""

    def __init__(self) -> None:
        self.calls: list[Call] = []

    def of(self, slot_id: UUID) -> list[Call]:
        return [call for call in self.calls if call.slot_id == slot_id]

    def watching(self, kind: type[InProcessInventory]) -> type[InProcessInventory]:
        def note(request: PlaceHold, asked_at: float, *, granted: bool) -> None:
            [line] = request.lines
            moments = (asked_at, time.time())
            self.calls.append(Call(request.hold_id, line.slot_id, line.quantity, *moments, granted=granted))

        class Watched(kind):  # type: ignore[misc, valid-type]  # the class that the test gives
            async def place_hold(self, request: PlaceHold) -> Hold:
                asked_at = time.time()
                try:
                    hold: Hold = await super().place_hold(request)
                except (SoldOut, NotEnoughPlaces):
                    note(request, asked_at, granted=False)
                    raise
                note(request, asked_at, granted=True)
                return hold

        return Watched


async def sales(owner: "asyncpg.Connection[asyncpg.Record]", slot_id: UUID) -> dict[UUID, Move]:
    """Every sale of the slot by its hold, as the database dated it."""
    rows = await owner.fetch(SOLD_AT, slot_id)
    return {row["id"]: Move(row["at"], row["places"]) for row in rows}


def false_refusals(calls: Sequence[Call], free: int, moves: Sequence[Move]) -> list[str]:
    """`free` places before all `moves`."""
    # Of two at the same moment the one that takes comes first: again in favour of the refusal.
    moves = sorted(moves, key=lambda move: (move.at, -move.places))
    moments = [move.at for move in moves]
    left = list(accumulate((-move.places for move in moves), initial=free))
    found = []
    for call in calls:
        if call.granted:
            continue
        fewest = min(left[bisect_right(moments, call.asked_at) : bisect_right(moments, call.answered_at) + 1])
        if fewest >= call.places:
            found.append(f"{call.places} places were refused while at least {fewest} were free")
    return found
