"""What is sold and scanned while we measure: establishments made through the API, as an operator makes them."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx

from bench.instance import RunningInstance
from parvis.errors import CannotProceed
from services.kit.database import Database
from services.ticketing.entry.devices.actions import create_device

SLOTS = 50
SLOTS_PER_DAY = 10
# More than any run can sell; the API allows 100,000 places per slot.
ENDLESS_PLACES = 1_000_000_000
# What one order may hold.
TICKETS_PER_ORDER_MAX = 500
BUYERS = 16
CUSTOMER = {"name": "Ada Lovelace", "email": "ada@example.org", "language": "en"}


@dataclass(frozen=True)
class Offer:
    """Free of charge. Its slots start between the two dates, both included."""

    id: str
    tariff_id: str
    slot_ids: list[str]
    first_date: str
    last_date: str


@dataclass(frozen=True)
class Museum:
    """`visit` has fifty slots from tomorrow on, `today` one, whose tickets open the gate now. None ever sells out."""

    id: UUID
    slug: str
    admin_key: str
    device_token: str
    gate_id: str
    venue_id: str
    visit: Offer
    today: Offer

    @property
    def path(self) -> str:
        return f"/v1/establishments/{self.slug}"


async def found_museums(instance: RunningInstance, count: int = 1) -> list[Museum]:
    async with httpx.AsyncClient(base_url=instance.url, trust_env=False, timeout=60) as http:
        return [await _found(instance, http) for _ in range(count)]


async def make_offer(instance: RunningInstance, museum: Museum, capacity: int) -> Offer:
    """One more offer, with one slot tomorrow that has this many places."""
    async with httpx.AsyncClient(base_url=instance.url, trust_env=False, timeout=60) as http:
        staff = _Staff(http, museum.admin_key, museum.path)
        return await _offer(staff, museum.venue_id, "timed", _calendar(days=1, per_day=1, capacity=capacity))


async def buy_tickets(
    instance: RunningInstance, museum: Museum, count: int, *, per_order: int = TICKETS_PER_ORDER_MAX
) -> list[str]:
    """The codes of this many tickets for today."""
    sizes = [per_order] * (count // per_order) + ([count % per_order] if count % per_order else [])
    async with httpx.AsyncClient(base_url=instance.url, trust_env=False, timeout=60) as http:
        staff, turn = _Staff(http, museum.admin_key, museum.path), asyncio.Semaphore(BUYERS)

        async def buy(quantity: int) -> list[str]:
            line = {"slot_id": museum.today.slot_ids[0], "tariff_id": museum.today.tariff_id, "quantity": quantity}
            confirm = {"payment_method": "free", "customer": CUSTOMER}
            async with turn:
                order = await staff.post("/orders", {"lines": [line], "confirm": confirm})
            return [ticket["code"] for ticket in order["tickets"]]

        return [code for codes in await asyncio.gather(*map(buy, sizes)) for code in codes]


class _Staff:
    """Whoever holds this key, asking below `path`."""

    def __init__(self, http: httpx.AsyncClient, key: str, path: str) -> None:
        self._http = http
        self._headers = {"authorization": f"Bearer {key}"}
        self._path = path

    async def post(self, path: str, body: object) -> Any:  # noqa: ANN401 - JSON
        return await self._ask("POST", path, 201, body)

    async def get(self, path: str) -> Any:  # noqa: ANN401 - JSON
        return await self._ask("GET", path, 200)

    async def _ask(self, method: str, path: str, status: int, body: object = None) -> Any:  # noqa: ANN401 - JSON
        try:
            answer = await self._http.request(method, f"{self._path}{path}", json=body, headers=self._headers)
        except httpx.TransportError as error:
            raise CannotProceed(f"{method} {self._path}{path} was not answered: {error}") from error
        if answer.status_code != status:
            raise CannotProceed(f"{method} {self._path}{path} was answered {answer.status_code}: {answer.text}")
        return answer.json()


async def _found(instance: RunningInstance, http: httpx.AsyncClient) -> Museum:
    slug = f"bench-{uuid4().hex[:12]}"
    profile = {
        "slug": slug,
        "name": {"en": "Museum of Haste"},
        "country": "FR",
        "timezone": "Europe/Paris",
        "currency": "EUR",
        "languages": ["en"],
    }
    founded = await _Staff(http, instance.operator_key, "").post("/v1/establishments", profile)
    key, tenant = founded["api_key"]["secret"], UUID(founded["id"])
    staff = _Staff(http, key, f"/v1/establishments/{slug}")
    venue_body = {"name": {"en": "Palace"}, "timezone": "Europe/Paris", "gates": ["Main gate"]}
    venue = await staff.post("/venues", venue_body)
    gate_id = venue["gates"][0]["id"]
    days = SLOTS // SLOTS_PER_DAY
    visit = await _offer(staff, venue["id"], "timed", _calendar(days=days, per_day=SLOTS_PER_DAY))
    today = await _offer(staff, venue["id"], "open", _calendar_of_today())
    await _widen(instance, tenant, [*visit.slot_ids, *today.slot_ids])
    return Museum(
        id=tenant,
        slug=slug,
        admin_key=key,
        device_token=await _pair(instance, tenant, gate_id),
        gate_id=gate_id,
        venue_id=venue["id"],
        visit=visit,
        today=today,
    )


async def _offer(staff: _Staff, venue_id: str, kind: str, calendar: dict[str, object]) -> Offer:
    body = {"name": {"en": "Visit"}, "venue_id": venue_id, "kind": kind, "published": True}
    offer = await staff.post("/offers", body)
    price = {"price": {"amount": 0, "currency": "EUR"}, "vat_rate_bp": 0}
    tariff = await staff.post(f"/offers/{offer['id']}/tariffs", {"name": {"en": "Free"}, **price})
    await staff.post(f"/offers/{offer['id']}/calendars", calendar)
    first, last = str(calendar["valid_from"]), str(calendar["valid_until"])
    answer = await staff.get(f"/offers/{offer['id']}/availability?from={first}&until={last}")
    slot_ids = [slot["id"] for slot in answer["slots"]]
    return Offer(offer["id"], tariff["id"], slot_ids, first, last)


def _calendar(*, days: int, per_day: int, capacity: int = 100_000) -> dict[str, object]:
    """From tomorrow on, every hour from nine o'clock."""
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    return {
        "valid_from": tomorrow.isoformat(),
        "valid_until": (tomorrow + timedelta(days=days - 1)).isoformat(),
        "weekdays": [1, 2, 3, 4, 5, 6, 7],
        "first_start": "09:00",
        "last_start": f"{8 + per_day:02}:00",
        "every_minutes": 60,
        "duration_minutes": 60,
        "capacity": capacity,
    }


def _calendar_of_today() -> dict[str, object]:
    """One slot that is open until tomorrow night, so that midnight does not end a run."""
    day = {"first_start": "00:00", "last_start": "00:00", "every_minutes": 1440, "duration_minutes": 2880}
    today = datetime.now(UTC).date().isoformat()
    return {**_calendar(days=1, per_day=1), **day, "valid_from": today, "valid_until": today}


async def _widen(instance: RunningInstance, establishment_id: UUID, slot_ids: Sequence[str]) -> None:
    """The gauge of a slot has the id of the slot."""
    connection = await asyncpg.connect(instance.owner_url)
    try:
        await connection.execute(
            "UPDATE inventory.gauges SET capacity = $3 WHERE establishment_id = $1 AND id = ANY($2)",
            establishment_id,
            [UUID(slot_id) for slot_id in slot_ids],
            ENDLESS_PLACES,
        )
    finally:
        await connection.close()


async def _pair(instance: RunningInstance, establishment_id: UUID, gate_id: str) -> str:
    """Pairing a scanner has no route yet; the demo does the same."""
    database = Database(instance.ticketing_url, pool_size=1)
    try:
        device = await database.write(
            establishment_id,
            partial(
                create_device,
                establishment_id=establishment_id,
                name="Scanner",
                gate_ids=[UUID(gate_id)],
                mode="live",
            ),
        )
    finally:
        await database.close()
    return device.device_token
