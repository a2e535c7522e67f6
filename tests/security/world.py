"""Two establishments of one instance with everything in them, made through the API and asked through the gateway."""

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import asyncpg
import httpx
import msgspec
from litestar.types import ASGIApp

from gateway.lifespan import Lifespan
from parvis.asgi import make_everything
from services.kit.database import Database
from services.ticketing.access.actions import create_operator_key
from services.ticketing.access.rules import new_credential
from services.ticketing.entry.devices.actions import create_device, revoke_device
from tests.conftest import Instance
from tests.security.streams import LeavesStreams

Json: TypeAlias = dict[str, Any]

SCOPES = ("admin", "catalog:write", "orders:read", "orders:write", "entry:scan", "entry:search", "reports:read")
WEBHOOK_SECRET = "whsec_of_the_security_tests"
METRICS_TOKEN = "metrics-token-of-the-security-tests"
CANARY = "canary"
CUSTOMER = {"name": "Canary Customer", "email": "canary@customer.example", "language": "fr"}


class House(msgspec.Struct):
    """An establishment with its credentials; `ids` by the name of the parameter or field that takes them."""

    slug: str
    id: str
    admin_key: str
    canary: str
    keys: dict[str, str] = {}
    ids: dict[str, str] = {}
    slots: list[str] = []
    device_token: str = ""
    code: str = ""
    order_token: str = ""
    other_order_token: str = ""

    @property
    def base(self) -> str:
        return f"/v1/establishments/{self.slug}"


class World:
    """`ours` is what others must not reach."""

    def __init__(
        self, app: ASGIApp, http: httpx.AsyncClient, owner: "asyncpg.Connection[asyncpg.Record]", secret: bytes
    ) -> None:
        self.app = app
        self.http = http
        self.owner = owner
        self.secret = secret
        self.operator_key = ""
        self.wrong: dict[str, str] = {}
        self.ours = House("", "", "", "")
        self.theirs = House("", "", "", "")
        self._addresses = itertools.count(1)

    async def ask(
        self,
        method: str,
        path: str,
        credential: str | None = None,
        body: object = None,
        **more: Any,  # noqa: ANN401 - what httpx takes besides
    ) -> httpx.Response:
        """Each time from another address: what is tested here is rights, not rates."""
        number = next(self._addresses)
        headers = {"x-forwarded-for": f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"}
        if credential is not None:
            headers["authorization"] = f"Bearer {credential}"
        headers |= more.pop("headers", {})
        if body is not None:
            more["json"] = body
        return await self.http.request(method, path, headers=headers, **more)

    async def make(self, house: House, path: str, body: object, credential: str | None = None) -> Json:
        """What a POST made, with the admin's key unless told otherwise."""
        response = await self.ask("POST", f"{house.base}{path}", credential or house.admin_key, body)
        assert response.is_success, f"{path}: {response.status_code} {response.text}"
        return _json(response)

    async def document(self) -> Json:
        return _json(await self.http.get("/openapi.json"))

    async def order(self, house: House, tariff: str = "free_tariff_id", method: str | None = "free") -> Json:
        """A visitor's order of two tickets; held if no method confirms it."""
        body = order_body(house, tariff)
        if method is not None:
            body["confirm"] = {"payment_method": method, "customer": CUSTOMER}
        response = await self.ask("POST", f"{house.base}/orders", None, body)
        assert response.status_code == 201, response.text
        return _json(response)


def _json(response: httpx.Response) -> Json:
    body: Json = response.json()
    return body


def order_body(house: House, tariff: str = "free_tariff_id", quantity: int = 2) -> dict[str, Any]:
    return {"lines": [{"slot_id": house.slots[0], "tariff_id": house.ids[tariff], "quantity": quantity}]}


@asynccontextmanager
async def open_world(instance: Instance, **changes: object) -> AsyncIterator[World]:
    settings = instance.settings(
        read_rate_per_minute=0,
        write_rate_per_minute=0,
        trusted_proxies="127.0.0.1",
        stripe_api_key="sk_test_never_used",
        stripe_api_url="http://127.0.0.1:9",
        stripe_webhook_secret=WEBHOOK_SECRET,
        metrics_token=METRICS_TOKEN,
        **changes,
    )
    app = make_everything(settings)
    lifespan = Lifespan("security", app)
    await lifespan.start()
    owner = await asyncpg.connect(instance.owner_url)
    database = Database(instance.ticketing_url, pool_size=2)
    streamed = LeavesStreams(app)
    transport = httpx.ASGITransport(streamed)  # type: ignore[arg-type]  # httpx and Litestar type ASGI differently
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://parvis") as http:
            world = World(app, http, owner, settings.secret_bytes())
            # Once the document is made, the framework finds other things wrong with requests; so it is made always.
            assert (await http.get("/openapi.json")).status_code == 200
            await _populate(world, database)
            yield world
    finally:
        await database.close()
        await owner.close()
        await lifespan.stop()


async def _populate(world: World, database: Database) -> None:
    world.operator_key = await database.write_instance(partial(create_operator_key, name="Operator", mode="live"))
    world.ours = await _found(world, "ours")
    world.theirs = await _found(world, "theirs")
    for house in (world.ours, world.theirs):
        await _furnish(world, database, house)
    world.wrong = await _wrong_credentials(world, database)


async def _found(world: World, slug: str) -> House:
    body = {
        "slug": slug,
        "name": {"fr": f"Musée {slug}", "en": f"Museum {slug}"},
        "country": "FR",
        "timezone": "Europe/Paris",
        "currency": "EUR",
        "languages": ["fr", "en"],
        "payment_methods": ["free", "on_site", "stripe"],
        "stripe_account": f"acct_{slug}",
    }
    response = await world.ask("POST", "/v1/establishments", world.operator_key, body)
    assert response.status_code == 201, response.text
    founded = response.json()
    house = House(slug, founded["id"], founded["api_key"]["secret"], f"{CANARY}-{slug}-{uuid4().hex}")
    house.ids["key_id"] = founded["api_key"]["id"]
    return house


async def _furnish(world: World, database: Database, house: House) -> None:
    for scope in SCOPES:
        made = await world.make(house, "/api-keys", {"name": f"{house.canary} {scope}", "scopes": [scope]})
        house.keys[scope] = made["secret"]
    await _make_offer(world, house)
    gate, tenant = UUID(house.ids["gate_id"]), UUID(house.id)
    device = await database.write(
        tenant,
        partial(create_device, establishment_id=tenant, name=house.canary, gate_ids=[gate], mode="live"),
    )
    house.device_token, house.ids["device_id"] = device.device_token, str(device.id)
    order = await world.order(house)
    house.ids |= {"order_id": order["id"], "ticket_id": order["tickets"][0]["id"]}
    house.code, house.order_token = order["tickets"][0]["code"], order["access_token"]
    house.other_order_token = (await world.order(house))["access_token"]


async def _make_offer(world: World, house: House) -> None:
    """A published offer with gauge, tariffs, calendar and a closure long past the calendar."""
    texts = {"fr": house.canary}
    venue = await world.make(house, "/venues", {"name": texts, "timezone": "Europe/Paris", "gates": [house.canary]})
    gauge = await world.make(house, "/gauges", {"name": texts, "capacity": 100_000, "per": "total"})
    offer_body = {"name": texts, "venue_id": venue["id"], "kind": "timed", "gauge_ids": [gauge["id"]]}
    offer = await world.make(house, "/offers", offer_body | {"published": True})
    for name, amount in (("free_tariff_id", 0), ("tariff_id", 1000)):
        price = {"amount": amount, "currency": "EUR"}
        tariff = await world.make(
            house, f"/offers/{offer['id']}/tariffs", {"name": texts, "price": price, "vat_rate_bp": 550}
        )
        house.ids[name] = tariff["id"]
    calendar = await world.make(house, f"/offers/{offer['id']}/calendars", calendar_body())
    closure = await world.make(house, "/closures", closure_body() | {"reason": texts})
    house.ids |= {
        "venue_id": venue["id"],
        "gate_id": venue["gates"][0]["id"],
        "gauge_id": gauge["id"],
        "offer_id": offer["id"],
        "calendar_id": calendar["id"],
        "closure_id": closure["id"],
    }
    found = await world.ask("GET", f"{house.base}/offers/{offer['id']}/availability")
    house.slots = [slot["id"] for slot in found.json()["slots"]]
    house.ids["slot_id"] = house.slots[0]


def calendar_body(days: int = 10) -> dict[str, Any]:
    """Far enough ahead that a visitor may still cancel and exchange."""
    first = datetime.now(UTC).date() + timedelta(days=5)
    return {
        "valid_from": first.isoformat(),
        "valid_until": (first + timedelta(days=days)).isoformat(),
        "weekdays": [1, 2, 3, 4, 5, 6, 7],
        "first_start": "10:00",
        "last_start": "10:00",
        "every_minutes": 60,
        "duration_minutes": 60,
        "capacity": 10_000,
    }


def closure_body() -> dict[str, Any]:
    return {"from": "2150-01-01T00:00:00Z", "until": "2150-01-02T00:00:00Z", "reason": {"fr": "Travaux"}}


async def _wrong_credentials(world: World, database: Database) -> dict[str, str]:
    """What was a key of ours, and what never was one."""
    ours, tenant = world.ours, UUID(world.ours.id)
    revoked = await world.make(ours, "/api-keys", {"name": "revoked", "scopes": ["admin"]})
    response = await world.ask("DELETE", f"{ours.base}/api-keys/{revoked['id']}", ours.admin_key)
    assert response.status_code == 204, response.text
    expired = await world.make(
        ours, "/api-keys", {"name": "expired", "scopes": ["admin"], "expires_at": "2150-01-01T00:00:00Z"}
    )
    await world.owner.execute(
        "UPDATE ticketing.api_keys SET expires_at = now() - interval '1 second' WHERE id = $1", UUID(expired["id"])
    )
    gates = [UUID(ours.ids["gate_id"])]
    device = await database.write(
        tenant, partial(create_device, establishment_id=tenant, name="revoked", gate_ids=gates, mode="live")
    )
    await database.write(tenant, partial(revoke_device, establishment_id=tenant, device_id=device.id))
    unknown, _ = new_credential("pvs_live", tenant, uuid4())
    guessed, _ = new_credential("pvs_live", tenant, UUID(ours.ids["key_id"]))
    return {
        "malformed key": "pvs_live_nonsense",
        "unknown key": unknown,
        "wrong secret": guessed,
        "revoked key": revoked["secret"],
        "expired key": expired["secret"],
        "revoked device": device.device_token,
        "forged order token": world.ours.order_token[:-4]
        + ("0000" if world.ours.order_token[-4:] != "0000" else "1111"),
    }


async def rows_of(world: World, establishment_id: str) -> dict[str, tuple[int, str]]:
    """Per table the number of rows of an establishment and a checksum of them, past row-level security."""
    tables = await world.owner.fetch(
        "SELECT format('%I.%I', table_schema, table_name) AS name, table_name = 'establishments' AS registry"
        " FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)"
        " WHERE table_schema IN ('inventory', 'ticketing') AND table_type = 'BASE TABLE'"
        " AND (column_name = 'establishment_id' OR table_name = 'establishments' AND column_name = 'id')"
    )
    found = {}
    for table in tables:
        column = "id" if table["registry"] else "establishment_id"
        row = await world.owner.fetchrow(
            f"SELECT count(*) AS count, coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') AS sum"
            f" FROM {table['name']} t WHERE {column} = $1",
            UUID(establishment_id),
        )
        assert row is not None
        found[table["name"]] = (row["count"], row["sum"])
    return found
