"""The first answer again: to the same key and body, once the effect is there, and to nobody else."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest
import pytest_asyncio

from services.kit.database import Database, WriteSession
from services.kit.errors import Conflict, IdempotencyInProgress, IdempotencyKeyReused
from services.kit.idempotency import Answer, IdempotencyKey, OnceOnly
from services.kit.sealing import SealBroken, Sealer
from tests.services.kit.notes import add_note, idempotency_keys, texts

Owner = asyncpg.Connection
SEALER = Sealer(b"s" * 32)
KEY = IdempotencyKey(scope="key:1", key="3f5c", fingerprint=b"first body")
SWAP = """
UPDATE kit_test.idempotency_keys SET sealed_body = stolen.sealed_body
FROM (SELECT sealed_body FROM kit_test.idempotency_keys WHERE establishment_id = $1 AND key_hash = $2) AS stolen
WHERE establishment_id = $1 AND key_hash = $3"""
STORED = "SELECT * FROM kit_test.idempotency_keys WHERE establishment_id = $1"


@pytest.fixture
def once(database: Database) -> OnceOnly:
    return OnceOnly(database, idempotency_keys, SEALER)


@pytest_asyncio.fixture
async def once_elsewhere(notes_url: str) -> AsyncIterator[OnceOnly]:
    """Another process: it shares nothing but the database and the secret."""
    database = Database(notes_url, pool_size=2)
    yield OnceOnly(database, idempotency_keys, SEALER)
    await database.close()


def noting(establishment_id: UUID, text: str = "done") -> Callable[[WriteSession], Awaitable[Answer]]:
    """Every run writes a note and answers something else."""

    async def action(session: WriteSession) -> Answer:
        note_id = await add_note(establishment_id, text)(session)
        return Answer(status=201, body=b'{"secret":"%s"}' % note_id.hex.encode())

    return action


async def test_repeated_request_gets_the_first_answer_byte_for_byte(
    once: OnceOnly, once_elsewhere: OnceOnly, owner: Owner, establishment_id: UUID
):
    first = await once.answer(establishment_id, KEY, noting(establishment_id))
    assert first.status == 201
    for again in (once, once, once_elsewhere):
        assert await again.answer(establishment_id, KEY, noting(establishment_id)) == first
    assert await texts(owner, establishment_id) == ["done"]


async def test_request_without_a_key_runs_each_time(once: OnceOnly, owner: Owner, establishment_id: UUID):
    answers = [await once.answer(establishment_id, None, noting(establishment_id)) for _ in range(2)]
    assert answers[0] != answers[1]
    assert await texts(owner, establishment_id) == ["done", "done"]
    assert await owner.fetch(STORED, establishment_id) == []


async def test_same_key_with_another_body_is_refused(once: OnceOnly, owner: Owner, establishment_id: UUID):
    await once.answer(establishment_id, KEY, noting(establishment_id))
    other = msgspec.structs.replace(KEY, fingerprint=b"second body")
    with pytest.raises(IdempotencyKeyReused):
        await once.answer(establishment_id, other, noting(establishment_id))
    assert await texts(owner, establishment_id) == ["done"]


async def test_key_of_another_client_or_establishment_is_another_key(
    once: OnceOnly, owner: Owner, establishment_id: UUID
):
    other, other_scope = uuid4(), msgspec.structs.replace(KEY, scope="key:2")
    answers = [
        await once.answer(establishment_id, KEY, noting(establishment_id)),
        await once.answer(establishment_id, other_scope, noting(establishment_id)),
        await once.answer(other, KEY, noting(other)),
    ]
    assert len({answer.body for answer in answers}) == 3
    assert [len(await texts(owner, tenant)) for tenant in (establishment_id, other)] == [2, 1]


async def test_request_that_is_still_running_is_told_so(once: OnceOnly, owner: Owner, establishment_id: UUID):
    started, may_end = asyncio.Event(), asyncio.Event()

    async def slow(session: WriteSession) -> Answer:
        started.set()
        await may_end.wait()
        return await noting(establishment_id)(session)

    first = asyncio.create_task(once.answer(establishment_id, KEY, slow))
    await started.wait()
    with pytest.raises(IdempotencyInProgress):
        await once.answer(establishment_id, KEY, noting(establishment_id))
    may_end.set()
    answer = await first
    assert await once.answer(establishment_id, KEY, noting(establishment_id)) == answer
    assert await texts(owner, establishment_id) == ["done"]


async def test_same_request_in_two_processes_has_one_effect(
    once: OnceOnly, once_elsewhere: OnceOnly, owner: Owner, establishment_id: UUID
):
    started, may_end = asyncio.Event(), asyncio.Event()

    async def slow(session: WriteSession) -> Answer:
        started.set()
        await may_end.wait()
        return await noting(establishment_id)(session)

    first = asyncio.create_task(once.answer(establishment_id, KEY, slow))
    await started.wait()
    # Knows nothing of the first one but the row that it has claimed, and waits for it.
    second = asyncio.create_task(once_elsewhere.answer(establishment_id, KEY, noting(establishment_id)))
    await somebody_waits(owner)
    assert not second.done()
    may_end.set()
    assert await first == await second
    assert await texts(owner, establishment_id) == ["done"]


async def test_second_process_runs_it_if_the_first_one_failed(
    once: OnceOnly, once_elsewhere: OnceOnly, owner: Owner, establishment_id: UUID
):
    started, may_end = asyncio.Event(), asyncio.Event()

    async def failing(session: WriteSession) -> Answer:
        await add_note(establishment_id, "never")(session)
        started.set()
        await may_end.wait()
        raise LookupError

    first = asyncio.create_task(once.answer(establishment_id, KEY, failing))
    await started.wait()
    second = asyncio.create_task(once_elsewhere.answer(establishment_id, KEY, noting(establishment_id)))
    await somebody_waits(owner)
    may_end.set()
    with pytest.raises(LookupError):
        await first
    assert (await second).status == 201
    assert await texts(owner, establishment_id) == ["done"]


@pytest.mark.parametrize("error", [Conflict, LookupError])
async def test_refused_request_is_not_remembered(
    once: OnceOnly, owner: Owner, establishment_id: UUID, error: type[Exception]
):
    async def refused(session: WriteSession) -> Answer:
        await add_note(establishment_id, "never")(session)
        raise error

    with pytest.raises(error):
        await once.answer(establishment_id, KEY, refused)
    assert await owner.fetch(STORED, establishment_id) == []
    # Neither is its body: the corrected one may come with the same key.
    corrected = msgspec.structs.replace(KEY, fingerprint=b"second body")
    assert (await once.answer(establishment_id, corrected, noting(establishment_id))).status == 201
    assert await texts(owner, establishment_id) == ["done"]


async def test_answer_and_key_are_sealed_at_rest(once: OnceOnly, owner: Owner, establishment_id: UUID):
    answer = await once.answer(establishment_id, KEY, noting(establishment_id))
    (row,) = await owner.fetch(STORED, establishment_id)
    assert row["status"] == 201
    for stored in (row["sealed_body"], row["key_hash"]):
        assert answer.body not in stored
        assert b"secret" not in stored
        assert KEY.key.encode() not in stored


async def test_sealed_answer_opens_for_its_own_key_only(once: OnceOnly, owner: Owner, establishment_id: UUID):
    """Somebody who can write to the table cannot hand one client the answer of another."""
    other = msgspec.structs.replace(KEY, key="other")
    await once.answer(establishment_id, KEY, noting(establishment_id))
    await once.answer(establishment_id, other, noting(establishment_id))
    await owner.execute(SWAP, establishment_id, KEY.hashed, other.hashed)
    with pytest.raises(SealBroken):
        await once.answer(establishment_id, other, noting(establishment_id))


async def test_replayed_tells_whether_there_is_an_answer(once: OnceOnly, establishment_id: UUID):
    assert await once.replayed(establishment_id, KEY) is None
    answer = await once.answer(establishment_id, KEY, noting(establishment_id))
    assert await once.replayed(establishment_id, KEY) == answer
    with pytest.raises(IdempotencyKeyReused):
        await once.replayed(establishment_id, msgspec.structs.replace(KEY, fingerprint=b"second body"))


async def somebody_waits(owner: Owner) -> None:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    while not await owner.fetchval(waiting):  # noqa: ASYNC110 - the database offers no event for it
        await asyncio.sleep(0.01)
