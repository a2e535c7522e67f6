"""Background work: what must happen without anybody asking. Any number of workers may run."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from parvis.asgi import make_hints, make_inventory, make_inventory_database, make_provider, make_site
from parvis.mail import make_posting
from parvis.settings import Settings
from services.inventory.calendars.jobs import extend_calendars
from services.inventory.holds.jobs import sweep_expired_holds
from services.kit.clock import SystemClock
from services.kit.database import Database
from services.kit.errors import Unavailable
from services.kit.telemetry import configure_logging
from services.ticketing.app import resources
from services.ticketing.messages.jobs import MessageJobs
from services.ticketing.orders.after_sales import AfterSales
from services.ticketing.orders.cashier import Cashier
from services.ticketing.orders.checkout import Checkout
from services.ticketing.orders.jobs import OrderJobs
from services.ticketing.tickets.documents.pool import RenderPool
from services.ticketing.waiting.jobs import WaitingJobs

log = structlog.get_logger()

# Lazy reclaiming inside the next hold frees places at once where somebody wants them; the sweeper does the rest.
SWEEP_SECONDS = 2
ORDERS_SECONDS = 3
WAITING_SECONDS = 2
MESSAGES_SECONDS = 2
FORGETTING_SECONDS = 3600
RECONCILE_SECONDS = 60
# Long enough to take a closure back that was a slip, before anybody is told.
CLOSURES_SECONDS = 60
CALENDARS_SECONDS = 3600
MAX_PAUSE_SECONDS = 60


async def run(settings: Settings) -> None:
    """Until cancelled. Every job may be killed at any point and run again, here or elsewhere."""
    configure_logging(settings.log_level)
    clock = SystemClock()
    hints = make_hints(settings)
    inventory_database = make_inventory_database(settings, hints, pool_size=2)
    ticketing_database = Database(settings.ticketing_database_url, pool_size=4)
    inventory = make_inventory(settings, hints)
    provider = make_provider(settings)
    posting = make_posting(settings)
    renders = RenderPool()
    made = resources(ticketing_database, inventory, site=make_site(settings), clock=clock)
    checkout = Checkout(made)
    cashier = Cashier(checkout, provider)
    orders = OrderJobs(made, cashier, provider)
    waiting = WaitingJobs(checkout, AfterSales(checkout, cashier))
    messages = MessageJobs(made, posting, renders)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_every(SWEEP_SECONDS, lambda: sweep_expired_holds(inventory_database)))
            group.create_task(_every(CALENDARS_SECONDS, lambda: extend_calendars(inventory_database, clock)))
            group.create_task(_every(ORDERS_SECONDS, orders.run_once))
            group.create_task(_every(WAITING_SECONDS, waiting.run_once))
            group.create_task(_every(MESSAGES_SECONDS, messages.relay))
            group.create_task(_every(MESSAGES_SECONDS, messages.send))
            group.create_task(_every(FORGETTING_SECONDS, messages.forget))
            group.create_task(_every(RECONCILE_SECONDS, orders.reconcile))
            group.create_task(_every(CLOSURES_SECONDS, orders.notice_closures))
    finally:
        renders.close()
        if posting is not None:
            await posting.mailer.close()
        await checkout.close()
        await inventory.close()
        if provider is not None:
            await provider.close()
        await inventory_database.close()
        if hints is not None:
            await hints.close()
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
