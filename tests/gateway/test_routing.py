import re

import pytest
from litestar import Litestar

from gateway.routing import Route, check_path, route_of
from services.kit.errors import NotFound
from tests.gateway.house import House, inventory_app, ticketing_app

E = "/v1/establishments/a"


def owner(path: str) -> str | None:
    route = route_of(path)
    return route.rule.service if route else None


@pytest.mark.parametrize(
    "path",
    [
        f"{E}/offers/1/calendars",
        f"{E}/offers/1/calendars/2",
        f"{E}/offers/1/calendars/",
        f"{E}/offers/1/availability",
        f"{E}/closures",
        f"{E}/closures/2",
        f"{E}/gauges",
        f"{E}/gauges/2",
    ],
)
def test_inventory_owns_what_can_be_sold(path: str):
    assert owner(path) == "inventory"


@pytest.mark.parametrize(
    "path",
    [
        "/v1",
        "/v1/establishments",
        E,
        f"{E}/offers",
        f"{E}/offers/1",
        f"{E}/offers/1/tariffs",
        f"{E}/offers/calendars",
        f"{E}/offers/1/availability/more",
        f"{E}/orders/gauges",
        "/v1/devices/pairing",
        "/v1/payments/stripe/a/webhook",
        "/v1/closures",
    ],
)
def test_ticketing_owns_the_rest(path: str):
    assert owner(path) == "ticketing"


@pytest.mark.parametrize("path", ["/", "/v2/establishments", "/v10", "/internal/holds", "/schema", "/readyz/more"])
def test_other_paths_belong_to_nobody(path: str):
    assert route_of(path) is None


@pytest.mark.parametrize(
    ("path", "establishment"),
    [
        (E, "a"),
        (f"{E}/orders/1", "a"),
        ("/v1/payments/stripe/b/webhook", "b"),
        ("/v1/establishments", None),
        ("/v1/devices/pairing", None),
    ],
)
def test_route_names_the_establishment_of_its_path(path: str, establishment: str | None):
    route = route_of(path)

    assert isinstance(route, Route)
    assert route.establishment == establishment


@pytest.mark.parametrize(("name", "app"), [("inventory", inventory_app()), ("ticketing", ticketing_app())])
def test_every_route_of_a_service_leads_to_it(name: str, app: Litestar):
    paths = [re.sub(r"\{[^}]*\}", "x", route.path) for route in app.routes]

    assert {owner(path) for path in paths if path.startswith("/v1")} == {name}


@pytest.mark.parametrize(
    ("path", "raw_path"),
    [
        ("//v1/establishments", b"//v1/establishments"),
        ("/v1//establishments", b"/v1//establishments"),
        ("/v1/../livez", b"/v1/../livez"),
        ("/v1/./x", b"/v1/%2e/x"),
        ("/v1/establishments/a/b", b"/v1/establishments/a%2Fb"),
        ("/v1/establishments/a b", b"/v1/establishments/a%20b"),
        ("/v1/é", b"/v1/%C3%A9"),
        ("/v1/a\\b", b"/v1/a%5Cb"),
        ("/v1/" + "a" * 2000, b""),
        ("/v1/\x00", b"/v1/%00"),
        ("/v1/a\r\nb", b"/v1/a%0D%0Ab"),
        ("/v1/\ufffd", b"/v1/%ff"),
        ("/v1/a\n", b"/v1/a%0A"),
        ("*", b"*"),
        ("", b""),
        ("http://other.example/v1", b""),
    ],
)
def test_path_that_could_be_read_in_two_ways_leads_nowhere(path: str, raw_path: bytes):
    with pytest.raises(NotFound):
        check_path(path, raw_path)


@pytest.mark.parametrize(
    "path", ["/v1//x", "/v1/%2e%2e/livez", "/v1/a%2fb", "/v1/%00", "/v1/%ff%fe", "/v1/%F0%9F%98%80"]
)
async def test_weird_path_gets_a_problem(house: House, path: str):
    answer = await house.client.get(path)

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
