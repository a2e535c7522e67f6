"""The entry pass: what a scanner needs to decide by itself."""

from datetime import datetime
from uuid import UUID

import msgspec


class PassEstablishment(msgspec.Struct, frozen=True):
    id: UUID
    slug: str
    name: dict[str, str]
    timezone: str
    languages: list[str]


class PassKey(msgspec.Struct, frozen=True):
    """Verifies codes; `public_key` is raw Ed25519 in base64url."""

    key_id: int
    public_key: str


class PassGate(msgspec.Struct, frozen=True):
    id: UUID
    name: str
    venue_id: UUID


class PassDevice(msgspec.Struct, frozen=True):
    """Another scanner, by whose key its messages are known, and the gates that it may stand at."""

    id: UUID
    name: str
    public_key: str
    gate_ids: list[UUID]


class PassOffer(msgspec.Struct, frozen=True):
    id: UUID
    name: dict[str, str]
    language: str | None
    venue_id: UUID
    gate_ids: list[UUID]
    entries_allowed: int | None
    re_entry: bool
    rebook_late: bool
    gauge_ids: list[UUID]


class PassTariff(msgspec.Struct, frozen=True):
    """`proof` is what staff must ask to see, if anything."""

    id: UUID
    offer_id: UUID
    name: dict[str, str]
    proof: dict[str, str] | None


class PassGauge(msgspec.Struct, frozen=True):
    """How many people are inside at this moment, and how many may be."""

    id: UUID
    name: dict[str, str]
    max_inside: int
    inside: int


class PassSlot(msgspec.Struct, frozen=True):
    """`expected` are valid tickets, `admitted` those of them that came."""

    id: UUID
    offer_id: UUID
    starts_at: datetime
    ends_at: datetime
    valid_from: datetime
    valid_until: datetime
    expected: int
    admitted: int


class PassTicket(msgspec.Struct, frozen=True):
    """`blob` tells who holds it, to whoever has its code (see `sealing`)."""

    id: UUID
    slot_id: UUID
    tariff_id: UUID
    status: str
    revision: int
    payment_due: bool
    entries: int
    inside: bool
    admitted_at: datetime | None
    admitted_gate_id: UUID | None
    passed_at: datetime | None
    short_code_hash: str
    blob: str


class StaticParts(msgspec.Struct, frozen=True):
    """What seldom changes."""

    establishment: PassEstablishment
    keys: list[PassKey]
    gates: list[PassGate]
    devices: list[PassDevice]
    offers: list[PassOffer]
    tariffs: list[PassTariff]


class EntryPass(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All tickets of a day at a venue, page by page, and then what changed: `cursor` goes on, at once if there is
    `more`. Tickets, slots and gauges replace those of the same id. The other parts are whole lists, sent with the
    first page and whenever one of them has changed.
    """

    cursor: str
    more: bool
    server_time: datetime
    gauges: list[PassGauge]
    slots: list[PassSlot]
    tickets: list[PassTicket]
    establishment: PassEstablishment | None = None
    keys: list[PassKey] | None = None
    gates: list[PassGate] | None = None
    devices: list[PassDevice] | None = None
    offers: list[PassOffer] | None = None
    tariffs: list[PassTariff] | None = None
