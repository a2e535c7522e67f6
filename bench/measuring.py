"""One measurement of ours beside one of the limit, so that noise of the machine hits both alike."""

import math
from collections.abc import Iterator

import msgspec

from bench.ceiling.pgbench import Limit
from bench.ground import Ground
from bench.load import Load, drive
from bench.rows import Row

WARM_UP_SECONDS = 0.5
# Requests prepared beyond what the warm-up suggests: caches are warmer later.
HEADROOM = 1.5
WARM_UP_REQUESTS = 2_000


class Pace(msgspec.Struct, frozen=True):
    """`rate` in requests per second, all clients together; None: each client as fast as it is answered."""

    clients: int
    seconds: float
    rate: float | None = None


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """Rates are per second; processor time is in microseconds per request, by kind of process.

    The ceiling is that of pgbench with as many clients.
    """

    row: str
    title: str
    clients: int
    rate: float | None
    requests: int
    seconds: float
    per_second: float
    p50_ms: float
    p99_ms: float
    failures: dict[str, int]
    cpu_microseconds: dict[str, float]
    ceiling_per_second: float | None = None
    ceiling_cpu_microseconds: float | None = None

    @property
    def ratio(self) -> float | None:
        return self.per_second / self.ceiling_per_second if self.ceiling_per_second else None


async def measure(ground: Ground, row: Row, pace: Pace) -> Result:
    """Warm up; then the limit, ours, and the limit again. In open loop there is no limit to compare with."""
    warm_up = Pace(clients=pace.clients, seconds=WARM_UP_SECONDS)
    warm = await drive(_load(ground, row, warm_up, await row.prepare(ground, WARM_UP_REQUESTS)))
    await ground.instance.settle()
    ceiling = ground.ceiling if pace.rate is None else None
    half = math.ceil(pace.seconds / 2)
    gauges = row.gauges * len(ground.museums)
    limits: list[Limit] = []
    if ceiling:
        with ground.instance.stopped():
            limits.append(await ceiling.measure(row.script, clients=pace.clients, seconds=half, gauges=gauges))
    wanted = pace.rate or warm.per_second * HEADROOM
    result = await _measure_ours(ground, row, pace, int(wanted * pace.seconds) + pace.clients)
    if ceiling is None:
        return result
    with ground.instance.stopped():
        limits.append(await ceiling.measure(row.script, clients=pace.clients, seconds=half, gauges=gauges))
    return msgspec.structs.replace(
        result,
        ceiling_per_second=sum(limit.per_second for limit in limits) / len(limits),
        ceiling_cpu_microseconds=sum(limit.cpu_seconds_each for limit in limits) / len(limits) * 1e6,
    )


async def _measure_ours(ground: Ground, row: Row, pace: Pace, wanted: int) -> Result:
    requests = await row.prepare(ground, wanted)
    before = ground.instance.cpu_seconds()
    measured = await drive(_load(ground, row, pace, requests))
    used = {kind: seconds - before[kind] for kind, seconds in ground.instance.cpu_seconds().items()}
    used["generator"] = measured.generator_cpu_seconds
    each = 1e6 / max(1, measured.answered)
    return Result(
        row=row.name,
        title=row.title,
        clients=pace.clients,
        rate=pace.rate,
        requests=measured.count,
        seconds=measured.seconds,
        per_second=measured.per_second,
        p50_ms=measured.percentile_ms(0.5),
        p99_ms=measured.percentile_ms(0.99),
        failures=dict(measured.failures),
        cpu_microseconds={kind: seconds * each for kind, seconds in used.items()},
    )


def _load(ground: Ground, row: Row, pace: Pace, requests: Iterator[bytes]) -> Load:
    return Load(
        port=ground.instance.port,
        requests=requests,
        clients=pace.clients,
        seconds=pace.seconds,
        rate=pace.rate,
        expected=row.expected,
    )
