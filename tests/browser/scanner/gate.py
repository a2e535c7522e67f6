"""A museum with a gate: tickets of every fate, and scanners for its staff."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from tests.journeys.answers import Order, Slot, Slots, Ticket, read
from tests.journeys.museum import Museum
from tests.journeys.visitor import buy, line

PLACES = 400
# More than this is no order of a visitor.
PER_ORDER = 10


class Offer(msgspec.Struct, frozen=True):
    """A guided tour with room for everybody, whose tariff asks for a proof."""

    museum: Museum
    id: UUID
    tariff_id: UUID

    async def slots(self) -> list[Slot]:
        """Soonest first."""
        answer = read(await self.museum.ask("GET", f"/offers/{self.id}/availability"), Slots)
        return [slot for slot in answer.slots if slot.starts_at > datetime.now(UTC) + timedelta(minutes=1)]

    async def order(self, slot: Slot, quantity: int = 1) -> Order:
        return await buy(self.museum, line(slot, self.tariff_id, quantity))

    async def tickets(self, count: int, slot: Slot | None = None) -> list[Ticket]:
        slot = slot or (await self.slots())[0]
        orders = [await self.order(slot, min(PER_ORDER, count - sold)) for sold in range(0, count, PER_ORDER)]
        return [ticket for order in orders for ticket in order.tickets]


async def make_tour(museum: Museum, *, early_entry_minutes: int = 1440, **entry: object) -> Offer:
    """Open at once for its tickets, unless `early_entry_minutes` says otherwise. `entry`: its rules at the gate."""
    [existing] = (await museum.staff("GET", "/offers"))["items"][:1]
    gauge = await museum.staff(
        "POST", "/gauges", {"name": {"fr": "Visites"}, "capacity": PLACES * 30, "per": "day"}, status=201
    )
    gauge_ids = [gauge["id"], *entry.pop("gauge_ids", [])]  # type: ignore[misc]  # a list of ids
    body = {
        "name": {"fr": "Visite guidée", "en": "Guided tour"},
        "venue_id": existing["venue_id"],
        "kind": "timed",
        "gauge_ids": gauge_ids,
        "language": "de",
        "sales": {"early_entry_minutes": early_entry_minutes},
        "entry": entry,
        "published": True,
    }
    offer = await museum.staff("POST", "/offers", body, status=201)
    tariff = await museum.staff("POST", f"/offers/{offer['id']}/tariffs", TARIFF, status=201)
    await museum.staff("POST", f"/offers/{offer['id']}/calendars", _calendar(), status=201)
    return Offer(museum, UUID(offer["id"]), UUID(tariff["id"]))


async def new_scanner(museum: Museum, **more: object) -> dict[str, Any]:
    """A device that waits for a phone: `pairing_qr`, `pairing_code`, `id`."""
    body = {"name": "Phone 1", "gate_ids": [str(museum.gate_id), str(museum.second_gate_id)], **more}
    made: dict[str, Any] = await museum.staff("POST", "/devices", body, status=201)
    return made


TARIFF = {
    "name": {"fr": "Étudiants", "en": "Students"},
    "price": {"amount": 0, "currency": "EUR"},
    "vat_rate_bp": 1000,
    "eligibility": {"proof": {"fr": "carte d’étudiant", "en": "student card"}},
}


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
        "capacity": PLACES,
    }
