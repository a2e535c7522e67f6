"""Who is told that a transaction changed something, or may have."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

from services.kit.database import WriteSession
from services.kit.errors import NotFound, Unavailable
from services.kit.watched import WatchedDatabase
from tests.services.kit.cutting_proxy import cutting_proxy
from tests.services.kit.notes import add_note, texts


class Watcher:
    def __init__(self) -> None:
        self.told: list[UUID] = []

    def changed(self, establishment_id: UUID) -> None:
        self.told.append(establishment_id)


@pytest.fixture
def watcher() -> Watcher:
    return Watcher()


@pytest_asyncio.fixture
async def watched(notes_url: str, watcher: Watcher) -> AsyncIterator[WatchedDatabase]:
    database = WatchedDatabase(notes_url, pool_size=2)
    database.watch(watcher.changed)
    yield database
    await database.close()


async def test_write_is_told_once_it_is_committed(watched: WatchedDatabase, watcher: Watcher, establishment_id: UUID):
    async def action(session: WriteSession) -> None:
        await add_note(establishment_id, "kept")(session)
        assert watcher.told == []

    await watched.write(establishment_id, action)
    assert watcher.told == [establishment_id]


async def test_read_and_refusal_change_nothing(watched: WatchedDatabase, watcher: Watcher, establishment_id: UUID):
    async def refuse(_: WriteSession) -> None:
        raise NotFound

    with pytest.raises(NotFound):
        await watched.write(establishment_id, refuse)
    await watched.read(establishment_id, lambda session: session.fetch("SELECT 1"))
    assert watcher.told == []


async def test_commit_whose_answer_is_lost_is_told(
    notes_url: str, watcher: Watcher, owner: asyncpg.Connection, establishment_id: UUID
):
    async with cutting_proxy(notes_url) as (proxy, url):
        database = WatchedDatabase(url, pool_size=1)
        database.watch(watcher.changed)
        proxy.cut_after_commit = True
        with pytest.raises(Unavailable):
            await database.write(establishment_id, add_note(establishment_id, "in doubt"))
        await database.close()
    assert await texts(owner, establishment_id) == ["in doubt"]
    assert watcher.told == [establishment_id]


async def test_write_whose_caller_went_away_is_told(watched: WatchedDatabase, watcher: Watcher, establishment_id: UUID):
    task = asyncio.create_task(watched.write(establishment_id, add_note(establishment_id, "for nobody")))
    await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert watcher.told == [establishment_id]
