"""Inventory's own HTTP side, with a principal as the gateway would have attached it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
import pytest_asyncio
import sqlalchemy as sa
from litestar.types import ASGIApp, Receive, Scope, Send

from services.inventory.app import create_app
from services.inventory.contract import PlaceHold, PlaceLine, Schedule
from services.inventory.in_process import InProcessInventory
from services.kit.database import Database, WriteSession
from services.kit.principal import Principal
from services.kit.sealing import Sealer
from services.kit.web import PRINCIPAL_IN_SCOPE

SLUG = "musee-demo"
Client: TypeAlias = httpx.AsyncClient
Http: TypeAlias = Callable[[Principal], Client]
Owner: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Json: TypeAlias = dict[str, Any]


class SetClock:
    """Starts at the present, because the database's clock is the real one; moves when told."""

    def __init__(self) -> None:
        self.moment = datetime.now(UTC)

    def now(self) -> datetime:
        return self.moment

    def advance(self, duration: timedelta) -> None:
        self.moment += duration


class WithPrincipal:
    def __init__(self, app: ASGIApp, principal: Principal) -> None:
        self.app = app
        self.principal = principal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[PRINCIPAL_IN_SCOPE] = self.principal
        await self.app(scope, receive, send)


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest_asyncio.fixture
async def inventory(inventory_database: Database) -> AsyncIterator[InProcessInventory]:
    inventory = InProcessInventory(inventory_database)
    yield inventory
    await inventory.close()


@pytest_asyncio.fixture
async def inventory_http(
    inventory: InProcessInventory, inventory_database: Database, clock: SetClock
) -> AsyncIterator[Http]:
    """Principal → client; paths are below the establishment of the principal."""
    app = create_app(inventory, inventory_database, clock=clock, sealer=Sealer(b"s" * 32))
    async with AsyncExitStack() as clients:

        def client(principal: Principal) -> httpx.AsyncClient:
            transport = httpx.ASGITransport(WithPrincipal(app, principal))
            made = httpx.AsyncClient(transport=transport, base_url=f"http://inventory/v1/establishments/{SLUG}")
            clients.push_async_callback(made.aclose)
            return made

        yield client


@pytest.fixture
def visitor(inventory_http: Http, establishment_id: UUID) -> httpx.AsyncClient:
    return inventory_http(Principal(establishment_id=establishment_id, establishment_slug=SLUG))


@pytest.fixture
def editor(inventory_http: Http, establishment_id: UUID) -> httpx.AsyncClient:
    return inventory_http(key_principal(establishment_id, "catalog:write"))


@pytest_asyncio.fixture
async def offer_id(inventory: InProcessInventory, establishment_id: UUID) -> UUID:
    """A published timed offer in Paris, without slots."""
    offer_id = uuid4()
    await inventory.put_schedule(schedule(establishment_id, offer_id))
    return offer_id


@pytest.fixture
def statements(inventory_database: Database) -> list[str]:
    """What the database is asked from now on, without BEGIN, SET and COMMIT."""
    statements: list[str] = []

    def note(record: asyncpg.connection.LoggedQuery) -> None:
        if not record.query.startswith(("BEGIN", "SET", "COMMIT", "ROLLBACK")):
            statements.append(record.query)

    # Statements on the driver, and those of SQLAlchemy, which prepares its own past the driver's logger.
    @sa.event.listens_for(inventory_database._engine.sync_engine, "checkout")
    def watch(connection: sa.engine.interfaces.DBAPIConnection, *_: object) -> None:
        connection.driver_connection.add_query_logger(note)

    @sa.event.listens_for(inventory_database._engine.sync_engine, "before_cursor_execute")
    def note_too(_: sa.Connection, __: object, statement: str, *___: object) -> None:
        statements.append(statement)

    return statements


def key_principal(establishment_id: UUID, *scopes: str) -> Principal:
    return Principal(
        actor="key:test", establishment_id=establishment_id, establishment_slug=SLUG, scopes=frozenset(scopes)
    )


def schedule(establishment_id: UUID, offer_id: UUID, **changes: object) -> Schedule:
    terms = {"kind": "timed", "timezone": "Europe/Paris", "gauge_ids": [], "published": True} | changes
    return Schedule(establishment_id=establishment_id, offer_id=offer_id, **terms)


def calendar(clock: SetClock, **changes: object) -> Json:
    """A rule for three days, two slots a day, from ten days ahead."""
    first = clock.now().date() + timedelta(days=10)
    return {
        "valid_from": first.isoformat(),
        "valid_until": (first + timedelta(days=2)).isoformat(),
        "weekdays": [1, 2, 3, 4, 5, 6, 7],
        "first_start": "10:00",
        "last_start": "11:00",
        "every_minutes": 60,
        "duration_minutes": 60,
        "capacity": 20,
    } | changes


async def slots_of(client: httpx.AsyncClient, offer_id: UUID, clock: SetClock) -> list[Json]:
    since = clock.now().date() + timedelta(days=10)
    answer = await client.get(f"/offers/{offer_id}/availability", params={"from": since.isoformat()})
    assert answer.status_code == 200, answer.text
    return answer.json()["slots"]


def sale(establishment_id: UUID, slot_id: object, quantity: int, **changes: object) -> PlaceHold:
    """Sold at once, unless told otherwise."""
    return PlaceHold(
        establishment_id=establishment_id,
        hold_id=uuid4(),
        owner_id=changes.get("owner_id", uuid4()),
        lines=[PlaceLine(slot_id=UUID(str(slot_id)), quantity=quantity)],
        expires_in_seconds=changes.get("seconds"),
    )


async def drift(owner: Owner) -> list[UUID]:
    """Gauges whose counters differ from the places of the holds on the slots that draw on them."""
    rows = await owner.fetch(
        """
        SELECT gauges.id FROM inventory.gauges
        LEFT JOIN (
            SELECT gauge_id, sum(quantity) FILTER (WHERE state = 'held') AS held,
                   sum(quantity) FILTER (WHERE state = 'sold') AS sold
            FROM inventory.hold_lines
            JOIN inventory.holds ON holds.id = hold_id
            JOIN inventory.slots ON slots.id = slot_id
            CROSS JOIN unnest(gauge_ids) AS gauge_id
            GROUP BY gauge_id
        ) AS counted ON counted.gauge_id = gauges.id
        WHERE (gauges.held, gauges.sold) <> (coalesce(counted.held, 0), coalesce(counted.sold, 0))
        """
    )
    return [row["id"] for row in rows]


class Paused:
    """A transaction that did its work and waits to be told to commit; `finish` when somebody waits for its locks."""

    def __init__(self, database: Database, owner: Owner, establishment_id: UUID) -> None:
        self._database = database
        self._owner = owner
        self._establishment_id = establishment_id
        self._may_commit = asyncio.Event()

    async def start(self, action: Callable[[WriteSession], Awaitable[Any]]) -> None:
        done = asyncio.Event()

        async def pausing(session: WriteSession) -> Any:  # noqa: ANN401 - whatever the action returns
            result = await action(session)
            done.set()
            await self._may_commit.wait()
            return result

        self._running = asyncio.create_task(self._database.write(self._establishment_id, pausing))
        await done.wait()

    async def finish(self) -> Any:  # noqa: ANN401 - as above
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        while not await self._owner.fetchval(waiting):  # noqa: ASYNC110 - the database offers no event for it
            await asyncio.sleep(0.01)
        self._may_commit.set()
        return await self._running


@pytest.fixture
def paused(inventory_database: Database, owner: Owner, establishment_id: UUID) -> Paused:
    return Paused(inventory_database, owner, establishment_id)
