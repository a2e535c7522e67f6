"""No statement gets slower because an instance has many establishments, or one of them a long past."""

from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import httpx
import msgspec
import pytest_asyncio

from bench.growth_filling import Museum as FilledMuseum
from bench.growth_filling import Size, fill_houses, settle
from bench.growth_rows import COLUMNS
from parvis.embedded.servers import EmbeddedServers
from parvis.establishments import operator_key
from parvis.settings import Settings
from parvis.stand_in.stripe.serving import serve_stripe_stand_in
from parvis.stand_in.stripe.settings import StripeStandInSettings
from parvis.verify import verify
from services.kit.database import Database, ReadSession
from tests.conftest import _execute, _instance
from tests.growth.journey import (
    gates_scan,
    house_in_this_process,
    jobs_run,
    scanners_ask,
    staff_look,
    visitors_buy,
)
from tests.growth.plans import FILTERED_ROWS_MAX, TENANT_NAMES, Plans, explain_all, explained
from tests.journeys.bank import Bank
from tests.journeys.museum import Museum, found_museum

SIZE = Size(establishments=200, tickets=16_000, orders_for_today=20, keys=3_000)
DATABASE = "growth"
HOURS = 2
STATEMENTS_MIN = 30
PLANNED_FOR_LARGE = """
SELECT attrelid::regclass::text AS name FROM pg_attribute
JOIN pg_class ON pg_class.oid = attrelid AND relkind = 'r'
WHERE attname = 'establishment_id' AND attoptions = '{n_distinct=1}'"""
LARGE_ROWS_MIN = 150
FILLED = """
SELECT oid::regclass::text AS name FROM pg_class
WHERE relkind = 'r' AND reltuples >= $1 AND relnamespace = ANY('{inventory,ticketing}'::regnamespace[])"""
# A part of a statement, and why it may read more than it needs.
ACCEPTED = {
    "), matching AS MATERIALIZED (": "by hand, and no more names than a day has visitors",
    "SELECT ticketing.devices.id, ticketing.devices.name FROM": "once a second at most, one short row per scanner",
    "FROM inventory.calendars WHERE calendars.made_until <": "once an hour, and one row per rule of the instance",
}


class Grown(msgspec.Struct, frozen=True):
    """`codes` open a gate now. `large` are the tables that were filled: in a small one, reading all is a good plan."""

    settings: Settings
    museum: Museum
    codes: list[str]
    large: set[str]


@pytest_asyncio.fixture(scope="module")
async def grown(servers: EmbeddedServers, template: str) -> AsyncIterator[Grown]:
    """Hundreds of establishments, and a museum that has half of all tickets."""
    await _execute(servers.admin_url, f"CREATE DATABASE {DATABASE} TEMPLATE {template}")
    async with serve_stripe_stand_in(StripeStandInSettings()) as stripe_url:
        settings = _instance(servers, DATABASE).settings(
            valkey_url="",
            # Few connections run each statement often enough for the server to think of a plan for all parameters.
            pool_size=1,
            read_rate_per_minute=0,
            write_rate_per_minute=0,
            stripe_api_key="sk_test_growth",
            stripe_api_url=stripe_url,
            stripe_webhook_secret="whsec_growth",
        )
        async with house_in_this_process(settings, await operator_key(settings, "Growth")) as house:
            museum = await found_museum(house, cancellation_hours_before=0)
            offer = await museum.staff("GET", f"/offers/{museum.offer_id}")
        houses = SIZE.houses(FilledMuseum(museum.id, UUID(offer["venue_id"]), museum.gate_id))
        codes = await fill_houses(settings, houses, SIZE.keys, lambda _: None)
        await settle(settings)
        owner = await asyncpg.connect(settings.database_url)
        await explain_all(owner)
        large = {row["name"] for row in await owner.fetch(FILLED, LARGE_ROWS_MIN)}
        await owner.close()
        yield Grown(settings, museum, codes, large)
    await _execute(servers.admin_url, f"DROP DATABASE {DATABASE} WITH (FORCE)")


async def test_filled_rows_are_an_instance_in_good_order(grown: Grown) -> None:
    assert await verify(grown.settings) == []
    assert len(grown.codes) == 2 * SIZE.orders_for_today
    assert grown.large >= COLUMNS.keys()


async def test_every_tenant_table_is_planned_for_a_large_establishment(grown: Grown) -> None:
    owner = await asyncpg.connect(grown.settings.database_url)
    planned = await owner.fetch(PLANNED_FOR_LARGE)
    await owner.close()
    assert {row["name"] for row in planned} == TENANT_NAMES


async def test_statements_read_what_they_need_and_nothing_else(grown: Grown) -> None:
    """All of them, the thirty most used among them; with -s these are shown."""
    plans = await _plans_of_a_day(grown)
    assert len(plans.used) >= STATEMENTS_MIN
    for sql, count in plans.used.most_common(STATEMENTS_MIN):
        print(f"{count} {sql[:150]}")  # noqa: T201 - shown with -s
    faults = [
        f"{fault}: {sql}"
        for sql, fault in plans.faults.items()
        if (fault.scanned & grown.large or fault.rows_removed > FILTERED_ROWS_MAX)
        and not any(part in sql for part in ACCEPTED)
    ]
    assert faults == [], "\n".join(faults)


async def test_plans_show_what_grows(grown: Grown) -> None:
    """The negative control."""
    filters = "SELECT id FROM ticketing.orders WHERE establishment_id = $1 AND customer_name = 'Nobody'"
    reads_all = "SELECT max(revision) FROM ticketing.tickets WHERE establishment_id = $1"

    async def ask(session: ReadSession) -> None:
        await session.fetch(filters, grown.museum.id)
        await session.fetch("SET LOCAL enable_indexscan = off")
        await session.fetch("SET LOCAL enable_bitmapscan = off")
        await session.fetch(reads_all, grown.museum.id)

    database = Database(grown.settings.ticketing_database_url)
    with explained() as plans:
        await database.read(grown.museum.id, ask)
    await database.close()
    assert plans.faults.keys() == {filters, reads_all}
    assert plans.faults[reads_all].scanned == {"ticketing.tickets"}
    assert min(fault.rows_removed for fault in plans.faults.values()) > SIZE.tickets // 5


async def _plans_of_a_day(grown: Grown) -> Plans:
    settings = grown.settings
    owner = await asyncpg.connect(settings.database_url)
    with explained() as plans:
        async with (
            house_in_this_process(settings, "") as house,
            httpx.AsyncClient(base_url=settings.stripe_api_url, trust_env=False, timeout=30) as http,
        ):
            museum = msgspec.structs.replace(grown.museum, house=house)
            for hour in range(HOURS):
                bought = await visitors_buy(museum, Bank(house, http), owner, hour)
                await gates_scan(museum, bought, grown.codes[hour::HOURS])
                await staff_look(museum, bought[0])
                await scanners_ask(museum, bought[0])
        await jobs_run(settings)
    await owner.close()
    return plans
