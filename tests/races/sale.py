"""A sale to compete for, and processes that compete: each stack has pools, batches and caches of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from uuid import UUID, uuid4

import httpx
import msgspec

from gateway.lifespan import Lifespan
from parvis.asgi import make_everything, make_site
from parvis.establishments import operator_key
from parvis.settings import Settings
from services.inventory.in_process import InProcessInventory
from services.kit.clock import SystemClock
from services.kit.database import Database
from services.kit.errors import Refused
from services.kit.idempotency import Answer
from services.kit.principal import Principal
from services.ticketing.app import resources
from services.ticketing.orders.desk import OrderDesk
from services.ticketing.orders.requests import Confirmation, Customer, LineInput, NewOrder

CUSTOMER = Customer(name="Ada Lovelace", email="ada@example.org")
FREE = Confirmation(payment_method="free", customer=CUSTOMER)


class Sale(msgspec.Struct, frozen=True):
    """An offer with a tariff, free unless told otherwise; `slots` has all of its slots, in order of their start."""

    establishment_id: UUID
    slug: str
    admin_key: str
    tariff_id: UUID
    slots: list[UUID]

    def order(self, *lines: tuple[UUID, int], confirm: Confirmation | None = FREE) -> NewOrder:
        """Places by slot."""
        wanted = [LineInput(slot_id=slot_id, tariff_id=self.tariff_id, quantity=places) for slot_id, places in lines]
        return NewOrder(lines=wanted, confirm=confirm)


class Outcome(msgspec.Struct, frozen=True):
    """`tickets` were sold, or it was refused with `code`; anything else is an `error`."""

    tickets: int = 0
    code: str = ""
    error: str = ""


class Shop(Protocol):
    async def buy(self, sale: Sale, *lines: tuple[UUID, int]) -> Outcome: ...


class DeskShop:
    """Buys at the desk of one process, without HTTP; in two steps if asked to."""

    def __init__(self, desk: OrderDesk, *, two_steps: bool = False) -> None:
        self._desk = desk
        self._two_steps = two_steps

    async def buy(self, sale: Sale, *lines: tuple[UUID, int]) -> Outcome:
        try:
            return Outcome(tickets=len(msgspec.json.decode((await self._answer(sale, *lines)).body)["tickets"]))
        except Refused as refused:
            return Outcome(code=refused.code)
        except Exception as error:  # noqa: BLE001 - whatever it is, the visitor would see a 500
            return Outcome(error=repr(error))

    async def _answer(self, sale: Sale, *lines: tuple[UUID, int]) -> Answer:
        visitor = Principal(establishment_id=sale.establishment_id, establishment_slug=sale.slug)
        if not self._two_steps:
            return await self._desk.create(visitor, sale.order(*lines), None)
        held = await self._desk.create(visitor, sale.order(*lines, confirm=None), None)
        order = await self._desk.read(sale.establishment_id, UUID(msgspec.json.decode(held.body)["id"]))
        return await self._desk.confirm(visitor, order, FREE, None)


class HttpShop:
    """Buys through the gateway of one process."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def buy(self, sale: Sale, *lines: tuple[UUID, int]) -> Outcome:
        response = await self.post(sale, sale.order(*lines), str(uuid4()))
        if response.status_code == httpx.codes.CREATED:
            return Outcome(tickets=len(response.json()["tickets"]))
        if response.status_code == httpx.codes.CONFLICT:
            return Outcome(code=response.json()["code"])
        return Outcome(error=f"{response.status_code} {response.text}")

    async def post(self, sale: Sale, order: NewOrder, key: str) -> httpx.Response:
        return await self._http.post(
            f"/v1/establishments/{sale.slug}/orders",
            content=msgspec.json.encode(order),
            headers={"content-type": "application/json", "idempotency-key": key},
        )


@asynccontextmanager
async def desk_of_a_process(
    settings: Settings, inventory_type: type[InProcessInventory] = InProcessInventory
) -> AsyncIterator[OrderDesk]:
    inventory = inventory_type(Database(settings.inventory_database_url))
    database = Database(settings.ticketing_database_url)
    made = resources(database, inventory, site=make_site(settings), clock=SystemClock())
    desk = OrderDesk(made, None)
    yield desk
    await desk.close()
    await inventory.close()
    await database.close()


@asynccontextmanager
async def gateway_of_a_process(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    app: Any = make_everything(settings)
    lifespan = Lifespan("race", app)
    await lifespan.start()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://parvis", timeout=60) as http:
        yield http
    await lifespan.stop()


async def open_sale(settings: Settings, *, capacity: int, price_minor: int = 0) -> Sale:
    """Made through the API, as an establishment would: 96 slots of so many places in ten days, one tariff."""
    key = await operator_key(settings, "Races")
    async with gateway_of_a_process(settings) as http:
        slug = f"musee-{uuid4().hex}"
        profile = {"slug": slug, "name": {"fr": "Musée"}, "country": "FR", "timezone": "Europe/Paris"}
        founded = await _post(http, key, "", {**profile, "currency": "EUR", "languages": ["fr"]})
        admin, base = founded["api_key"]["secret"], f"/{slug}"
        venue = await _post(http, admin, f"{base}/venues", {"name": {"fr": "Palais"}, "timezone": "Europe/Paris"})
        body = {"name": {"fr": "Visite"}, "venue_id": venue["id"], "kind": "timed", "published": True}
        offer = f"{base}/offers/{(await _post(http, admin, f'{base}/offers', body))['id']}"
        price = {"amount": price_minor, "currency": "EUR"}
        tariff = await _post(http, admin, f"{offer}/tariffs", {"name": {"fr": "T"}, "price": price, "vat_rate_bp": 0})
        day = (datetime.now(UTC) + timedelta(days=10)).date().isoformat()
        calendar = {
            "valid_from": day,
            "valid_until": day,
            "weekdays": [1, 2, 3, 4, 5, 6, 7],
            "first_start": "00:00",
            "last_start": "23:45",
            "every_minutes": 15,
            "duration_minutes": 15,
            "capacity": capacity,
        }
        await _post(http, admin, f"{offer}/calendars", calendar)
        found = await http.get(f"/v1/establishments{offer}/availability?from={day}")
        slots = [UUID(slot["id"]) for slot in found.json()["slots"]]
    return Sale(UUID(founded["id"]), slug, admin, UUID(tariff["id"]), slots)


async def _post(http: httpx.AsyncClient, key: str, path: str, body: dict[str, object]) -> Any:  # noqa: ANN401 - JSON
    response = await http.post(f"/v1/establishments{path}", json=body, headers={"authorization": f"Bearer {key}"})
    assert response.status_code == httpx.codes.CREATED, response.text
    return response.json()
