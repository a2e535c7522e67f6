"""Measuring several instances in turns: processor time and latency of one request, at a modest fixed rate."""

import asyncio
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice, repeat
from uuid import uuid4

import msgspec

from bench.growth_filling import Size
from bench.instance import RunningInstance
from bench.load import Load, drive, http_request
from bench.museum import Museum
from bench.rows import order_requests

CLIENTS = 8
# Requests per second. Far below what one core serves, so that nobody waits for a turn.
RATES = {"order": 50, "scan": 50, "availability": 100}
SUCCESS = {"order": b'"confirmed"', "scan": b'"admitted"', "availability": b'"slots"'}
WARM_UP_SECONDS = 1.0
# What has to be done for a request; the worker and the generator are apart.
PAID_BY_REQUESTS = ("web", "postgresql")


@dataclass(frozen=True)
class Pace:
    """How often and for how long each size is measured."""

    rounds: int
    seconds: float
    idle_seconds: float

    @property
    def scans(self) -> int:
        """How many tickets a whole run scans."""
        return round(RATES["scan"] * (WARM_UP_SECONDS + self.rounds * self.seconds)) + 1


@dataclass(frozen=True)
class Grown:
    """An instance of that size, and the codes of tickets that can be scanned now."""

    size: Size
    instance: RunningInstance
    museum: Museum
    codes: list[str]


class Sample(msgspec.Struct, frozen=True):
    """One measurement; processor time in microseconds per request."""

    size: Size
    row: str
    cpu_microseconds: dict[str, float]
    p50_ms: float
    failures: dict[str, int]

    @property
    def cost_microseconds(self) -> float:
        return sum(self.cpu_microseconds[kind] for kind in PAID_BY_REQUESTS)


class Idle(msgspec.Struct, frozen=True):
    """What an instance uses while nobody asks anything: milliseconds of processor time per second."""

    size: Size
    cpu_milliseconds: dict[str, float]


async def measure_in_turns(grown: Sequence[Grown], pace: Pace) -> list[Sample]:
    """Each round measures every kind of request on every size, in an order of its own."""
    requests = {(one.size, row): source for one in grown for row, source in _sources(one).items()}
    for one in grown:
        for row in RATES:
            await _measure(one, row, requests[one.size, row], WARM_UP_SECONDS)
    return [
        await _measure(one, row, requests[one.size, row], pace.seconds)
        for _ in range(pace.rounds)
        for row in RATES
        for one in random.sample(grown, len(grown))
    ]


async def measure_idle(grown: Sequence[Grown], seconds: float) -> list[Idle]:
    """All at once: processor time is counted per process."""
    if not seconds:
        return []
    before = [one.instance.cpu_seconds() for one in grown]
    await asyncio.sleep(seconds)
    return [
        Idle(
            one.size, {kind: (after - was[kind]) / seconds * 1000 for kind, after in one.instance.cpu_seconds().items()}
        )
        for one, was in zip(grown, before, strict=True)
    ]


def _sources(grown: Grown) -> dict[str, Iterator[bytes]]:
    museum = grown.museum
    window = f"from={museum.visit.first_date}&until={museum.visit.last_date}"
    question = http_request("GET", f"{museum.path}/offers/{museum.visit.id}/availability?{window}")
    return {
        "order": order_requests(museum, museum.visit, museum.visit.slot_ids),
        # In any order: neighbours in the queue at a gate did not buy their tickets one after the other.
        "scan": _scans(museum, random.sample(grown.codes, len(grown.codes))),
        "availability": repeat(question),
    }


def _scans(museum: Museum, codes: Sequence[str]) -> Iterator[bytes]:
    headers = f"Authorization: Bearer {museum.device_token}\r\n"
    for code in codes:
        now = datetime.now(UTC).isoformat()
        body = json.dumps({"id": str(uuid4()), "code": code, "gate_id": museum.gate_id, "scanned_at": now})
        yield http_request("POST", f"{museum.path}/scans", body=body.encode(), headers=headers)


async def _measure(grown: Grown, row: str, requests: Iterator[bytes], seconds: float) -> Sample:
    rate = RATES[row]
    load = Load(
        port=grown.instance.port,
        requests=islice(requests, round(rate * seconds)),
        clients=CLIENTS,
        seconds=seconds,
        rate=rate,
        expected=SUCCESS[row],
    )
    before = grown.instance.cpu_seconds()
    measured = await drive(load)
    used = {kind: seconds - before[kind] for kind, seconds in grown.instance.cpu_seconds().items()}
    return Sample(
        size=grown.size,
        row=row,
        cpu_microseconds={kind: seconds * 1e6 / max(1, measured.answered) for kind, seconds in used.items()},
        p50_ms=measured.percentile_ms(0.5),
        failures=dict(measured.failures),
    )
