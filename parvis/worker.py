"""Background work: what must happen without anybody asking. Any number of workers may run."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from parvis.asgi import make_inventory, make_provider, make_site
from parvis.settings import Settings
from services.inventory.calendars.jobs import extend_calendars
from services.inventory.holds.jobs import sweep_expired_holds
from services.kit.clock import SystemClock
from services.kit.database import Database
from services.kit.errors import Unavailable
from services.kit.telemetry import configure_logging
from services.ticketing.app import resources
from services.ticketing.orders.cashier import Cashier
from services.ticketing.orders.checkout import Checkout
from services.ticketing.orders.jobs import OrderJobs

log = structlog.get_logger()

# Lazy reclaiming inside the next hold frees places at once where somebody wants them; the sweeper does the rest.
SWEEP_SECONDS = 2
ORDERS_SECONDS = 3
RECONCILE_SECONDS = 60
CALENDARS_SECONDS = 3600
MAX_PAUSE_SECONDS = 60


async def run(settings: Settings) -> None:
    """Until cancelled. Every job may be killed at any point and run again, here or elsewhere."""
    configure_logging(settings.log_level)
    clock = SystemClock()
    inventory_database = Database(settings.inventory_database_url, pool_size=2)
    ticketing_database = Database(settings.ticketing_database_url, pool_size=4)
    inventory = make_inventory(settings)
    provider = make_provider(settings)
    made = resources(ticketing_database, inventory, site=make_site(settings), clock=clock)
    checkout = Checkout(made)
    orders = OrderJobs(made, Cashier(checkout, provider), provider)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_every(SWEEP_SECONDS, lambda: sweep_expired_holds(inventory_database)))
            group.create_task(_every(CALENDARS_SECONDS, lambda: extend_calendars(inventory_database, clock)))
            group.create_task(_every(ORDERS_SECONDS, orders.run_once))
            group.create_task(_every(RECONCILE_SECONDS, orders.reconcile))
    finally:
        await checkout.close()
        await inventory.close()
        if provider is not None:
            await provider.close()
        await inventory_database.close()
        await ticketing_database.close()


async def _every(seconds: float, job: Callable[[], Awaitable[object]]) -> None:
    """Runs the job for ever; while it fails it is tried less and less often, at least once a minute."""
    pause = seconds
    while True:
        try:
            await job()
            pause = seconds
        except Unavailable as error:
            log.warning("job_waits", detail=error.detail)
            pause = min(pause * 2, max(seconds, MAX_PAUSE_SECONDS))
        except Exception:
            log.exception("job_failed")
            pause = min(pause * 2, max(seconds, MAX_PAUSE_SECONDS))
        await asyncio.sleep(pause)
