"""A client that applies deltas ends with what one that loads anew is given, whatever happens meanwhile."""

import asyncio
import random
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import msgspec
import pytest

from tests.journeys.answers import Order, Slot, Ticket
from tests.journeys.museum import Museum
from tests.journeys.visitor import buy, cancel, exchange, line
from tests.services.ticketing.entry.at_the_gate import Scanner, paired_scanner
from tests.services.ticketing.entry.passes.phone import Phone

PARIS = ZoneInfo("Europe/Paris")
DEEDS_PER_PERSON = 20
SEEDS = (1, 2, 3, 4)


class Crowd(msgspec.Struct):
    """Visitors, cashiers and gates of one museum, who do whatever chance says; none waits for another."""

    museum: Museum
    scanner: Scanner
    slots: list[Slot]
    chance: random.Random
    orders: list[Order] = []
    scanned: list[str] = []
    done: set[str] = set()

    async def person(self) -> None:
        deeds = (
            self.sell,
            self.sell,
            self.move,
            self.pay_later,
            self.end,
            self.move,
            self.scan,
            self.scan,
            self.upload,
            self.undo,
        )
        for _ in range(DEEDS_PER_PERSON):
            deed = self.chance.choice(deeds)
            if await deed():
                self.done.add(deed.__name__)

    async def sell(self) -> bool:
        wanted = line(self.chance.choice(self.slots), self.museum.free_id, self.chance.randint(1, 2))
        body = {
            "lines": [wanted],
            "confirm": {"payment_method": "free", "customer": {"name": "A B", "email": "a@b.eu"}},
        }
        response = await self.museum.ask("POST", "/orders", body)
        if response.status_code == 201:
            self.orders.append(msgspec.json.decode(response.content, type=Order))
        return response.status_code == 201

    async def pay_later(self) -> bool:
        if self.chance.random() < 0.5 or not (owing := [order for order in self.orders if order.total.amount]):
            response = await self.museum.ask(
                "POST",
                "/orders",
                {
                    "lines": [line(self.chance.choice(self.slots), self.museum.full_id)],
                    "confirm": {"payment_method": "on_site", "customer": {"name": "A B", "email": "a@b.eu"}},
                },
            )
            if response.status_code == 201:
                self.orders.append(msgspec.json.decode(response.content, type=Order))
            return False
        path = f"/orders/{self.chance.choice(owing).id}/payments"
        return (await self.museum.ask("POST", path, {"means": "cash"}, key=self.museum.admin_key)).status_code == 201

    async def end(self) -> bool:
        if not self.orders:
            return False
        order = self.chance.choice(self.orders[-3:])
        return (await cancel(self.museum, order, self.ticket(order).id)).status_code == 200

    async def move(self) -> bool:
        if not self.orders:
            return False
        # One of the last, which is not scanned yet.
        place = len(self.orders) - self.chance.randint(1, min(3, len(self.orders)))
        order = self.orders[place]
        response = await exchange(self.museum, order, self.chance.choice(self.slots), self.ticket(order).id)
        if response.status_code == 200:
            moved = msgspec.json.decode(response.content, type=Order)
            self.orders[place] = msgspec.structs.replace(moved, access_token=order.access_token)
        return response.status_code == 200

    async def scan(self) -> bool:
        if not self.orders:
            return False
        response = await self.scanner.ask("POST", "/scans", self.scan_of(datetime.now(UTC)))
        self.scanned.append(response.json()["id"])
        return bool(response.json()["outcome"] == "admitted")

    async def upload(self) -> bool:
        """Decided by a scanner without network, some while ago."""
        if not self.orders:
            return False
        ago = [timedelta(seconds=self.chance.randint(1, 600)) for _ in range(self.chance.randint(1, 4))]
        scans = [{**self.scan_of(datetime.now(UTC) - one), "outcome": "admitted"} for one in ago]
        self.scanned += [str(scan["id"]) for scan in scans]
        body = {"sent_at": datetime.now(UTC).isoformat(), "scans": scans, "undos": []}
        response = await self.scanner.ask("POST", "/scans/batch", body)
        assert response.status_code == 200, response.text
        return True

    async def undo(self) -> bool:
        if not self.scanned:
            return False
        body = {"id": str(uuid4()), "reason": "By mistake", "undone_at": datetime.now(UTC).isoformat()}
        path = f"/scans/{self.chance.choice(self.scanned)}/undo"
        return (await self.scanner.ask("POST", path, body)).status_code == 200

    def scan_of(self, at: datetime) -> dict[str, Any]:
        return {
            "id": str(uuid4()),
            "code": self.ticket(self.chance.choice(self.orders)).code,
            "gate_id": self.scanner.gate_id,
            "scanned_at": at.isoformat(),
            "direction": self.chance.choice(("in", "in", "out")),
        }

    def ticket(self, order: Order) -> Ticket:
        return self.chance.choice(order.tickets)


@pytest.mark.parametrize("seed", SEEDS)
async def test_deltas_miss_nothing(selling_museum: Museum, seed: int):
    museum = selling_museum
    entry = {"entries": 2, "re_entry": True}
    gauge = {"name": {"fr": "Crypte"}, "capacity": 4, "per": "inside"}
    gauge_id = (await museum.staff("POST", "/gauges", gauge, status=201))["id"]
    await museum.staff("PATCH", f"/offers/{museum.offer_id}", {"entry": entry, "gauge_ids": [gauge_id]})
    tomorrow = datetime.now(PARIS).date() + timedelta(days=1)
    # Of tomorrow and of the day after, so that exchanges lead out of a day too.
    slots = (await slots_of(museum, tomorrow))[:4] + (await slots_of(museum, tomorrow + timedelta(days=1)))[:2]
    scanner = await paired_scanner(museum)
    crowd = Crowd(museum, scanner, slots, random.Random(seed))  # noqa: S311 - repeatable, and no secret
    phones = [Phone(scanner, (tomorrow + timedelta(days=days)).isoformat()) for days in (0, 0, 1)]
    busy = asyncio.gather(*(crowd.person() for _ in range(4)))
    polls = 0
    while not busy.done():
        # The last phone seldom asks.
        await asyncio.gather(*(phone.ask() for phone in phones[: 3 if polls % 10 == 0 else 2]))
        polls += 1
    await busy
    for phone in phones:
        await phone.pull()
        anew = Phone(scanner, phone.date)
        await anew.pull()
        assert anew.tickets
        assert phone.knows() == anew.knows()
    assert polls > DEEDS_PER_PERSON
    assert {"sell", "end", "move", "scan", "upload", "undo"} <= crowd.done


async def test_a_lost_answer_would_be_seen(selling_museum: Museum):
    """The negative control."""
    museum = selling_museum
    tomorrow = datetime.now(PARIS).date() + timedelta(days=1)
    phone = Phone(await paired_scanner(museum), tomorrow.isoformat())
    await phone.pull()
    await buy(museum, line((await slots_of(museum, tomorrow))[0], museum.free_id))
    lost = msgspec.structs.replace(phone, tickets={}, slots={})
    await lost.pull()
    phone.cursor = lost.cursor
    await phone.pull()
    anew = Phone(phone.scanner, phone.date)
    await anew.pull()
    assert phone.knows() != anew.knows()


async def slots_of(museum: Museum, day: date) -> list[Slot]:
    return [slot for slot in await museum.slots() if slot.starts_at.astimezone(PARIS).date() == day]
