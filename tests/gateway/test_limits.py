import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest_asyncio
from redis.asyncio import Redis

from gateway.buckets import Take
from gateway.limits import PACKET_SECONDS, ValkeyLimiter, connect_for_limits
from gateway.settings import Rate
from parvis.embedded.ports import free_port
from tests.gateway.valkey import Valkey

RATE = Rate(20, 60)


@pytest_asyncio.fixture
async def valkey(tmp_path: Path) -> AsyncIterator[Valkey]:
    server = Valkey(tmp_path)
    await server.start()
    yield server
    await server.stop()


@pytest_asyncio.fixture
async def limiter(valkey: Valkey) -> AsyncIterator[ValkeyLimiter]:
    limiter = ValkeyLimiter(connect_for_limits(valkey.url))
    # The first request of a process also opens the connection, which on a busy machine may take longer than one
    # is worth waiting for.
    await until(lambda: not limiter.is_away, limiter)
    yield limiter
    await limiter.close()


async def until(condition: Callable[[], bool], limiter: ValkeyLimiter) -> None:
    async with asyncio.timeout(10):
        await limiter.take(Take("warm", RATE, cost=0))
        while not condition():  # noqa: ASYNC110 - the limiter announces nothing
            await asyncio.sleep(0.02)


async def admitted(limiter: ValkeyLimiter, count: int, key: str = "a") -> int:
    verdicts = await asyncio.gather(*(limiter.take(Take(key, RATE)) for _ in range(count)))
    return sum(verdict.allowed for verdict in verdicts)


async def test_processes_count_together(valkey: Valkey, limiter: ValkeyLimiter):
    other = ValkeyLimiter(connect_for_limits(valkey.url))
    await until(lambda: not other.is_away, other)
    counts = await asyncio.gather(admitted(limiter, 50), admitted(other, 50))
    await other.close()

    assert sum(counts) == 20


async def test_valkey_and_memory_decide_alike(limiter: ValkeyLimiter):
    takes = [Take("a", Rate(7, 60), cost) for cost in (1, 0, 3, 1, 2, 1, 0)]
    shared = [await limiter.take(take) for take in takes]
    local = [limiter._local.count(Take("b", take.rate, take.cost)) for take in takes]

    assert [(one.allowed, one.remaining) for one in shared] == [(one.allowed, one.remaining) for one in local]


async def test_verdict_tells_when_to_come_back(limiter: ValkeyLimiter):
    verdicts = [await limiter.take(Take("a", Rate(2, 60))) for _ in range(3)]

    assert [verdict.remaining for verdict in verdicts] == [1, 0, 0]
    assert verdicts[2].allowed is False
    assert 29 <= verdicts[2].retry_after_seconds <= 30


async def test_keys_leave_valkey_when_their_rate_is_free_again(valkey: Valkey, limiter: ValkeyLimiter):
    await limiter.take(Take("a", Rate(2, 60)))
    async with Redis.from_url(valkey.url) as client:
        keys = await client.keys("*")
        assert keys == [b"{limits}:a"]
        assert 29_000 < await client.pttl(keys[0]) <= 30_001


async def test_requests_that_arrive_together_share_a_round_trip(valkey: Valkey, limiter: ValkeyLimiter):
    async with Redis.from_url(valkey.url) as client:
        before = (await client.info("commandstats")).get("cmdstat_evalsha", {}).get("calls", 0)
        await asyncio.gather(*(limiter.take(Take(f"key{number}", RATE)) for number in range(100)))
        after = (await client.info("commandstats"))["cmdstat_evalsha"]["calls"]

    assert after - before <= 2


async def test_large_rate_is_told_by_the_packet(valkey: Valkey, limiter: ValkeyLimiter):
    large, now = Rate(60_000, 60), time.monotonic()
    limiter._now = lambda: now
    async with Redis.from_url(valkey.url) as client:
        before = (await client.info("commandstats"))["cmdstat_evalsha"]["calls"]
        for _ in range(500):
            assert (await limiter.take(Take("gate", large))).allowed
        now += 2 * PACKET_SECONDS
        await limiter.take(Take("gate", large))
        after = (await client.info("commandstats"))["cmdstat_evalsha"]["calls"]
        assert after - before == 2
        # A request is a thousandth of a second here: all 501 are counted, less what passed meanwhile.
        ahead_seconds = await client.pttl("{limits}:gate") / 1000
    assert 0.3 < ahead_seconds <= 0.503


async def test_large_rate_is_no_larger_where_processes_meet(valkey: Valkey, limiter: ValkeyLimiter):
    other, large = ValkeyLimiter(connect_for_limits(valkey.url)), Rate(10_000, 600)
    await until(lambda: not other.is_away, other)

    async def ask(asking: ValkeyLimiter) -> int:
        return sum([(await asking.take(Take("gate", large))).allowed for _ in range(6_500)])

    counts = await asyncio.gather(ask(limiter), ask(other))
    await other.close()
    # Ten thousand, and what comes free while this runs.
    assert 9_990 <= sum(counts) < 10_400


async def test_flushed_valkey_forgets_without_a_failure(valkey: Valkey, limiter: ValkeyLimiter):
    assert await admitted(limiter, 30) == 20
    async with Redis.from_url(valkey.url) as client:
        await client.flushall()
        await client.script_flush()

    assert await admitted(limiter, 30) == 20
    assert not limiter.is_away


async def test_without_valkey_a_process_counts_alone_and_goes_on_from_what_it_knows(
    valkey: Valkey, limiter: ValkeyLimiter
):
    assert await admitted(limiter, 15) == 15
    await valkey.stop()

    assert await admitted(limiter, 30) == 5
    assert await admitted(limiter, 30, key="b") == 20
    assert limiter.is_away


async def test_valkey_that_returns_is_used_again(valkey: Valkey, limiter: ValkeyLimiter):
    await valkey.stop()
    await limiter.take(Take("a", RATE))
    assert limiter.is_away
    await valkey.start()
    await until(lambda: not limiter.is_away, limiter)

    assert await admitted(limiter, 30, key="b") == 20
    async with Redis.from_url(valkey.url) as client:
        assert await client.keys("*") == [b"{limits}:b"]


async def test_valkey_that_hangs_delays_no_request_by_more_than_50_milliseconds(valkey: Valkey, limiter: ValkeyLimiter):
    os.kill(valkey.pid, signal.SIGSTOP)
    try:
        delays = []
        for _ in range(20):
            started_at = time.perf_counter()
            await limiter.take(Take("a", RATE))
            delays.append(time.perf_counter() - started_at)
    finally:
        os.kill(valkey.pid, signal.SIGCONT)

    # A busy machine may add some; one request waits, those behind it do not.
    assert max(delays) < 0.1
    assert sorted(delays)[-2] < 0.01


async def test_valkey_that_was_never_there_is_no_obstacle():
    limiter = ValkeyLimiter(connect_for_limits(f"redis://127.0.0.1:{free_port()}/0"))

    assert await admitted(limiter, 30) == 20
    await limiter.close()
