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

from gateway.buckets import LocalLimiter, Take, Verdict
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
# One hash tag: the keys of one call lie in one slot of a Valkey cluster.
PREFIX = "{limits}:"

# Time is the server's, so that processes need not agree about it. Lua prints big numbers in short: hence %.0f.
SCRIPT = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local answers = {}
for place, key in ipairs(KEYS) do
  local requests = tonumber(ARGV[3 * place - 2])
  local window = tonumber(ARGV[3 * place - 1])
  local cost = tonumber(ARGV[3 * place])
  local arrival = math.max(tonumber(redis.call('GET', key) or now), now)
  local after = arrival + math.floor(cost * window / requests)
  if after - now > window then
    answers[2 * place - 1] = 0
    answers[2 * place] = arrival - now
  else
    if cost > 0 then
      redis.call('SET', key, string.format('%.0f', after), 'PX', math.ceil((after - now) / 1000) + 1)
    end
    answers[2 * place - 1] = 1
    answers[2 * place] = after - now
  end
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


class ValkeyLimiter:
    """Requests that arrive together are counted in one round trip.

    When Valkey does not answer in `TIMEOUT_SECONDS`, this process counts alone, at the same rate and from what it
    last heard, and looks once a second whether Valkey is back. So no request waits for it twice.
    """

    def __init__(self, valkey: "Redis", *, now: Callable[[], float] = time.monotonic) -> None:
        self._valkey = valkey
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
        numbers = [(take.rate.requests, take.rate.seconds * 1_000_000, take.cost) for take in takes]
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
