"""What the shop reads in the answers of the public API about what is a visitor's own: orders, places in a line."""

from datetime import date, datetime
from typing import Literal, TypeAlias
from uuid import UUID

import msgspec

from gateway.shop.answers import Money, Texts

# `date` is the name of a field below.
Day: TypeAlias = date


class Line(msgspec.Struct, frozen=True):
    slot_id: UUID
    offer_id: UUID
    tariff_id: UUID
    quantity: int
    unit_price: Money
    total: Money
    starts_at: datetime


class Customer(msgspec.Struct, frozen=True):
    name: str
    email: str


class Payment(msgspec.Struct, frozen=True):
    method: str
    status: str
    amount: Money
    refunded: Money
    url: str | None = None


class TicketSlot(msgspec.Struct, frozen=True):
    id: UUID
    offer_id: UUID
    starts_at: datetime


class TicketTariff(msgspec.Struct, frozen=True):
    id: UUID
    name: Texts


class Ticket(msgspec.Struct, frozen=True):
    id: UUID
    number: int
    short_code: str
    status: Literal["valid", "cancelled"]
    slot: TicketSlot
    tariff: TicketTariff
    price: Money
    admitted_at: datetime | None
    waived_at: datetime | None = None

    @property
    def is_usable(self) -> bool:
        return self.status == "valid" and self.admitted_at is None


class Order(msgspec.Struct, frozen=True):
    id: UUID
    reference: str
    status: Literal["held", "awaiting_payment", "confirmed", "cancelled", "expired"]
    created_at: datetime
    expires_at: datetime | None
    extended: bool
    customer: Customer | None
    lines: list[Line]
    total: Money
    payment: Payment | None
    tickets: list[Ticket]
    access_token: str = ""

    @property
    def valid_tickets(self) -> list[Ticket]:
        return [ticket for ticket in self.tickets if ticket.status == "valid"]


class WaitedLine(msgspec.Struct, frozen=True):
    tariff_id: UUID
    quantity: int


class OfferedOrder(msgspec.Struct, frozen=True):
    id: UUID
    slot_id: UUID
    expires_at: datetime | None
    access_token: str = ""


class Entry(msgspec.Struct, frozen=True):
    """A place in a waiting line. `token` only when it was just made."""

    id: UUID
    status: Literal["waiting", "offered", "taken", "expired", "left", "over"]
    offer_id: UUID
    slot_id: UUID | None
    date: Day
    lines: list[WaitedLine]
    places: int
    email: str
    position: int | None
    order: OfferedOrder | None
    token: str = ""
