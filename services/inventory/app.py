"""Inventory's HTTP side: its share of the public API, and its contract for the other services."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar import Litestar
from litestar.di import Provide

from services.inventory.availability import routes as availability
from services.inventory.calendars import routes as calendars
from services.inventory.client import METHODS
from services.inventory.in_process import InProcessInventory
from services.inventory.slots import routes as slots
from services.inventory.tables import idempotency_keys
from services.kit.clock import Clock
from services.kit.database import Database
from services.kit.idempotency import OnceOnly
from services.kit.rpc import internal_handler
from services.kit.sealing import Sealer
from services.kit.web import service_app


def create_app(inventory: InProcessInventory, database: Database, *, clock: Clock, sealer: Sealer) -> Litestar:
    once = OnceOnly(database, idempotency_keys, sealer)

    @asynccontextmanager
    async def running(_: Litestar) -> AsyncIterator[None]:
        yield
        # Answers what was accepted, then closes the connections.
        await inventory.close()

    return service_app(
        "Parvis inventory",
        [*calendars.handlers, *slots.handlers, *availability.handlers, internal_handler(inventory, METHODS)],
        dependencies={
            "database": Provide(lambda: database, sync_to_thread=False),
            "once": Provide(lambda: once, sync_to_thread=False),
            "clock": Provide(lambda: clock, sync_to_thread=False),
        },
        lifespan=[running],
    )
