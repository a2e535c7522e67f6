"""An establishment of its own for each test, made and run through the API as its staff would."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import msgspec

from tests.journeys.answers import Event, EventPage, Order, OrderPage, Scan, Slot, Slots, read
from tests.journeys.house import House

FULL_PRICE_MINOR = 1500
CAPACITY = 8
# Visitors come early here: a ticket for today or tomorrow opens the gate at once.
EARLY_ENTRY_MINUTES = 1440


class Museum(msgspec.Struct, frozen=True):
    """`free_id` and `full_id` are tariffs of the offer; every slot has `CAPACITY` places, one slot an hour."""

    house: House
    id: UUID
    slug: str
    admin_key: str
    account: str
    offer_id: UUID
    free_id: UUID
    full_id: UUID
    gate_id: UUID
    second_gate_id: UUID

    async def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        key: str | None = None,
        idempotency_key: str | None = None,
    ) -> httpx.Response:
        """A request below the establishment, with this key or token if there is one."""
        headers = {"authorization": f"Bearer {key}"} if key else {}
        if idempotency_key:
            headers["idempotency-key"] = idempotency_key
        url = f"/v1/establishments/{self.slug}{path}"
        return await self.house.http.request(method, url, json=body, headers=headers)

    async def staff(self, method: str, path: str, body: object = None, *, status: int = 200) -> Any:  # noqa: ANN401 - JSON
        """What the establishment's own staff are answered."""
        response = await self.ask(method, path, body, key=self.admin_key)
        assert response.status_code == status, f"{response.status_code} {response.text}"
        return response.json() if response.content else None

    async def slots(self) -> list[Slot]:
        """Those of the next days that start in an hour or later, soonest first."""
        response = await self.ask("GET", f"/offers/{self.offer_id}/availability")
        soon = datetime.now(UTC) + timedelta(hours=1)
        return [slot for slot in read(response, Slots).slots if slot.starts_at > soon]

    async def remaining(self, slot: Slot) -> int:
        return next(one.remaining for one in await self.slots() if one.id == slot.id)

    async def order(self, order: Order) -> Order:
        return read(await self.ask("GET", f"/orders/{order.id}", key=self.admin_key), Order)

    async def orders(self, **query: str) -> OrderPage:
        parameters = "&".join(f"{name}={value}" for name, value in query.items())
        return read(await self.ask("GET", f"/orders?{parameters}", key=self.admin_key), OrderPage)

    async def scan(self, code: str, *, gate_id: UUID | None = None, key: str | None = None) -> Scan:
        body = {
            "id": str(uuid4()),
            "code": code,
            "gate_id": str(gate_id or self.gate_id),
            "scanned_at": datetime.now(UTC).isoformat(),
        }
        return read(await self.ask("POST", "/scans", body, key=key or self.admin_key), Scan)

    async def events(self, limit: int = 100) -> list[Event]:
        """The whole log, page by page."""
        events: list[Event] = []
        while True:
            after = events[-1].sequence if events else 0
            response = await self.ask("GET", f"/events?after={after}&limit={limit}", key=self.admin_key)
            page = read(response, EventPage)
            if not page.items:
                assert page.last_sequence == after
                return events
            assert page.last_sequence == page.items[-1].sequence
            events += page.items

    async def make_key(self, *scopes: str, **more: str) -> dict[str, Any]:
        """A new key as its maker sees it: `secret` only now."""
        made: dict[str, Any] = await self.staff(
            "POST", "/api-keys", {"name": "made by a test", "scopes": scopes, **more}, status=201
        )
        return made


async def found_museum(house: House, **profile: object) -> Museum:
    """From nothing to an offer on sale for three days, with `profile` changing how the establishment sells."""
    slug, account = f"musee-{uuid4().hex}", f"acct_{uuid4().hex}"
    new = {
        "slug": slug,
        "name": {"fr": "Musée des Essais", "en": "Museum of Trials"},
        "country": "FR",
        "timezone": "Europe/Paris",
        "currency": "EUR",
        "languages": ["fr", "en"],
        "stripe_account": account,
    }
    founded = await _post(house, house.operator_key, "/v1/establishments", new | profile)
    key, base = founded["api_key"]["secret"], f"/v1/establishments/{slug}"
    venue_body = {"name": {"fr": "Palais"}, "timezone": "Europe/Paris", "gates": ["Porte", "Jardin"]}
    venue = await _post(house, key, f"{base}/venues", venue_body)
    gauge = await _post(house, key, f"{base}/gauges", {"name": {"fr": "Palais"}, "capacity": 500, "per": "day"})
    offer_body = {
        "name": {"fr": "Visite", "en": "Visit"},
        "venue_id": venue["id"],
        "kind": "timed",
        "gauge_ids": [gauge["id"]],
        "sales": {"early_entry_minutes": EARLY_ENTRY_MINUTES},
        "published": True,
    }
    offer = await _post(house, key, f"{base}/offers", offer_body)
    offers = f"{base}/offers/{offer['id']}"
    full = await _post(house, key, f"{offers}/tariffs", _tariff("Plein tarif", FULL_PRICE_MINOR))
    free = await _post(house, key, f"{offers}/tariffs", _tariff("Gratuit", 0))
    await _post(house, key, f"{offers}/calendars", _calendar())
    return Museum(
        house=house,
        id=UUID(founded["id"]),
        slug=slug,
        admin_key=key,
        account=account,
        offer_id=UUID(offer["id"]),
        free_id=UUID(free["id"]),
        full_id=UUID(full["id"]),
        gate_id=UUID(venue["gates"][0]["id"]),
        second_gate_id=UUID(venue["gates"][1]["id"]),
    )


def _tariff(name: str, price_minor: int) -> dict[str, object]:
    return {"name": {"fr": name}, "price": {"amount": price_minor, "currency": "EUR"}, "vat_rate_bp": 1000}


def _calendar() -> dict[str, object]:
    today = datetime.now(UTC).date()
    return {
        "valid_from": today.isoformat(),
        "valid_until": (today + timedelta(days=3)).isoformat(),
        "weekdays": [1, 2, 3, 4, 5, 6, 7],
        "first_start": "00:00",
        "last_start": "23:00",
        "every_minutes": 60,
        "duration_minutes": 60,
        "capacity": CAPACITY,
    }


async def _post(house: House, key: str, path: str, body: Mapping[str, object]) -> Any:  # noqa: ANN401 - JSON
    response = await house.http.post(path, json=body, headers={"authorization": f"Bearer {key}"})
    assert response.status_code == 201, f"{path} {response.status_code} {response.text}"
    return response.json()
