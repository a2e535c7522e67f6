"""A process that dies before or after any of its calls: asked again with the same key, another one makes one order;
not asked again, no place stays taken without a ticket.
"""

from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import msgspec
import pytest
import pytest_asyncio

from parvis.settings import Settings
from parvis.verify import verify
from services.inventory.holds.jobs import sweep_expired_holds
from tests.conftest import Instance
from tests.crashes.purchases import (
    PLACES,
    Attempt,
    Purchase,
    buy_by_card,
    buy_in_one_call,
    buy_in_two_steps,
    cancel_a_part,
    exchange_a_part,
    give_up,
)
from tests.crashes.stack import Fate, ProcessDied, a_process
from tests.races.sale import Sale, open_sale
from tests.services.ticketing.payments.fake import FakePaymentProvider

RECONCILED_AFTER = timedelta(minutes=2)
PRICE_MINOR = 1500
MOST_STEPS = 60

COUNT = """
SELECT (SELECT count(*) FROM ticketing.orders) AS orders,
       (SELECT count(*) FROM ticketing.tickets WHERE status = 'valid') AS tickets,
       (SELECT coalesce(sum(sold), 0)::int FROM inventory.gauges) AS sold,
       (SELECT coalesce(sum(held), 0)::int FROM inventory.gauges) AS held"""
TIME_PASSES = """
UPDATE inventory.holds SET expires_at = now() - interval '1 second' WHERE state = 'held';
UPDATE ticketing.orders SET expires_at = now() - interval '1 minute' WHERE status IN ('held', 'awaiting_payment');
UPDATE ticketing.payments SET created_at = created_at - interval '1 minute' WHERE status = 'pending';
-- The clock of the jobs is moved and moved back: what they compared must be compared again.
DELETE FROM ticketing.reconciler_cursors"""


class Count(msgspec.Struct, frozen=True):
    orders: int
    tickets: int
    sold: int
    held: int


class Scenario(msgspec.Struct, frozen=True):
    """`tickets` are valid when all went well."""

    purchase: Purchase
    tickets: int
    price_minor: int = 0


SCENARIOS = [
    Scenario(buy_in_one_call, PLACES),
    Scenario(buy_in_two_steps, PLACES),
    Scenario(buy_by_card, PLACES, PRICE_MINOR),
    Scenario(cancel_a_part, PLACES - 1),
    Scenario(give_up, 0),
    Scenario(exchange_a_part, PLACES),
]


@pytest.fixture(params=SCENARIOS, ids=lambda scenario: scenario.purchase.__name__)
def scenario(request: pytest.FixtureRequest) -> Scenario:
    found: Scenario = request.param
    return found


@pytest.fixture
def settings(instance: Instance) -> Settings:
    return instance.settings(valkey_url="")


@pytest_asyncio.fixture
async def sale(settings: Settings, scenario: Scenario) -> AsyncIterator[Sale]:
    """Whatever happens in the test, every promise is kept at its end."""
    yield await open_sale(settings, capacity=10_000, price_minor=scenario.price_minor)
    assert await verify(settings) == []


async def test_repeated_with_the_same_key_it_is_one_order(
    settings: Settings, sale: Sale, scenario: Scenario, owner: asyncpg.Connection
):
    deaths, provider = 0, FakePaymentProvider()
    for step in range(MOST_STEPS):
        before, attempt = await _count(owner), Attempt(sale, provider)
        if not await _dies(settings, scenario, attempt, step):
            break
        deaths += 1
        async with a_process(settings, attempt.provider, Fate()) as healthy:
            await scenario.purchase(healthy, attempt)
            # Places that a dead process owed to inventory are given back by the jobs.
            await healthy.jobs.run_once()
        after = await _count(owner)
        assert after == Count(
            orders=before.orders + 1,
            tickets=before.tickets + scenario.tickets,
            sold=before.sold + scenario.tickets,
            held=0,
        ), step
    print(f"died {deaths} times")  # noqa: T201 - shown by pytest -s
    assert 4 <= deaths < MOST_STEPS


async def test_never_repeated_it_leaves_no_place_taken(
    settings: Settings, sale: Sale, scenario: Scenario, owner: asyncpg.Connection
):
    deaths, provider = 0, FakePaymentProvider()
    for step in range(MOST_STEPS):
        attempt = Attempt(sale, provider)
        if not await _dies(settings, scenario, attempt, step):
            break
        deaths += 1
        await owner.execute(TIME_PASSES)
        later = a_process(settings, attempt.provider, Fate(), clock_moved_by=RECONCILED_AFTER)
        async with later as worker:
            await sweep_expired_holds(worker.inventory_database)
            await worker.jobs.run_once()
            await worker.jobs.reconcile()
        after = await _count(owner)
        assert (after.sold, after.held) == (after.tickets, 0), step
    assert 4 <= deaths < MOST_STEPS


async def _dies(settings: Settings, scenario: Scenario, attempt: Attempt, step: int) -> bool:
    """Whether the purchase got as far as the step at which the process was to die."""
    async with a_process(settings, attempt.provider, Fate(dies_at=step)) as mortal:
        try:
            await scenario.purchase(mortal, attempt)
        except ProcessDied:
            return True
    return False


async def _count(owner: asyncpg.Connection) -> Count:
    row = await owner.fetchrow(COUNT)
    assert row
    return msgspec.convert(dict(row), Count)
