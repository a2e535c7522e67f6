"""The API's answers as far as the journeys look at them: decoding one checks that its fields are there."""

from datetime import datetime
from typing import TypeVar
from uuid import UUID

import httpx
import msgspec

from services.kit.event_chain import ChainedEvent

T = TypeVar("T")


class Money(msgspec.Struct, frozen=True):
    amount: int
    currency: str


class Slot(msgspec.Struct, frozen=True):
    id: UUID
    starts_at: datetime
    ends_at: datetime
    status: str
    remaining: int
    capacity: int


class Slots(msgspec.Struct, frozen=True):
    slots: list[Slot]


class TicketSlot(msgspec.Struct, frozen=True):
    id: UUID
    starts_at: datetime


class Ticket(msgspec.Struct, frozen=True):
    id: UUID
    number: int
    code: str
    short_code: str
    status: str
    order_id: UUID
    slot: TicketSlot
    price: Money
    valid_from: datetime
    valid_until: datetime


class Line(msgspec.Struct, frozen=True):
    slot_id: UUID
    tariff_id: UUID
    quantity: int
    total: Money


class Vat(msgspec.Struct, frozen=True):
    rate_bp: int
    gross: Money
    vat: Money


class Customer(msgspec.Struct, frozen=True):
    name: str
    email: str
    language: str


class Payment(msgspec.Struct, frozen=True):
    method: str
    status: str
    amount: Money
    refunded: Money
    url: str | None = None


class Order(msgspec.Struct, frozen=True):
    id: UUID
    reference: str
    status: str
    expires_at: datetime | None
    customer: Customer | None
    lines: list[Line]
    total: Money
    vat: list[Vat]
    payment: Payment | None
    tickets: list[Ticket]
    access_token: str = ""

    @property
    def valid_numbers(self) -> list[int]:
        return [ticket.number for ticket in self.tickets if ticket.status == "valid"]


class OrderPage(msgspec.Struct, frozen=True):
    items: list[Order]
    next_cursor: str | None


class Problem(msgspec.Struct, frozen=True):
    type: str
    title: str
    status: int
    code: str
    remaining: int | None = None


class Earlier(msgspec.Struct, frozen=True):
    at: datetime
    gate_id: UUID | None


class Scan(msgspec.Struct, frozen=True):
    id: UUID
    outcome: str
    reason: str | None
    earlier: Earlier | None


class Event(msgspec.Struct, frozen=True):
    """`payload` is the JSON text as it came: the hash covers these very characters."""

    sequence: int
    type: str
    subject: str
    payload: msgspec.Raw
    occurred_at: datetime
    previous_hash: str
    hash: str

    def chained(self) -> ChainedEvent:
        return ChainedEvent(
            sequence=self.sequence,
            type=self.type,
            subject=self.subject,
            payload=bytes(self.payload).decode(),
            occurred_at=self.occurred_at,
            previous_hash=bytes.fromhex(self.previous_hash),
            hash=bytes.fromhex(self.hash),
        )


class EventPage(msgspec.Struct, frozen=True):
    items: list[Event]
    last_sequence: int


def read(response: httpx.Response, type_: type[T], status: int = 200) -> T:
    """What came back, which must have this status."""
    assert response.status_code == status, f"{response.status_code} {response.text}"
    return msgspec.json.decode(response.content, type=type_)


def refusal(response: httpx.Response) -> tuple[int, str]:
    """Status and stable code of an answer that must be a problem."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    problem = msgspec.json.decode(response.content, type=Problem)
    assert problem.status == response.status_code
    return problem.status, problem.code
