"""Rate limits that all processes count together, in Valkey, which may vanish at any moment."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import TypeVar

import structlog
from prometheus_client import Gauge
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from gateway.buckets import MICROSECONDS, LocalLimiter, Take, Verdict
from services.kit.batching import Batcher
from services.kit.errors import Unavailable

T = TypeVar("T")

log = structlog.get_logger()

VALKEY_AWAY = Gauge("parvis_limits_counted_alone", "1 while this process counts rate limits without Valkey")

# Slower than this, Valkey is as good as away: nobody waits longer for a limit.
TIMEOUT_SECONDS = 0.04
PROBE_SECONDS = 1.0
BATCH_LIMIT = 200
LOOKS_AFTER_TIMEOUT = 5
# Rates of so many requests are those of keys and devices: a gate with a queue in front of it asks dozens of times a
# second. Far from its limit, it is counted here and told to Valkey by the packet.
LARGE_RATE = 10_000
PACKET_SECONDS = 0.05
DEBTORS_MAX = 10_000
# One hash tag: the keys of one call lie in one slot of a Valkey cluster.
PREFIX = "{limits}:"

# Time is the server's, so that processes need not agree about it. Lua prints big numbers in short: hence %.0f.
SCRIPT = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local answers = {}
for place, key in ipairs(KEYS) do
  local requests = tonumber(ARGV[4 * place - 3])
  local window = tonumber(ARGV[4 * place - 2])
  local cost = tonumber(ARGV[4 * place - 1])
  local owed = tonumber(ARGV[4 * place])
  local before = math.max(tonumber(redis.call('GET', key) or now), now)
  local arrival = math.min(before + math.floor(owed * window / requests), math.max(before, now + window))
  local after = arrival + math.floor(cost * window / requests)
  local allowed = after - now <= window
  if not allowed then
    after = arrival
  end
  if after > before then
    redis.call('SET', key, string.format('%.0f', after), 'PX', math.ceil((after - now) / 1000) + 1)
  end
  answers[2 * place - 1] = allowed and 1 or 0
  answers[2 * place] = after - now
end
return answers
"""


def connect_for_limits(url: str) -> "Redis":
    """A client that never tries twice; how long it may take is for `ValkeyLimiter` to say."""
    return Redis.from_url(
        url,
        socket_timeout=PROBE_SECONDS,
        socket_connect_timeout=PROBE_SECONDS,
        retry=Retry(NoBackoff(), 0),
        max_connections=4,
    )


class _Debt:
    """What was granted since Valkey was last asked about a key, and has not been told to it yet."""

    __slots__ = ("asked_at", "owed")

    def __init__(self, asked_at: float) -> None:
        self.asked_at = asked_at
        self.owed = 0


class ValkeyLimiter:
    """Requests that arrive together are counted in one round trip; those of a large rate, while less than half of it
    is used, also with those of the next `PACKET_SECONDS`. So much may be granted twice where processes meet.

    When Valkey does not answer in `TIMEOUT_SECONDS`, this process counts alone, at the same rate and from what it
    last heard, and looks once a second whether Valkey is back. So no request waits for it twice.
    """

    def __init__(self, valkey: "Redis", *, now: Callable[[], float] = time.monotonic) -> None:
        self._valkey = valkey
        self._now = now
        self._debts: dict[str, _Debt] = {}
        self._script = valkey.register_script(SCRIPT)
        self._local = LocalLimiter(now)
        self._batcher: Batcher[None, Take, Verdict] = Batcher("limits", self._count, batch_limit=BATCH_LIMIT)
        self._probe: asyncio.Task[None] | None = None

    @property
    def is_away(self) -> bool:
        return self._probe is not None

    async def take(self, take: Take) -> Verdict:
        if self.is_away:
            return self._local.count(take)
        if take.rate.requests >= LARGE_RATE:
            verdict = self._grant_ahead(take)
            if verdict is not None:
                return verdict
            take = self._with_debt(take)
        try:
            return await self._batcher.submit(None, take)
        except Unavailable:
            return self._local.count(take)

    async def close(self) -> None:
        await self._batcher.close()
        if self._probe is not None:
            self._probe.cancel()
            with suppress(asyncio.CancelledError):
                await self._probe
        await self._valkey.aclose()

    def _grant_ahead(self, take: Take) -> Verdict | None:
        debt = self._debts.get(take.key)
        if debt is None or self._now() - debt.asked_at >= PACKET_SECONDS:
            return None
        if self._local.ahead_microseconds(take.key) > take.rate.seconds * MICROSECONDS // 2:
            return None
        debt.owed += take.cost
        return self._local.count(take)

    def _with_debt(self, take: Take) -> Take:
        debt = self._debts.get(take.key)
        owed = debt.owed if debt else 0
        if len(self._debts) >= DEBTORS_MAX:
            self._debts.clear()
        self._debts[take.key] = _Debt(self._now())
        return Take(take.key, take.rate, take.cost, owed)

    async def _count(self, _: None, takes: Sequence[Take]) -> Sequence[Verdict | Exception]:
        if self.is_away:
            return [self._local.count(take) for take in takes]
        try:
            answers = await _in_time(self._ask(takes))
        except (RedisError, OSError, TimeoutError) as error:
            self._break(error)
            return [self._local.count(take) for take in takes]
        verdicts = [
            Verdict(take.rate, allowed=bool(answers[2 * place]), ahead_microseconds=int(answers[2 * place + 1]))
            for place, take in enumerate(takes)
        ]
        for take, verdict in zip(takes, verdicts, strict=True):
            self._local.learn(take.key, verdict.ahead_microseconds)
        return list(verdicts)

    async def _ask(self, takes: Sequence[Take]) -> list[int]:
        keys = [PREFIX + take.key for take in takes]
        numbers = [(take.rate.requests, take.rate.seconds * 1_000_000, take.cost, take.owed) for take in takes]
        answers: list[int] = await self._script(keys=keys, args=[number for row in numbers for number in row])
        return answers

    async def _ping(self) -> None:
        await self._valkey.ping()

    def _break(self, error: Exception) -> None:
        log.warning("limits_counted_alone", cause=repr(error))
        VALKEY_AWAY.set(1)
        self._probe = asyncio.create_task(self._wait_for_valkey())

    async def _wait_for_valkey(self) -> None:
        while True:
            await asyncio.sleep(PROBE_SECONDS)
            with suppress(RedisError, OSError, TimeoutError):
                await _in_time(self._ping())
                break
        self._probe = None
        VALKEY_AWAY.set(0)
        log.info("limits_counted_together")


async def _in_time(answer: Coroutine[object, object, T]) -> T:
    """Raises `TimeoutError`. Not `asyncio.timeout`, which also fires when the answer is there and only we are late:
    a busy process would take itself for a Valkey that is away.
    """
    task = asyncio.create_task(answer)
    try:
        await asyncio.wait((task,), timeout=TIMEOUT_SECONDS)
        for _ in range(LOOKS_AFTER_TIMEOUT):
            if task.done():
                break
            await asyncio.sleep(0)
        if not task.done():
            raise TimeoutError
        return task.result()
    finally:
        task.cancel()
