"""A small instance to put behind the gateway: two services with a few routes, and a ticketing that knows them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated
from uuid import UUID

import httpx
import msgspec
from litestar import Litestar, Request, Router, get, post
from litestar.config.app import AppConfig
from litestar.di import NamedDependency
from litestar.openapi.config import OpenAPIConfig
from litestar.params import FromPath, JSONBody
from litestar.response import ServerSentEvent
from litestar.types import ASGIApp

from gateway.app import Gateway, create_gateway
from gateway.buckets import Limiter, LocalLimiter
from gateway.settings import GatewaySettings, Limits, Rate
from services.kit.errors import NotFound, Unauthenticated, Unavailable
from services.kit.principal import ANONYMOUS, Principal
from services.kit.principal_token import Service
from services.kit.service import service_app
from services.kit.web import ESTABLISHMENT, IdempotencyHeader, needs, public
from services.ticketing.contract import Authenticate, EstablishmentCard

MUSEUM = EstablishmentCard(
    id=UUID("019a0000-0000-7000-8000-000000000001"),
    slug="musee-demo",
    name={"fr": "Musée d’essai", "en": "Trial museum"},
    timezone="Europe/Paris",
    currency="EUR",
    languages=["fr", "en"],
)
CASTLE = EstablishmentCard(
    id=UUID("019a0000-0000-7000-8000-000000000002"),
    slug="chateau-demo",
    name={"fr": "Château <b>& fils</b>"},
    timezone="Europe/Paris",
    currency="EUR",
    languages=["fr"],
)
MUSEUM_KEY, CASTLE_KEY, ORDER_TOKEN = "pvs_test_museum", "pvs_test_castle", "order-token_of.museum"
E = f"/v1/establishments/{MUSEUM.slug}"
UNLIMITED = Limits(*[Rate(0)] * 5)


class Registry:
    """Ticketing as the gateway sees it. `asked` is every question that got through to it."""

    def __init__(self) -> None:
        self.cards = [CASTLE, MUSEUM]
        self.credentials = {
            MUSEUM_KEY: principal_of(MUSEUM, "key:1", "admin"),
            CASTLE_KEY: principal_of(CASTLE, "key:2", "admin"),
            ORDER_TOKEN: principal_of(MUSEUM, "order:3"),
        }
        self.asked: list[Authenticate] = []
        self.is_down = False
        self.pause_seconds = 0.0

    async def authenticate(self, request: Authenticate) -> Principal:
        self.asked.append(request)
        await asyncio.sleep(self.pause_seconds)
        if self.is_down:
            raise Unavailable("The database is busy.")
        card = next((card for card in self.cards if request.establishment in {card.slug, str(card.id)}), None)
        if card is None and request.establishment is not None:
            raise NotFound
        if request.credential is None:
            return principal_of(card) if card else ANONYMOUS
        principal = self.credentials.get(request.credential)
        if principal is None:
            raise Unauthenticated("This key is not known.")
        if card is not None and principal.establishment_id != card.id:
            raise NotFound
        return principal

    async def establishments(self) -> list[EstablishmentCard]:
        if self.is_down:
            raise Unavailable("The database is busy.")
        return self.cards


def principal_of(card: EstablishmentCard, actor: str = "visitor", *scopes: str) -> Principal:
    return Principal(actor=actor, establishment_id=card.id, establishment_slug=card.slug, scopes=frozenset(scopes))


class Line(msgspec.Struct, forbid_unknown_fields=True):
    """Places of one kind."""

    slot_id: str
    quantity: Annotated[int, msgspec.Meta(ge=1, le=20, description="How many people")]


class NewOrder(msgspec.Struct, forbid_unknown_fields=True):
    lines: list[Line]


class Seen(msgspec.Struct):
    """What a service learns about a request."""

    actor: str
    scopes: list[str]
    headers: dict[str, str]
    query: str
    client: str


class Problem(msgspec.Struct):
    """Means something else in each service."""

    here: int


@get(f"{ESTABLISHMENT}/offers/{{offer_id:str}}/availability", **public())
async def availability(establishment: FromPath[str], offer_id: FromPath[str]) -> dict[str, str]:
    return {"establishment": establishment, "offer": offer_id}


@get(f"{ESTABLISHMENT}/closures", **needs("catalog:write"))
async def closures(establishment: FromPath[str]) -> list[Problem]:
    raise AssertionError(establishment)


@get(f"{ESTABLISHMENT}/orders/{{order_id:str}}", **public(), summary="One order", description="As `JSON`.")
async def order(
    establishment: FromPath[str], order_id: FromPath[str], principal: NamedDependency[Principal], request: Request
) -> Seen:  # type: ignore[type-arg]  # Litestar reads it bare
    assert establishment
    assert order_id
    return Seen(
        actor=principal.actor,
        scopes=sorted(principal.scopes),
        headers={name: value for name, value in request.headers.items() if name != "host"},
        query=request.url.query,
        client=request.client.host if request.client else "",
    )


@post(f"{ESTABLISHMENT}/orders", **public())
async def new_order(
    establishment: FromPath[str], data: JSONBody[NewOrder], idempotency: IdempotencyHeader = None
) -> NewOrder:
    assert establishment
    assert idempotency != ""
    return data


@get(f"{ESTABLISHMENT}/broken", **public())
async def broken(establishment: FromPath[str]) -> None:
    raise RuntimeError(f"secret detail of {establishment}")


@get(f"{ESTABLISHMENT}/slow", **public())
async def slow(establishment: FromPath[str]) -> str:
    await asyncio.sleep(0.3)
    return establishment


@get(f"{ESTABLISHMENT}/attendance/stream", **public())
async def stream(establishment: FromPath[str]) -> ServerSentEvent:
    async def events() -> AsyncIterator[str]:
        yield establishment
        await asyncio.sleep(60)

    return ServerSentEvent(events())


@post("/v1/devices/pairing", **public())
async def pair(data: JSONBody[dict[str, str]]) -> dict[str, str]:
    if data.get("code") != "right":
        raise NotFound
    return {"token": "device"}


class Life:
    """What happened to the services of a house, in order."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def of(self, name: str) -> object:
        @asynccontextmanager
        async def lifespan(_: Litestar) -> AsyncIterator[None]:
            self.events.append(f"{name} starts")
            yield
            self.events.append(f"{name} stops")

        return lifespan


def _with_open_document(config: AppConfig) -> AppConfig:
    assert isinstance(config.openapi_config, OpenAPIConfig)
    config.openapi_config.openapi_router = Router("/", route_handlers=[], opt={"scope": None})
    return config


def ticketing_app(life: Life | None = None) -> Litestar:
    handlers = [order, new_order, broken, slow, stream, pair]
    lifespan = [life.of("ticketing")] if life else []
    return service_app("ticketing", handlers, provided={}, lifespan=lifespan, on_app_init=[_with_open_document])


def inventory_app(life: Life | None = None) -> Litestar:
    lifespan = [life.of("inventory")] if life else []
    return service_app(
        "inventory", [availability, closures], provided={}, lifespan=lifespan, on_app_init=[_with_open_document]
    )


class House:
    """The gateway with services behind it, and a client before it."""

    def __init__(
        self,
        settings: GatewaySettings | None = None,
        *,
        upstreams: dict[Service, ASGIApp] | None = None,
        limiter: Limiter | None = None,
    ) -> None:
        self.now = 1000.0
        self.registry = Registry()
        self.life = Life()
        self.gateway: Gateway = create_gateway(
            settings or GatewaySettings(public_url="https://tickets.example", limits=UNLIMITED),
            ticketing=self.registry,
            upstreams=upstreams or {"inventory": inventory_app(self.life), "ticketing": ticketing_app(self.life)},
            limiter=limiter or LocalLimiter(lambda: self.now),
            clock=lambda: self.now,
        )
        self.client = self.client_from("127.0.0.1")

    def client_from(self, address: str) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(self.gateway, client=(address, 4711), raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="https://tickets.example")


def bearer(credential: str) -> dict[str, str]:
    return {"authorization": f"Bearer {credential}"}
