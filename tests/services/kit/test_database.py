"""One transaction per unit of work: what it may see, what is repeated, and what it says when it is in doubt."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from services.kit.database import ATTEMPTS, Database, ReadSession, WriteSession, sqlstate, violates
from services.kit.errors import Unavailable
from tests.services.kit.cutting_proxy import CuttingProxy, cutting_proxy
from tests.services.kit.notes import INSERT_NOTE, READ_NOTES, UPDATE_NOTE, add_note, notes, texts

Owner = asyncpg.Connection
RETRYABLE = {"deadlock": "40P01", "serialisation failure": "40001", "lock timeout": "55P03"}


@pytest_asyncio.fixture
async def narrow(notes_url: str) -> AsyncIterator[Database]:
    """One connection, so that a connection that was left in a bad state is met again."""
    database = Database(notes_url, pool_size=1)
    yield database
    await database.close()


@pytest_asyncio.fixture
async def proxy(notes_url: str) -> AsyncIterator[tuple[CuttingProxy, Database]]:
    async with cutting_proxy(notes_url) as (proxy, url):
        database = Database(url, pool_size=1)
        yield proxy, database
        await database.close()


async def read_all(session: ReadSession) -> list[str]:
    """Names no establishment on purpose: row-level security is what answers."""
    return [row["text"] for row in await session.fetch("SELECT text FROM kit_test.notes /* negative control */")]


async def test_write_commits_and_returns_what_the_action_returns(
    database: Database, owner: Owner, establishment_id: UUID
):
    note_id = await database.write(establishment_id, add_note(establishment_id, "kept"))
    assert isinstance(note_id, UUID)
    assert await texts(owner, establishment_id) == ["kept"]


async def test_write_that_raises_leaves_nothing(narrow: Database, owner: Owner, establishment_id: UUID):
    async def action(session: WriteSession) -> None:
        await add_note(establishment_id, "half")(session)
        raise LookupError

    with pytest.raises(LookupError):
        await narrow.write(establishment_id, action)
    await narrow.write(establishment_id, add_note(establishment_id, "next"))
    assert await texts(owner, establishment_id) == ["next"]


async def test_session_sees_only_its_establishment(database: Database, establishment_id: UUID):
    other = uuid4()
    for tenant in (establishment_id, other):
        await database.write(tenant, add_note(tenant, f"of {tenant}"))
    assert await database.read(establishment_id, read_all) == [f"of {establishment_id}"]
    assert await database.read(other, read_all) == [f"of {other}"]


@pytest.mark.parametrize("reader", ["read_instance", "write_instance"])
async def test_no_establishment_no_rows(narrow: Database, establishment_id: UUID, reader: str):
    await narrow.write(establishment_id, add_note(establishment_id, "private"))
    # On the very connection that was an establishment's a moment ago.
    assert await getattr(narrow, reader)(read_all) == []


async def test_row_of_another_establishment_cannot_be_written(database: Database, owner: Owner, establishment_id: UUID):
    other = uuid4()
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await database.write(establishment_id, add_note(other, "planted"))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await database.write_instance(add_note(other, "planted"))
    assert await texts(owner, other) == []


async def test_read_session_cannot_write(database: Database, owner: Owner, establishment_id: UUID):
    async def write(session: ReadSession) -> None:
        await session.fetch(INSERT_NOTE, establishment_id, uuid4(), "smuggled")

    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        await database.read(establishment_id, write)
    assert await texts(owner, establishment_id) == []


@pytest.mark.parametrize("state", RETRYABLE.values(), ids=RETRYABLE)
async def test_retryable_failure_is_run_again_in_a_fresh_transaction(
    database: Database, owner: Owner, establishment_id: UUID, state: str
):
    sessions: list[WriteSession] = []

    async def action(session: WriteSession) -> None:
        sessions.append(session)
        await add_note(establishment_id, f"attempt {len(sessions)}")(session)
        if len(sessions) < 3:
            await fail(session, state)

    await database.write(establishment_id, action)
    assert len({id(session) for session in sessions}) == 3
    assert await texts(owner, establishment_id) == ["attempt 3"]


@pytest.mark.parametrize("state", RETRYABLE.values(), ids=RETRYABLE)
async def test_failure_that_stays_is_unavailable_in_the_end(
    database: Database, owner: Owner, establishment_id: UUID, state: str
):
    attempts = 0

    async def action(session: WriteSession) -> None:
        nonlocal attempts
        attempts += 1
        await add_note(establishment_id, "never")(session)
        await fail(session, state)

    with pytest.raises(Unavailable) as unavailable:
        await database.write(establishment_id, action)
    assert sqlstate(unavailable.value.__cause__ or unavailable.value) == state
    assert attempts == ATTEMPTS
    assert await texts(owner, establishment_id) == []


async def test_statement_through_sqlalchemy_is_run_again_too(database: Database, establishment_id: UUID):
    attempts = 0

    async def action(session: WriteSession) -> int:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            await session.run(sa.text("DO $$ BEGIN RAISE EXCEPTION 'busy' USING ERRCODE = '40P01'; END $$"))
        return await session.run(
            sa.insert(notes).values(establishment_id=establishment_id, id=uuid4(), text=f"attempt {attempts}")
        )

    assert await database.write(establishment_id, action) == 1
    assert attempts == 2


async def test_error_that_will_not_pass_is_not_repeated(database: Database, establishment_id: UUID):
    attempts = 0
    note_id = uuid4()

    async def twice(session: WriteSession) -> None:
        nonlocal attempts
        attempts += 1
        for _ in range(2):
            await session.fetch(INSERT_NOTE, establishment_id, note_id, "same id")

    with pytest.raises(asyncpg.UniqueViolationError) as broken:
        await database.write(establishment_id, twice)
    assert attempts == 1
    assert violates(broken.value, "pk_notes")
    assert not violates(broken.value, "pk_remarks")


async def test_real_deadlock_lets_both_transactions_through(database: Database, owner: Owner, establishment_id: UUID):
    await owner.execute("ALTER SYSTEM SET deadlock_timeout = '20ms'")
    await owner.execute("SELECT pg_reload_conf()")
    first, second = [await database.write(establishment_id, add_note(establishment_id, text)) for text in "ab"]
    both_hold_one = asyncio.Barrier(2)

    async def cross(session: WriteSession, note_ids: list[UUID], text: str, attempts: list[int]) -> None:
        attempts.append(1)
        await session.fetch(UPDATE_NOTE, establishment_id, note_ids[0], text)
        if len(attempts) == 1:
            await both_hold_one.wait()
        await session.fetch(UPDATE_NOTE, establishment_id, note_ids[1], text)

    tries: tuple[list[int], list[int]] = ([], [])
    try:
        await asyncio.gather(
            database.write(establishment_id, lambda session: cross(session, [first, second], "x", tries[0])),
            database.write(establishment_id, lambda session: cross(session, [second, first], "y", tries[1])),
        )
    finally:
        await owner.execute("ALTER SYSTEM RESET deadlock_timeout")
        await owner.execute("SELECT pg_reload_conf()")
    assert len(tries[0]) + len(tries[1]) == 3
    after = await texts(owner, establishment_id)
    assert after in (["x", "x"], ["y", "y"])


async def test_lock_that_is_not_given_back_in_time_is_unavailable(
    database: Database, owner: Owner, establishment_id: UUID
):
    note_id = await database.write(establishment_id, add_note(establishment_id, "before"))

    async def impatient(session: WriteSession) -> None:
        await session.fetch("SET LOCAL lock_timeout = '20ms'")
        await session.fetch(UPDATE_NOTE, establishment_id, note_id, "after")

    async with owner.transaction():
        await owner.execute(UPDATE_NOTE, establishment_id, note_id, "held")
        with pytest.raises(Unavailable):
            await database.write(establishment_id, impatient)
    await database.write(establishment_id, impatient)
    assert await texts(owner, establishment_id) == ["after"]


async def test_connection_killed_before_the_commit_is_repeated(narrow: Database, owner: Owner, establishment_id: UUID):
    attempts = 0

    async def action(session: WriteSession) -> None:
        nonlocal attempts
        attempts += 1
        await add_note(establishment_id, f"attempt {attempts}")(session)
        if attempts == 1:
            await owner.execute("SELECT pg_terminate_backend($1)", await backend(session))
            await add_note(establishment_id, "after the kill")(session)

    await narrow.write(establishment_id, action)
    assert attempts == 2
    assert await texts(owner, establishment_id) == ["attempt 2"]


async def test_connection_killed_while_it_was_idle_is_not_noticed(
    narrow: Database, owner: Owner, establishment_id: UUID
):
    await owner.execute("SELECT pg_terminate_backend($1)", await narrow.read_instance(backend))
    await narrow.write(establishment_id, add_note(establishment_id, "kept"))
    assert await texts(owner, establishment_id) == ["kept"]


async def test_server_that_kills_every_attempt_is_unavailable(narrow: Database, owner: Owner, establishment_id: UUID):
    async def doomed(session: WriteSession) -> None:
        await owner.execute("SELECT pg_terminate_backend($1)", await backend(session))
        await add_note(establishment_id, "never")(session)

    with pytest.raises(Unavailable):
        await narrow.write(establishment_id, doomed)
    assert await texts(owner, establishment_id) == []


async def test_cancelled_action_rolls_back_and_its_connection_is_usable(
    narrow: Database, owner: Owner, establishment_id: UUID
):
    wrote = asyncio.Event()

    async def endless(session: WriteSession) -> None:
        await add_note(establishment_id, "half")(session)
        wrote.set()
        await session.fetch("SELECT pg_sleep(60)")

    task = asyncio.create_task(narrow.write(establishment_id, endless))
    await wrote.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await narrow.write(establishment_id, add_note(establishment_id, "next"))
    assert await texts(owner, establishment_id) == ["next"]


async def test_pool_without_a_free_connection_is_unavailable(narrow: Database, establishment_id: UUID):
    narrow._engine.sync_engine.pool._timeout = 0.05
    taken, give_back = asyncio.Event(), asyncio.Event()

    async def slow(session: WriteSession) -> None:
        await add_note(establishment_id, "slow")(session)
        taken.set()
        await give_back.wait()

    task = asyncio.create_task(narrow.write(establishment_id, slow))
    await taken.wait()
    with pytest.raises(Unavailable):
        await narrow.read(establishment_id, read_all)
    give_back.set()
    await task
    assert await narrow.read(establishment_id, read_all) == ["slow"]


async def test_lost_answer_to_the_commit_is_unavailable_and_not_repeated(
    proxy: tuple[CuttingProxy, Database], owner: Owner, establishment_id: UUID
):
    cutting, database = proxy
    attempts = 0

    async def action(session: WriteSession) -> None:
        nonlocal attempts
        attempts += 1
        await add_note(establishment_id, f"attempt {attempts}")(session)
        cutting.cut_after_commit = True

    with pytest.raises(Unavailable, match="Idempotency-Key"):
        await database.write(establishment_id, action)
    assert attempts == 1
    # It did happen: only the caller cannot know.
    assert await texts(owner, establishment_id) == ["attempt 1"]


async def test_commit_that_never_arrived_is_unavailable_and_not_repeated(
    proxy: tuple[CuttingProxy, Database], owner: Owner, establishment_id: UUID
):
    cutting, database = proxy

    async def action(session: WriteSession) -> None:
        await add_note(establishment_id, "lost")(session)
        cutting.cut_before_commit = True

    with pytest.raises(Unavailable, match="Idempotency-Key"):
        await database.write(establishment_id, action)
    assert await texts(owner, establishment_id) == []
    await database.write(establishment_id, add_note(establishment_id, "next"))
    assert await texts(owner, establishment_id) == ["next"]
    assert cutting.connections == 2


async def test_server_that_is_not_there_is_unavailable(establishment_id: UUID):
    database = Database("postgresql://somebody:secret@127.0.0.1:1/nothing", pool_size=1)
    with pytest.raises(Unavailable):
        await database.read(establishment_id, read_all)
    await database.close()


async def test_statements_and_sql_text_answer_the_same(database: Database, establishment_id: UUID):
    for text in ("b", "a"):
        await database.write(establishment_id, add_note(establishment_id, text))
    own = sa.select(notes.c.text).where(notes.c.establishment_id == establishment_id).order_by(notes.c.text)

    async def query(session: ReadSession) -> tuple[object, ...]:
        first, all_rows = await session.first(own), await session.all(own)
        fetched = await session.fetch(READ_NOTES, establishment_id)
        return first, [row.text for row in all_rows], await session.scalar(own), [row["text"] for row in fetched]

    assert await database.read(establishment_id, query) == (("a",), ["a", "b"], "a", ["a", "b"])


async def test_argument_of_the_wrong_type_is_a_bug_and_not_unavailable(database: Database, establishment_id: UUID):
    with pytest.raises(asyncpg.DataError):
        await database.read(establishment_id, lambda session: session.fetch("SELECT $1::int", "three"))


async def test_broken_statement_is_a_bug_and_not_unavailable(database: Database, establishment_id: UUID):
    with pytest.raises(DBAPIError):
        await database.read(establishment_id, lambda session: session.all(sa.text("SELECT nonsense")))


async def fail(session: WriteSession, state: str) -> None:
    await session.fetch(f"DO $$ BEGIN RAISE EXCEPTION 'on purpose' USING ERRCODE = '{state}'; END $$")


async def backend(session: ReadSession) -> int:
    pid: int = (await session.fetch("SELECT pg_backend_pid() AS pid"))[0]["pid"]
    return pid


async def test_close_waits_for_what_is_under_way_and_begins_nothing(
    notes_url: str, owner: Owner, establishment_id: UUID
):
    database = Database(notes_url, pool_size=1)
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def action(session: WriteSession) -> None:
        begun.set()
        await go_on.wait()
        await add_note(establishment_id, "to the end")(session)

    writing = asyncio.create_task(database.write(establishment_id, action))
    await begun.wait()
    closing = asyncio.create_task(database.close())
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await database.read(establishment_id, read_all)
    assert not closing.done()
    go_on.set()
    await writing
    await closing
    assert await texts(owner, establishment_id) == ["to the end"]
