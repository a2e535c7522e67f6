"""What `parvis serve` serves: each function makes one ASGI application from the environment.

The whole wiring of a process is read here: which implementation stands behind each contract.
"""

import os
import time
from urllib.parse import urlsplit

from litestar.types import ASGIApp

from gateway.app import create_gateway
from gateway.buckets import Limiter, LocalLimiter
from gateway.forwarding import HttpUpstream
from gateway.limits import ValkeyLimiter, connect_for_limits
from gateway.settings import GatewaySettings, Limits, Rate
from parvis.errors import CannotProceed
from parvis.mail import mailbox_folder
from parvis.settings import Settings, from_environment
from services.inventory import app as inventory_app
from services.inventory.client import InventoryClient
from services.inventory.in_process import InProcessInventory
from services.kit.clock import SystemClock
from services.kit.database import Database
from services.kit.hints import Hints
from services.kit.principal_token import PrincipalSigner, PrincipalVerifier, Service, signing_key
from services.kit.sealing import Sealer
from services.kit.telemetry import configure_logging
from services.kit.watched import WatchedDatabase
from services.kit.web import PrincipalFromToken
from services.ticketing import app as ticketing_app
from services.ticketing.client import TicketingClient
from services.ticketing.in_process import InProcessTicketing
from services.ticketing.payments.provider import PaymentProvider
from services.ticketing.payments.stripe_provider import StripeProvider, StripeSettings
from services.ticketing.site import Site

# A page under an establishment's own domain is reached by a link instead of a redirect.
STRIPE_PAGES = "https://checkout.stripe.com"


def everything() -> ASGIApp:
    """The gateway with both services in its own process: what `parvis up` runs in each worker."""
    return make_everything(_settings())


def make_everything(settings: Settings) -> ASGIApp:
    site = make_site(settings)
    hints = make_hints(settings)
    inventory_database = make_inventory_database(settings, hints)
    ticketing_database = Database(settings.ticketing_database_url, pool_size=settings.pool_size)
    inventory = InProcessInventory(inventory_database)
    ticketing = InProcessTicketing(ticketing_database, site)
    clock = SystemClock()
    resources = ticketing_app.resources(ticketing_database, inventory, site=site, clock=clock)
    return create_gateway(
        gateway_settings(settings),
        ticketing=ticketing,
        upstreams={
            "inventory": inventory_app.create_app(
                inventory, inventory_database, clock=clock, sealer=Sealer(site.secret), hints=hints
            ),
            "ticketing": ticketing_app.create_app(resources, ticketing=ticketing, provider=make_provider(settings)),
        },
        limiter=_limiter(settings),
    )


def gateway() -> ASGIApp:
    """The gateway alone, in front of services in other processes."""
    settings = _settings()
    signer = PrincipalSigner(signing_key(settings.secret_bytes()), "gateway")
    urls: dict[Service, str] = {
        "inventory": _required(settings.inventory_url, "PARVIS_INVENTORY_URL"),
        "ticketing": _required(settings.ticketing_url, "PARVIS_TICKETING_URL"),
    }
    return create_gateway(
        gateway_settings(settings),
        ticketing=TicketingClient(urls["ticketing"], signer),
        upstreams={service: HttpUpstream(url, service, signer) for service, url in urls.items()},
        limiter=_limiter(settings),
    )


def ticketing() -> ASGIApp:
    """Ticketing alone; it asks inventory over HTTP and believes only signed principals."""
    settings = _settings()
    site = make_site(settings)
    database = Database(settings.ticketing_database_url, pool_size=settings.pool_size)
    inventory = make_inventory(settings, make_hints(settings))
    resources = ticketing_app.resources(database, inventory, site=site, clock=SystemClock())
    app = ticketing_app.create_app(
        resources, ticketing=InProcessTicketing(database, site), provider=make_provider(settings)
    )
    return PrincipalFromToken(app, _verifier(settings, "ticketing"))


def inventory() -> ASGIApp:
    """Inventory alone."""
    settings = _settings()
    hints = make_hints(settings)
    database = make_inventory_database(settings, hints)
    sealer = Sealer(settings.secret_bytes())
    app = inventory_app.create_app(
        InProcessInventory(database), database, clock=SystemClock(), sealer=sealer, hints=hints
    )
    return PrincipalFromToken(app, _verifier(settings, "inventory"))


def make_site(settings: Settings) -> Site:
    return Site(
        public_url=settings.public_url,
        secret=settings.secret_bytes(),
        key_mode="test" if settings.test_mode else "live",
    )


def make_inventory(settings: Settings, hints: Hints | None = None) -> InProcessInventory | InventoryClient:
    """Over HTTP where the environment names another process, else in this one."""
    if settings.inventory_url:
        signer = PrincipalSigner(signing_key(settings.secret_bytes()), "ticketing")
        return InventoryClient(settings.inventory_url, signer)
    return InProcessInventory(make_inventory_database(settings, hints))


def make_hints(settings: Settings) -> Hints | None:
    return Hints(settings.valkey_url) if settings.valkey_url else None


def make_inventory_database(
    settings: Settings, hints: Hints | None, *, pool_size: int | None = None
) -> WatchedDatabase:
    """Tells the other processes what this one changes."""
    database = WatchedDatabase(settings.inventory_database_url, pool_size=pool_size or settings.pool_size)
    if hints is not None:
        database.watch(hints.tell)
    return database


def make_provider(settings: Settings) -> PaymentProvider | None:
    if not settings.stripe_api_key:
        return None
    return StripeProvider(
        StripeSettings(
            api_key=settings.stripe_api_key,
            webhook_secret=settings.stripe_webhook_secret,
            api_url=settings.stripe_api_url,
        )
    )


def gateway_settings(settings: Settings) -> GatewaySettings:
    reads, writes = Rate(settings.read_rate_per_minute), Rate(settings.write_rate_per_minute)
    proxies = tuple(proxy.strip() for proxy in settings.trusted_proxies.split(",") if proxy.strip())
    return GatewaySettings(
        public_url=settings.public_url,
        secret=settings.secret_bytes(),
        trusted_proxies=proxies,
        limits=Limits(visitor_reads=reads, visitor_writes=writes),
        payment_pages=_payment_pages(settings),
        metrics_token=settings.metrics_token or None,
        mailbox_folder=mailbox_folder(settings),
        mailbox_for_all=settings.test_mode,
    )


def _payment_pages(settings: Settings) -> tuple[str, ...]:
    stand_in = urlsplit(settings.stripe_api_url)
    return (f"{stand_in.scheme}://{stand_in.netloc}",) if stand_in.netloc else (STRIPE_PAGES,)


def _limiter(settings: Settings) -> Limiter:
    if not settings.valkey_url:
        return LocalLimiter(time.monotonic)
    return ValkeyLimiter(connect_for_limits(settings.valkey_url))


def _settings() -> Settings:
    settings = from_environment(os.environ)
    configure_logging(settings.log_level)
    return settings


def _verifier(settings: Settings, audience: Service) -> PrincipalVerifier:
    return PrincipalVerifier(signing_key(settings.secret_bytes()).public_key(), audience)


def _required(value: str, name: str) -> str:
    if not value:
        raise CannotProceed(f"{name} is not set: where does that service listen?")
    return value
