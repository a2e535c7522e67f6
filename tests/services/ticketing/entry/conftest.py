"""A museum, its entrance desk, and ticketing's scan routes behind a principal as the gateway would attach it."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
import pytest_asyncio
from litestar.types import ASGIApp, Receive, Scope, Send

from services.kit.database import Database
from services.kit.principal import Principal
from services.kit.service import service_app
from services.kit.web import PRINCIPAL_IN_SCOPE
from services.ticketing.entry.desk import EntryDesk
from services.ticketing.entry.devices.routes import delete_device
from services.ticketing.entry.requests import NewScan
from services.ticketing.entry.routes import handlers
from tests.services.ticketing.rows import Museum, make_museum

Http = Callable[[Principal], httpx.AsyncClient]


class SetClock:
    """Starts at the present, moves when told."""

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
async def museum(owner: asyncpg.Connection, establishment_id: UUID) -> Museum:
    return await make_museum(owner, establishment_id)


@pytest_asyncio.fixture
async def desk(ticketing_database: Database, clock: SetClock) -> AsyncIterator[EntryDesk]:
    desk = EntryDesk(ticketing_database, clock)
    yield desk
    await desk.close()


@pytest_asyncio.fixture
async def http(desk: EntryDesk, ticketing_database: Database, museum: Museum) -> AsyncIterator[Http]:
    app = service_app(
        "Entry",
        [*handlers, delete_device],
        provided={"database": ticketing_database, "entry": desk},
    )
    async with AsyncExitStack() as clients:

        def client(principal: Principal) -> httpx.AsyncClient:
            transport = httpx.ASGITransport(WithPrincipal(app, principal))
            made = httpx.AsyncClient(
                transport=transport, base_url=f"http://ticketing/v1/establishments/{museum.establishment_id}"
            )
            clients.push_async_callback(made.aclose)
            return made

        yield client


def staff(museum: Museum, *gate_ids: UUID, actor: str = "device:test") -> Principal:
    """A scanner at these gates, or a key that is bound to none."""
    return Principal(
        actor=actor,
        establishment_id=museum.establishment_id,
        scopes=frozenset({"entry:scan"}),
        gate_ids=frozenset(gate_ids) or None,
    )


def new_scan(code: str, gate_id: UUID, clock: SetClock, **changes: object) -> NewScan:
    values = {"id": uuid4(), "code": code, "gate_id": gate_id, "scanned_at": clock.now()} | changes
    return NewScan(**values)
