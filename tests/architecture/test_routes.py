"""Every route says who may use it, lies under its establishment, and is known to the gateway."""

from collections.abc import Iterator
from typing import Any, get_args

import msgspec
import pytest
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from gateway.replies import ask
from gateway.routing import route_of
from services.inventory import app as inventory_app
from services.inventory.in_process import InProcessInventory
from services.kit.clock import SystemClock
from services.kit.principal import Scope
from services.kit.sealing import Sealer
from services.kit.watched import WatchedDatabase
from services.ticketing import app as ticketing_app
from services.ticketing.in_process import InProcessTicketing
from services.ticketing.site import Site

ESTABLISHMENT = "/v1/establishments/{establishment}"
# Routes of the instance, and those whose callers know no URL of an establishment.
INSTANCE_ROUTES = {"/v1/establishments", "/v1/payments/stripe/{establishment}/webhook", "/v1/devices/pairing"}
# What anybody may read.
OPEN_TO_READ = {
    f"GET {ESTABLISHMENT}",
    f"GET {ESTABLISHMENT}/offers",
    f"GET {ESTABLISHMENT}/offers/{{offer_id}}",
    f"GET {ESTABLISHMENT}/offers/{{offer_id}}/availability",
    f"GET {ESTABLISHMENT}/offers/{{offer_id}}/tariffs",
    f"GET {ESTABLISHMENT}/offers/{{offer_id}}/tariffs/{{tariff_id}}",
    f"GET {ESTABLISHMENT}/presentation",
    f"GET {ESTABLISHMENT}/signing-keys",
    f"GET {ESTABLISHMENT}/venues",
    f"GET {ESTABLISHMENT}/venues/{{venue_id}}",
}
# Where no scope decides: a visitor who orders or waits, whoever has the token of that, the signature of a provider.
DECIDED_WITHIN = {
    f"POST {ESTABLISHMENT}/orders",
    f"GET {ESTABLISHMENT}/orders/{{order_id}}",
    f"PATCH {ESTABLISHMENT}/orders/{{order_id}}",
    f"POST {ESTABLISHMENT}/orders/{{order_id}}/cancellation",
    f"POST {ESTABLISHMENT}/orders/{{order_id}}/confirmation",
    f"POST {ESTABLISHMENT}/orders/{{order_id}}/exchange",
    f"POST {ESTABLISHMENT}/orders/{{order_id}}/extension",
    f"GET {ESTABLISHMENT}/orders/{{order_id}}/tickets.pdf",
    f"POST {ESTABLISHMENT}/orders/{{order_id}}/messages",
    f"GET {ESTABLISHMENT}/reminder-refusals/{{token}}",
    f"POST {ESTABLISHMENT}/reminder-refusals/{{token}}",
    f"GET {ESTABLISHMENT}/tickets/{{ticket_id}}",
    f"GET {ESTABLISHMENT}/tickets/{{ticket_id}}/google-wallet",
    f"POST {ESTABLISHMENT}/waiting-list",
    f"GET {ESTABLISHMENT}/waiting-list/{{entry_id}}",
    f"DELETE {ESTABLISHMENT}/waiting-list/{{entry_id}}",
    "POST /v1/payments/stripe/{establishment}/webhook",
    # Whoever has the pairing code.
    "POST /v1/devices/pairing",
}
# Nothing connects here: the applications are only looked at.
NOWHERE = "postgresql://nobody@127.0.0.1:1/nowhere"
SECRET = b"an instance secret for the tests"


class Route(msgspec.Struct, frozen=True):
    service: str
    method: str
    path: str
    options: dict[str, Any]

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


@pytest.fixture(scope="module")
def applications() -> dict[str, Litestar]:
    database, clock = WatchedDatabase(NOWHERE), SystemClock()
    inventory = InProcessInventory(database)
    site = Site(public_url="http://127.0.0.1", secret=SECRET)
    resources = ticketing_app.resources(database, inventory, site=site, clock=clock)
    return {
        "inventory": inventory_app.create_app(inventory, database, clock=clock, sealer=Sealer(SECRET)),
        "ticketing": ticketing_app.create_app(resources, ticketing=InProcessTicketing(database, site)),
    }


@pytest.fixture(scope="module")
def routes(applications: dict[str, Litestar]) -> list[Route]:
    return [route for service, app in applications.items() for route in _routes(service, app)]


def test_every_route_says_who_may_use_it(routes: list[Route]) -> None:
    silent = [route.name for route in routes if not route.options.get("internal") and "scope" not in route.options]
    assert silent == []


def test_scopes_are_those_of_principals(routes: list[Route]) -> None:
    assert {route.options.get("scope") for route in routes} - {None, *get_args(Scope)} == set()


def test_public_routes_are_those_listed(routes: list[Route]) -> None:
    public = {route.name for route in routes if "scope" in route.options and route.options["scope"] is None}
    assert public == OPEN_TO_READ | DECIDED_WITHIN


def test_routes_lie_under_their_establishment(routes: list[Route]) -> None:
    elsewhere = {route.path for route in _open(routes) if not f"{route.path}/".startswith(f"{ESTABLISHMENT}/")}
    assert elsewhere == INSTANCE_ROUTES


def test_gateway_sends_every_route_to_its_service(routes: list[Route]) -> None:
    sent = {route.name: getattr(route_of(route.path), "rule", None) for route in _open(routes)}
    assert {name: rule and rule.service for name, rule in sent.items()} == {
        route.name: route.service for route in _open(routes)
    }


def test_gateway_finds_the_establishment_in_every_path_that_names_one(routes: list[Route]) -> None:
    found = {route.name: getattr(route_of(route.path), "establishment", None) for route in _open(routes)}
    assert found == {
        route.name: "{establishment}" if "{establishment}" in route.path else None for route in _open(routes)
    }


def test_internal_routes_are_out_of_the_gateways_reach(routes: list[Route]) -> None:
    internal = [route.path for route in routes if route.options.get("internal")]
    assert [route_of(path) for path in internal] == [None, None]


@pytest.mark.parametrize("service", ["inventory", "ticketing"])
async def test_description_of_the_service_is_reachable(applications: dict[str, Litestar], service: str) -> None:
    """As the gateway asks, to make one document of all."""
    assert (await ask(applications[service], "/openapi.json")).status == 200


def _routes(service: str, app: Litestar) -> Iterator[Route]:
    """Ours: not Litestar's OPTIONS, nor its pages about the API."""
    for route in app.routes:
        assert isinstance(route, HTTPRoute)
        for handler in route.route_handlers:
            assert isinstance(handler, HTTPRouteHandler)
            if not handler.fn.__module__.startswith("litestar."):
                for method in sorted(str(method) for method in handler.http_methods):
                    yield Route(service=service, method=method, path=route.path_format, options=handler.opt)


def _open(routes: list[Route]) -> list[Route]:
    return [route for route in routes if not route.options.get("internal")]
