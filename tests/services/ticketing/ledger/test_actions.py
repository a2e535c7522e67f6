"""The event log of an establishment: in order, without gaps, and each event chained to the one before."""

import asyncio
from functools import partial
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest

from services.kit.database import Database, WriteSession
from services.kit.event_chain import GENESIS, broken_links
from services.ticketing.ledger.actions import NewEvent, append, lock_head
from services.ticketing.ledger.queries import EventPage, events_after
from tests.conftest import Instance
from tests.services.ticketing.rows import ledger, make_museum
from tests.services.ticketing.statements import counted

Owner = asyncpg.Connection


@pytest.fixture
def instance(shared_instance: Instance) -> Instance:
    return shared_instance


@pytest.fixture
async def tenant(owner: Owner, establishment_id: UUID) -> UUID:
    await make_museum(owner, establishment_id)
    return establishment_id


def event(number: int) -> NewEvent:
    return NewEvent("test.happened", f"test:{number}", {"number": number, "words": "é \"'\n"})


async def happen(database: Database, tenant: UUID, *numbers: int) -> None:
    async def action(session: WriteSession) -> None:
        await append(session, tenant, *[event(number) for number in numbers])

    await database.write(tenant, action)


async def test_events_are_chained_from_the_first_one(ticketing_database: Database, owner: Owner, tenant: UUID):
    await happen(ticketing_database, tenant, 1, 2)
    await happen(ticketing_database, tenant, 3)
    events = await ledger(owner, tenant)
    assert [(one.sequence, one.subject) for one in events] == [(1, "test:1"), (2, "test:2"), (3, "test:3")]
    assert events[0].previous_hash == GENESIS
    assert broken_links(events) == []
    head = await owner.fetchrow("SELECT * FROM ticketing.ledger_heads WHERE establishment_id = $1", tenant)
    assert (head["last_sequence"], head["last_hash"]) == (3, events[-1].hash)


async def test_transaction_that_fails_leaves_no_gap(ticketing_database: Database, owner: Owner, tenant: UUID):
    async def failing(session: WriteSession) -> None:
        await append(session, tenant, event(1))
        raise LookupError

    with pytest.raises(LookupError):
        await ticketing_database.write(tenant, failing)
    await happen(ticketing_database, tenant, 2)
    assert [(one.sequence, one.subject) for one in await ledger(owner, tenant)] == [(1, "test:2")]


async def test_events_of_many_transactions_at_once_are_one_chain(
    ticketing_database: Database, owner: Owner, tenant: UUID
):
    await asyncio.gather(*(happen(ticketing_database, tenant, number, -number) for number in range(1, 21)))
    events = await ledger(owner, tenant)
    assert len(events) == 40
    assert broken_links(events) == []
    # What one transaction appended stands together.
    numbers = [msgspec.json.decode(one.payload)["number"] for one in events]
    assert [numbers[index + 1] for index in range(0, 40, 2)] == [-number for number in numbers[::2]]


async def test_head_that_was_locked_before_is_not_locked_again(
    ticketing_database: Database, owner: Owner, tenant: UUID
):
    async def action(session: WriteSession) -> None:
        head = await lock_head(session, tenant)
        with_number = head.next_ticket_number()
        await append(session, tenant, event(with_number), head=head)
        await append(session, tenant, event(2), head=head)

    # The driver asks once for the types that it does not know.
    await happen(ticketing_database, tenant, 1)
    with counted(ticketing_database) as statements:
        await ticketing_database.write(tenant, action)
    assert len(statements) == 3
    assert broken_links(await ledger(owner, tenant)) == []
    number = "SELECT last_ticket_number FROM ticketing.ledger_heads WHERE establishment_id = $1"
    assert await owner.fetchval(number, tenant) == 1


async def test_establishment_sees_its_own_log_only(ticketing_database: Database, owner: Owner, tenant: UUID):
    other = uuid4()
    await make_museum(owner, other)
    await happen(ticketing_database, other, 1)
    await happen(ticketing_database, tenant, 2)
    assert [one.subject for one in (await page(ticketing_database, tenant)).items] == ["test:2"]


async def page(database: Database, tenant: UUID, after: int = 0, limit: int = 50) -> EventPage:
    return await database.read(tenant, partial(events_after, establishment_id=tenant, after=after, limit=limit))


async def test_feed_goes_on_after_the_last_event_and_waits_there(ticketing_database: Database, tenant: UUID):
    await happen(ticketing_database, tenant, *range(1, 6))
    first = await page(ticketing_database, tenant, limit=3)
    rest = await page(ticketing_database, tenant, after=first.last_sequence)
    nothing = await page(ticketing_database, tenant, after=rest.last_sequence)
    assert [one.sequence for one in (*first.items, *rest.items)] == [1, 2, 3, 4, 5]
    assert (nothing.items, nothing.last_sequence) == ([], 5)


async def test_event_in_the_feed_can_be_checked_by_its_reader(ticketing_database: Database, owner: Owner, tenant: UUID):
    """The payload goes out character for character as it was hashed."""
    await happen(ticketing_database, tenant, 1)
    shown = msgspec.json.encode((await page(ticketing_database, tenant)).items[0])
    (stored,) = await ledger(owner, tenant)
    assert stored.payload.encode() in shown
    assert msgspec.json.decode(shown)["hash"] == stored.hash.hex()
    assert msgspec.json.decode(shown)["previous_hash"] == "0" * 64


async def test_feed_takes_one_statement_for_any_number_of_events(ticketing_database: Database, tenant: UUID):
    counts = []
    for numbers in ([1], [2, 3]):
        await happen(ticketing_database, tenant, *numbers)
        with counted(ticketing_database) as statements:
            await page(ticketing_database, tenant)
        counts.append(len(statements))
    assert counts == [1, 1]
