"""Inventory's HTTP side: its share of the public API, and its contract for the other services."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar import Litestar

from services.inventory.availability import routes as availability
from services.inventory.availability.answers import Answers
from services.inventory.availability.shortcut import Shortcut
from services.inventory.calendars import routes as calendars
from services.inventory.client import METHODS
from services.inventory.in_process import InProcessInventory
from services.inventory.slots import routes as slots
from services.inventory.tables import idempotency_keys
from services.kit.clock import Clock
from services.kit.hints import Hints
from services.kit.idempotency import OnceOnly
from services.kit.rpc import internal_handler
from services.kit.sealing import Sealer
from services.kit.service import service_app
from services.kit.watched import WatchedDatabase


def create_app(
    inventory: InProcessInventory,
    database: WatchedDatabase,
    *,
    clock: Clock,
    sealer: Sealer,
    hints: Hints | None = None,
) -> Litestar:
    """`inventory` writes to this `database`. Without `hints`, what other processes sell is seen a second later."""
    once = OnceOnly(database, idempotency_keys, sealer)
    answers = Answers(database, clock)
    database.watch(answers.changed)

    @asynccontextmanager
    async def running(_: Litestar) -> AsyncIterator[None]:
        if hints is not None:
            hints.hear(answers.changed)
        yield
        # Answers what was accepted, then closes the connections.
        await inventory.close()
        if hints is not None:
            await hints.close()

    app = service_app(
        "Parvis inventory",
        [*calendars.handlers, *slots.handlers, *availability.handlers, internal_handler(inventory, METHODS)],
        provided={"database": database, "answers": answers, "once": once, "clock": clock},
        lifespan=[running],
    )
    app.asgi_handler = Shortcut(app.asgi_handler, answers)
    return app
