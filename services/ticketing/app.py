"""Ticketing's HTTP side: its share of the public API, and its contract for the gateway."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar import Litestar

from services.inventory.contract import Inventory
from services.kit.clock import Clock
from services.kit.database import Database
from services.kit.idempotency import OnceOnly
from services.kit.rpc import internal_handler
from services.kit.sealing import Sealer
from services.kit.service import service_app
from services.ticketing.access import routes as access
from services.ticketing.catalog import routes as catalog
from services.ticketing.catalog.queries import Catalogues
from services.ticketing.client import METHODS
from services.ticketing.contract import Ticketing
from services.ticketing.entry import routes as entry
from services.ticketing.entry.attendance import routes as attendance
from services.ticketing.entry.attendance.desk import AttendanceDesk
from services.ticketing.entry.desk import EntryDesk
from services.ticketing.entry.devices import routes as devices
from services.ticketing.entry.passes import routes as entry_passes
from services.ticketing.entry.passes.desk import PassDesk
from services.ticketing.entry.search import routes as entry_search
from services.ticketing.establishments import routes as establishments
from services.ticketing.establishments.queries import Establishments
from services.ticketing.ledger import routes as ledger
from services.ticketing.messages import routes as messages
from services.ticketing.messages.letters.rendering import Stationery
from services.ticketing.orders import routes as orders
from services.ticketing.orders import ticket_routes
from services.ticketing.orders.checkout import Resources
from services.ticketing.orders.desk import OrderDesk
from services.ticketing.payments.provider import PaymentProvider
from services.ticketing.site import Site
from services.ticketing.tables import idempotency_keys
from services.ticketing.tickets.documents.pool import RenderPool
from services.ticketing.tickets.signing import Keyrings
from services.ticketing.waiting import routes as waiting
from services.ticketing.waiting.desk import WaitingDesk
from services.ticketing.waiting.turnstile import behind_the_line

HANDLERS = (
    *establishments.handlers,
    *access.handlers,
    *catalog.handlers,
    *orders.handlers,
    *ticket_routes.handlers,
    *waiting.handlers,
    *entry.handlers,
    *attendance.handlers,
    *devices.handlers,
    *entry_passes.handlers,
    *entry_search.handlers,
    *messages.handlers,
    *ledger.handlers,
)


def resources(database: Database, inventory: Inventory, *, site: Site, clock: Clock) -> Resources:
    """What the verbs of orders work with; the worker makes its own."""
    sealer = Sealer(site.secret)
    return Resources(
        database=database,
        inventory=inventory,
        once=OnceOnly(database, idempotency_keys, sealer),
        clock=clock,
        site=site,
        establishments=Establishments(database),
        catalogues=Catalogues(database),
        keyrings=Keyrings(database, sealer),
    )


def create_app(made: Resources, *, ticketing: Ticketing, provider: PaymentProvider | None = None) -> Litestar:
    desk = OrderDesk(behind_the_line(made), provider)
    gate = EntryDesk(made.database, made.clock, made.inventory)
    attendances = AttendanceDesk(
        made.database,
        made.inventory,
        clock=made.clock,
        establishments=made.establishments,
        catalogues=made.catalogues,
    )
    renders = RenderPool()
    sealer = Sealer(made.site.secret)

    @asynccontextmanager
    async def running(_: Litestar) -> AsyncIterator[None]:
        yield
        attendances.close()
        # Answers what was accepted before the connections close.
        await desk.close()
        await gate.close()
        renders.close()
        if provider is not None:
            await provider.close()
        await made.database.close()

    provided: dict[str, object] = {
        "database": made.database,
        "inventory": made.inventory,
        "once": made.once,
        "clock": made.clock,
        "site": made.site,
        "sealer": sealer,
        "establishments": made.establishments,
        "catalogues": made.catalogues,
        "keyrings": made.keyrings,
        "orders": desk,
        "waiting": WaitingDesk(desk.checkout, desk.after_sales),
        "entry": gate,
        "attendances": attendances,
        "passes": PassDesk(made),
        "renders": renders,
        "stationery": Stationery(),
    }
    return service_app(
        "Parvis ticketing",
        [*HANDLERS, internal_handler(ticketing, METHODS)],
        provided=provided,
        lifespan=[running],
    )
