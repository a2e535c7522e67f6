"""What the shop reads in the answers of the public API: of each resource, the fields that its pages show."""

from datetime import date, datetime
from typing import Literal, TypeAlias
from uuid import UUID

import msgspec

Texts: TypeAlias = dict[str, str]
Status: TypeAlias = Literal["available", "limited", "sold_out", "closed"]


class Money(msgspec.Struct, frozen=True):
    amount: int
    currency: str


class Profile(msgspec.Struct, frozen=True):
    id: UUID
    slug: str
    name: Texts
    country: str
    timezone: str
    currency: str
    languages: list[str]
    legal_name: str
    contact_email: str
    accent_colour: str
    payment_methods: list[str]
    hold_minutes: int
    extension_minutes: int
    cancellation_hours_before: int | None
    exchange_hours_before: int | None
    wallet_until: datetime | None = None
    google_wallet: bool = False


class Accessibility(msgspec.Struct, frozen=True):
    status: Literal["not_audited", "non_compliant", "partially_compliant", "compliant"] = "not_audited"
    audited_on: date | None = None
    auditor: str = ""
    compliance_percent: int | None = None
    not_accessible: Texts = {}
    plan_url: str = ""


class Presentation(msgspec.Struct, frozen=True):
    logo: str
    about: Texts
    opening_hours: Texts
    access: Texts
    terms: Texts
    legal_notice: Texts
    contact_phone: str
    website: str
    allowed_origins: list[str]
    accessibility: Accessibility


class Venue(msgspec.Struct, frozen=True):
    id: UUID
    name: Texts
    address: str
    timezone: str


class Offer(msgspec.Struct, frozen=True):
    id: UUID
    name: Texts
    description: Texts
    venue_id: UUID
    kind: Literal["timed", "open"]


class Eligibility(msgspec.Struct, frozen=True):
    min_age: int | None = None
    max_age: int | None = None
    proof: Texts | None = None
    accompanied_by: list[UUID] | None = None


class Tariff(msgspec.Struct, frozen=True):
    id: UUID
    name: Texts
    price: Money
    admits: int
    eligibility: Eligibility
    min_per_order: int | None
    max_per_order: int | None
    channels: list[str] | None


class Slot(msgspec.Struct, frozen=True):
    id: UUID
    starts_at: datetime
    ends_at: datetime
    status: Status
    remaining: int


class Day(msgspec.Struct, frozen=True):
    date: date
    status: Status
    remaining: int
    slots: int


class Slots(msgspec.Struct, frozen=True):
    slots: list[Slot]


class Days(msgspec.Struct, frozen=True):
    days: list[Day]


class Venues(msgspec.Struct, frozen=True):
    items: list[Venue]
    next_cursor: str | None


class Offers(msgspec.Struct, frozen=True):
    items: list[Offer]
    next_cursor: str | None


class Tariffs(msgspec.Struct, frozen=True):
    items: list[Tariff]
