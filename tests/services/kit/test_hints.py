"""Hints over a real Valkey: heard by the others, few, and never missed by those who lost them."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from time import perf_counter
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from services.kit import hints as hints_module
from services.kit.hints import CHANNEL, PAUSE_SECONDS, Hints
from tests.gateway.valkey import Valkey


class Process:
    """What one process tells and hears. None stands for: anything may have changed."""

    def __init__(self, url: str) -> None:
        self.hints = Hints(url)
        self.heard: list[UUID | None] = []

    async def listen(self) -> None:
        self.hints.hear(self.heard.append)
        await until(lambda: None in self.heard)
        self.heard.clear()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - hints announce nothing else
            await asyncio.sleep(0.005)


@pytest_asyncio.fixture
async def valkey(tmp_path: Path) -> AsyncIterator[Valkey]:
    server = Valkey(tmp_path)
    await server.start()
    yield server
    await server.stop()


@pytest_asyncio.fixture
async def processes(valkey: Valkey) -> AsyncIterator[tuple[Process, Process]]:
    one, other = Process(valkey.url), Process(valkey.url)
    for process in (one, other):
        await process.listen()
    yield one, other
    for process in (one, other):
        await process.hints.close()


async def test_change_is_heard_by_others_and_not_by_who_told_it(processes: tuple[Process, Process]):
    one, other = processes
    mine, yours = uuid4(), uuid4()
    one.hints.tell(mine)
    await until(lambda: other.heard == [mine])
    other.hints.tell(yours)
    await until(lambda: one.heard == [yours])


async def test_busy_sale_is_ten_hints_a_second(processes: tuple[Process, Process]):
    one, other = processes
    started = perf_counter()
    busy, last = uuid4(), uuid4()
    told = 0
    while perf_counter() - started < 0.45:
        one.hints.tell(busy)
        told += 1
        await asyncio.sleep(0)
    one.hints.tell(last)
    await until(lambda: last in other.heard)
    seconds = perf_counter() - started
    assert told > 1000
    assert other.heard.count(busy) <= seconds / PAUSE_SECONDS + 1
    assert len(other.heard) == other.heard.count(busy) + 1


async def test_change_of_many_establishments_is_told_of_each(processes: tuple[Process, Process]):
    one, other = processes
    many = {uuid4() for _ in range(2500)}
    for establishment_id in many:
        one.hints.tell(establishment_id)
    await until(lambda: set(other.heard) == many)


async def test_whoever_was_cut_off_takes_everything_for_changed(
    processes: tuple[Process, Process], valkey: Valkey, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(hints_module, "RETRY_SECONDS", 0.02)
    one, other = processes
    await valkey.stop()
    lost, found = uuid4(), uuid4()
    one.hints.tell(lost)
    await until(lambda: one.hints._is_mute and other.hints._is_deaf)
    await valkey.start()
    await until(lambda: None in other.heard)
    one.hints.tell(found)
    await until(lambda: found in other.heard)
    # What could not be told is not kept: everybody has looked anew since.
    assert lost not in other.heard


async def test_silent_server_is_noticed(
    processes: tuple[Process, Process], valkey: Valkey, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(hints_module, "RETRY_SECONDS", 0.02)
    monkeypatch.setattr(hints_module, "CHECK_SECONDS", 0.05)
    _, other = processes
    async with Redis.from_url(valkey.url) as client:
        # Wakes the one that listens, so that it waits by the shorter time from now on.
        await client.publish(CHANNEL, b"")
        await until(lambda: not other.hints._is_deaf)
        os.kill(valkey.pid, signal.SIGSTOP)
        await until(lambda: other.hints._is_deaf)
        os.kill(valkey.pid, signal.SIGCONT)
    await until(lambda: None in other.heard)


async def test_nonsense_is_no_hint(processes: tuple[Process, Process], valkey: Valkey):
    one, other = processes
    async with Redis.from_url(valkey.url) as client:
        for nonsense in (b"", b"x", b"x" * 13, b"x" * 2000 + b"y"):
            await client.publish(CHANNEL, nonsense)
    known = uuid4()
    one.hints.tell(known)
    await until(lambda: known in other.heard)
    assert other.heard == [known]


async def test_telling_and_hearing_without_valkey_disturbs_nobody():
    process = Process("redis://127.0.0.1:1/0")
    process.hints.hear(process.heard.append)
    process.hints.tell(uuid4())
    await until(lambda: process.hints._is_mute and process.hints._is_deaf)
    await process.hints.close()
    assert process.heard == []
