"""What is measured: each row is a kind of request, and the script of pgbench that does the same durable writes.

A new row is a function that makes requests, and one line in `ROWS`.
"""

import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count, cycle
from typing import TypeAlias
from uuid import uuid4

from bench.ground import Ground
from bench.load import http_request
from bench.museum import CUSTOMER, SLOTS, Museum, Offer, buy_tickets

QUANTITY = 2
FAMILY = 4
# Where the number of a request goes: each has an Idempotency-Key and a customer of its own.
NUMBER = b"############"


# From the ground, and how many requests are likely to be wanted; fewer than wanted end the measurement early.
Prepare: TypeAlias = Callable[[Ground, int], Awaitable[Iterator[bytes]]]


@dataclass(frozen=True)
class Row:
    """`gauges` is over how many rows the writes are spread, per establishment. `expected` stands in every success."""

    name: str
    title: str
    script: str
    prepare: Prepare
    gauges: int = 1
    expected: bytes = b""


def order_requests(museum: Museum, offer: Offer, slot_ids: list[str], *, confirm: bool = True) -> Iterator[bytes]:
    """Two free tickets in one call, from each of the slots in turn; without `confirm` they are only held."""
    makers = cycle([_order(museum, offer, slot_id, confirm=confirm) for slot_id in slot_ids])
    return (make(number) for number, make in zip(count(), makers, strict=False))


async def _orders_of_one_slot(ground: Ground, wanted: int) -> Iterator[bytes]:  # noqa: ARG001 - there is no end of them
    return _in_turn([order_requests(museum, museum.visit, museum.visit.slot_ids[:1]) for museum in ground.museums])


async def _orders_of_many_slots(ground: Ground, wanted: int) -> Iterator[bytes]:  # noqa: ARG001
    return _in_turn([order_requests(museum, museum.visit, museum.visit.slot_ids) for museum in ground.museums])


async def _holds(ground: Ground, wanted: int) -> Iterator[bytes]:  # noqa: ARG001
    return _in_turn(
        [order_requests(museum, museum.visit, museum.visit.slot_ids[1:2], confirm=False) for museum in ground.museums]
    )


async def _scans(ground: Ground, wanted: int) -> Iterator[bytes]:
    """Distinct tickets, bought for it by families of four: a gate asks once for each visitor."""
    each = -(-wanted // len(ground.museums))
    bought = [await buy_tickets(ground.instance, museum, each, per_order=FAMILY) for museum in ground.museums]
    return _in_turn([_scans_of(*one) for one in zip(ground.museums, bought, strict=True)])


async def _availability(ground: Ground, wanted: int) -> Iterator[bytes]:  # noqa: ARG001
    return cycle([_question(museum) for museum in ground.museums])


async def _pages(ground: Ground, wanted: int) -> Iterator[bytes]:  # noqa: ARG001
    return cycle([_page(museum) for museum in ground.museums])


ROWS = {
    row.name: row
    for row in (
        Row("hot", "order of 2, one hot slot", "order", _orders_of_one_slot),
        Row("spread", f"order of 2, {SLOTS} slots", "order", _orders_of_many_slots, gauges=SLOTS),
        Row("hold", "hold of 2, one hot slot", "hold", _holds),
        Row("scan", "scan of a ticket", "scan", _scans, expected=b'"admitted"'),
        Row("availability", f"availability of {SLOTS} slots", "availability", _availability),
        # What the page shows is the availability of a day, so the limit is that of the row above.
        Row("shop", "page of an offer, in the shop", "availability", _pages, expected=b"content-encoding: gzip"),
    )
}


def _in_turn(sources: list[Iterator[bytes]]) -> Iterator[bytes]:
    """One from each establishment, until one of them has none left."""
    return (request for round_ in zip(*sources, strict=False) for request in round_)


def _order(museum: Museum, offer: Offer, slot_id: str, *, confirm: bool) -> Callable[[int], bytes]:
    line = {"slot_id": slot_id, "tariff_id": offer.tariff_id, "quantity": QUANTITY}
    # Each has an address of their own: nobody is written to a thousand times an hour.
    customer = {**CUSTOMER, "email": f"visitor-{NUMBER.decode()}@example.org"}
    body: dict[str, object] = {"lines": [line], "customer": customer}
    if confirm:
        body["confirm"] = {"payment_method": "free"}
    headers = f"Idempotency-Key: {uuid4().hex}{NUMBER.decode()}\r\n"
    return _numbered(http_request("POST", f"{museum.path}/orders", body=json.dumps(body).encode(), headers=headers))


def _scans_of(museum: Museum, codes: list[str]) -> Iterator[bytes]:
    now = datetime.now(UTC).isoformat()
    headers = f"Authorization: Bearer {museum.device_token}\r\n"
    for code in codes:
        body = {"id": str(uuid4()), "code": code, "gate_id": museum.gate_id, "scanned_at": now}
        yield http_request("POST", f"{museum.path}/scans", body=json.dumps(body).encode(), headers=headers)


def _question(museum: Museum) -> bytes:
    window = f"from={museum.visit.first_date}&until={museum.visit.last_date}"
    return http_request("GET", f"{museum.path}/offers/{museum.visit.id}/availability?{window}")


def _page(museum: Museum) -> bytes:
    headers = "Accept: text/html\r\nAccept-Language: en\r\nAccept-Encoding: gzip\r\n"
    path = f"/{museum.slug}/offers/{museum.visit.id}?day={museum.visit.first_date}"
    return http_request("GET", path, headers=headers)


def _numbered(request: bytes) -> Callable[[int], bytes]:
    parts = request.split(NUMBER)
    return lambda number: (b"%012d" % number).join(parts)
