"""A sale from its first place to its last: many callers want two places each of one slot, until each was refused."""

from array import array
from itertools import pairwise

import asyncpg
import msgspec

from bench.ground import Ground
from bench.load import Load, drive, percentile
from bench.museum import Museum, make_offer
from bench.rows import QUANTITY, order_requests

CALLERS = 300
PLACES = 40_000
# The API's limit for one slot.
PLACES_MAX = 100_000
PARTS = 10
# Far more than a sale takes: it ends by itself.
SALE_SECONDS = 300.0


class Filling(msgspec.Struct, frozen=True):
    """Latencies while the slot filled up to this part."""

    filled: float
    p50_ms: float
    p99_ms: float


class Sale(msgspec.Struct, frozen=True, kw_only=True):
    """`tickets` is counted in the database, `p99_ms` over all answers, refusals too."""

    callers: int
    places: int
    granted: int
    tickets: int
    refused: dict[str, int]
    seconds: float
    p50_ms: float
    p99_ms: float
    longest_ms: float
    fillings: list[Filling]

    @property
    def exact(self) -> bool:
        """Not one too many, not one too few, and every caller told so in the end."""
        return self.granted == self.tickets == self.places and self.refused == {"409": self.callers}


async def sell_out(ground: Ground, *, callers: int = CALLERS, places: int = PLACES) -> Sale:
    museum = ground.museums[0]
    warm_up = order_requests(museum, museum.visit, museum.visit.slot_ids)
    await drive(Load(ground.instance.port, warm_up, callers, 0.5))
    offer = await make_offer(ground.instance, museum, places)
    requests = order_requests(museum, offer, offer.slot_ids)
    sold = await drive(Load(ground.instance.port, requests, callers, SALE_SECONDS, leave_when_refused=True))
    answers = sold.latencies + sold.failed_latencies
    return Sale(
        callers=callers,
        places=places,
        granted=sold.count * QUANTITY,
        tickets=await _count_tickets(ground, museum, offer.slot_ids[0]),
        refused=dict(sold.failures),
        seconds=sold.seconds,
        p50_ms=percentile(answers, 0.5) * 1000,
        p99_ms=percentile(answers, 0.99) * 1000,
        longest_ms=max(answers) * 1000,
        fillings=_fillings(sold.latencies),
    )


def _fillings(latencies: "array[float]") -> list[Filling]:
    """Every order took as many places, so the order of the answers tells how full the slot was."""
    bounds = [len(latencies) * part // PARTS for part in range(PARTS + 1)]
    parts = [latencies[start:end] for start, end in pairwise(bounds)]
    return [
        Filling(number / PARTS, percentile(part, 0.5) * 1000, percentile(part, 0.99) * 1000)
        for number, part in enumerate(parts, 1)
    ]


async def _count_tickets(ground: Ground, museum: Museum, slot_id: str) -> int:
    connection = await asyncpg.connect(ground.instance.owner_url)
    try:
        found = await connection.fetchval(
            "SELECT count(*) FROM ticketing.tickets WHERE establishment_id = $1 AND slot_id = $2", museum.id, slot_id
        )
    finally:
        await connection.close()
    return int(found)
