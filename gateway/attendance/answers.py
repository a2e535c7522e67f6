"""What the page reads in the answers of the public API."""

from datetime import date, datetime
from uuid import UUID

import msgspec

from gateway.shop.answers import Texts


class Offer(msgspec.Struct, frozen=True):
    name: Texts


class Slot(msgspec.Struct, frozen=True):
    offer: Offer
    starts_at: datetime
    ends_at: datetime
    expected: int
    admitted: int


class Gate(msgspec.Struct, frozen=True):
    name: str
    admitted: int
    refused: int


class Gauge(msgspec.Struct, frozen=True):
    gauge_id: UUID
    name: Texts
    inside: int
    max_inside: int


class Quarter(msgspec.Struct, frozen=True):
    from_: datetime = msgspec.field(name="from")
    admitted: int
    expected: int


class Attendance(msgspec.Struct, frozen=True):
    date: date
    expected: int
    admitted: int
    refused: int
    inside: int
    conflicts: int
    per_slot: list[Slot]
    per_gate: list[Gate]
    per_gauge: list[Gauge]
    arrivals: list[Quarter]


class Scan(msgspec.Struct, frozen=True):
    at: datetime
    gate: str | None
    device: str | None


class Conflict(msgspec.Struct, frozen=True):
    kind: str
    ticket_number: int | None
    scan: Scan
    earlier: Scan | None


class Conflicts(msgspec.Struct, frozen=True):
    items: list[Conflict]
