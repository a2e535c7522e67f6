"""People who buy through HTTP and do not give up: what was not answered is sent again with the same key."""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import msgspec

from tests.parvis.up_process import wait_until

SLOTS = 20
PLACES = 100_000
PAUSE_SECONDS = 0.05


class Acknowledged(msgspec.Struct, frozen=True):
    """An order as it was answered."""

    id: str
    ticket_numbers: list[int]


class Counter(msgspec.Struct, frozen=True):
    """Where one establishment sells: the prefix of its URLs, and what is needed to order."""

    url: str
    admin_key: str
    tariff_id: str
    slot_ids: list[str]


class Buyers:
    """So many at once until `stop`. `interruptions` are the requests that had to be sent again, `bugs` those answered
    in a way that nobody should be.
    """

    def __init__(self, counter: Counter, count: int) -> None:
        self.acknowledged: list[Acknowledged] = []
        self.interruptions: list[str] = []
        self.bugs: list[str] = []
        self._counter = counter
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=self._buy, args=(seed,), daemon=True) for seed in range(count)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join(timeout=30)

    def wait_for_more(self, count: int) -> float:
        """Until so many further orders were acknowledged; the seconds that it took."""
        began, wanted = time.monotonic(), len(self.acknowledged) + count
        wait_until(lambda: len(self.acknowledged) >= wanted or bool(self.bugs))
        assert not self.bugs, self.bugs
        return time.monotonic() - began

    def _buy(self, seed: int) -> None:
        choice = random.Random(seed)  # noqa: S311 - repeatable buyers, no secret
        with httpx.Client(timeout=10, trust_env=False) as http:
            while not self._ending.is_set():
                self._buy_once(http, choice)

    def _buy_once(self, http: httpx.Client, choice: random.Random) -> None:
        body = {
            "lines": [
                {
                    "slot_id": choice.choice(self._counter.slot_ids),
                    "tariff_id": self._counter.tariff_id,
                    "quantity": choice.randint(1, 3),
                }
            ],
            "confirm": {"payment_method": "free", "customer": {"name": "Ada", "email": "ada@example.org"}},
        }
        key = str(uuid4())
        while not self._ending.is_set():
            trouble = self._send(http, body, key)
            if trouble is None:
                return
            self.interruptions.append(trouble)
            time.sleep(PAUSE_SECONDS)

    def _send(self, http: httpx.Client, body: dict[str, Any], key: str) -> str | None:
        """None when it is over, else why it must be sent again."""
        try:
            response = http.post(f"{self._counter.url}/orders", json=body, headers={"idempotency-key": key})
        except httpx.TransportError as error:
            return repr(error)
        if response.status_code == httpx.codes.CREATED:
            order = response.json()
            numbers = [ticket["number"] for ticket in order["tickets"]]
            self.acknowledged.append(Acknowledged(order["id"], numbers))
            return None
        if response.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            return response.text
        if response.status_code == httpx.codes.CONFLICT and response.json()["code"] == "idempotency_in_progress":
            return response.text
        self.bugs.append(f"{response.status_code} {response.text}")
        return None


@contextmanager
def buying(counter: Counter, count: int) -> Iterator[Buyers]:
    buyers = Buyers(counter, count)
    buyers.start()
    try:
        yield buyers
    finally:
        buyers.stop()


def open_counter(url: str, slug: str, admin_key: str) -> Counter:
    """An offer with more places than anybody buys."""
    base = f"{url}/v1/establishments/{slug}"
    with httpx.Client(headers={"authorization": f"Bearer {admin_key}"}, timeout=10, trust_env=False) as http:

        def post(path: str, body: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
            response = http.post(f"{base}{path}", json=body)
            assert response.status_code == httpx.codes.CREATED, response.text
            return response.json()

        venue = post("/venues", {"name": {"fr": "Palais"}, "timezone": "Europe/Paris"})
        body = {"name": {"fr": "Visite"}, "venue_id": venue["id"], "kind": "timed", "published": True}
        offer = f"/offers/{post('/offers', body)['id']}"
        price = {"amount": 0, "currency": "EUR"}
        tariff = post(f"{offer}/tariffs", {"name": {"fr": "Gratuit"}, "price": price, "vat_rate_bp": 0})
        day = (datetime.now(UTC) + timedelta(days=10)).date().isoformat()
        calendar = {
            "valid_from": day,
            "valid_until": day,
            "weekdays": [1, 2, 3, 4, 5, 6, 7],
            "first_start": "08:00",
            "last_start": "20:00",
            "every_minutes": 30,
            "duration_minutes": 30,
            "capacity": PLACES,
        }
        post(f"{offer}/calendars", calendar)
        found = http.get(f"{base}{offer}/availability", params={"from": day}).json()["slots"]
    return Counter(base, admin_key, tariff["id"], [slot["id"] for slot in found[:SLOTS]])
