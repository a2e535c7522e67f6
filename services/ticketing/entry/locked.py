"""What the locking read shows: tickets as they stand, and what they are judged by."""

from collections.abc import Mapping
from datetime import date, datetime
from uuid import UUID

import msgspec

from services.ticketing.catalog.queries import EntryRules
from services.ticketing.entry.rules import Direction, Outcome, Reason, TicketFacts


class LockedTicket(msgspec.Struct, frozen=True):
    """`admitted_by`: the actor of its first admission."""

    id: UUID
    number: int
    short_code: str
    status: str
    revision: int
    order_id: UUID
    slot_id: UUID
    offer_id: UUID
    tariff_id: UUID
    starts_at: datetime
    ends_at: datetime
    valid_from: datetime
    valid_until: datetime
    cancelled_at: datetime | None
    entries: int
    inside: bool
    admitted_at: datetime | None
    admitted_gate_id: UUID | None
    passed_at: datetime | None
    payment_due: bool
    admitted_by: str | None = None


class LockedOffer(msgspec.Struct, frozen=True):
    id: UUID
    name: dict[str, str]
    language: str | None
    venue_id: UUID
    timezone: str
    gauge_ids: list[UUID]
    entry: EntryRules


class LockedTariff(msgspec.Struct, frozen=True):
    id: UUID
    name: dict[str, str]
    proof: dict[str, str] | None


class Party(msgspec.Struct):
    """The valid tickets of an order on a slot; counted on while the batch admits."""

    order_id: UUID
    slot_id: UUID
    size: int
    admitted: int


class KnownScan(msgspec.Struct, frozen=True):
    """A scan that was recorded before, with the answer that it was given."""

    id: UUID
    code_hash: str
    ticket_id: UUID | None
    gate_id: UUID
    actor: str
    direction: Direction
    outcome: Outcome
    reason: Reason | None
    objection: Reason | None
    answer: str


class KnownUndo(msgspec.Struct, frozen=True):
    id: UUID
    scan_id: UUID


class Passed(msgspec.Struct, frozen=True):
    """A recorded passage of one of the tickets."""

    id: UUID
    ticket_id: UUID
    at: datetime
    gate_id: UUID
    direction: Direction
    actor: str
    conflict_with: UUID | None = None


class LockedGate(msgspec.Struct, frozen=True):
    id: UUID
    venue_id: UUID


class Occupancy(msgspec.Struct, frozen=True):
    gauge_id: UUID
    day: date
    inside: int


class Locked(msgspec.Struct, frozen=True):
    """`passages` and `undone` are complete for uploads only: what the server decides does not need them."""

    tickets: list[LockedTicket] | None = None
    offers: list[LockedOffer] | None = None
    tariffs: list[LockedTariff] | None = None
    parties: list[Party] | None = None
    scans: list[KnownScan] | None = None
    passages: list[Passed] | None = None
    undone: list[UUID] | None = None
    undos: list[KnownUndo] | None = None
    gates: list[LockedGate] | None = None
    occupancies: list[Occupancy] | None = None


class Bearings(msgspec.Struct, frozen=True):
    """What may be a second old: names, time zones of gates, and how many people a gauge lets inside."""

    gates: Mapping[UUID, str] = {}
    timezones: Mapping[UUID, str] = {}
    devices: Mapping[UUID, str] = {}
    max_inside: Mapping[UUID, int] = {}

    def gate(self, gate_id: UUID | None) -> str | None:
        return self.gates.get(gate_id) if gate_id else None

    def device(self, actor: str | None) -> str | None:
        """The name of a scanner, from the actor that it is in the books."""
        kind, _, own_id = (actor or "").partition(":")
        if kind != "device":
            return None
        try:
            return self.devices.get(UUID(own_id))
        except ValueError:
            return None


def facts_of(ticket: LockedTicket, offer: LockedOffer) -> TicketFacts:
    return TicketFacts(
        status=ticket.status,
        revision=ticket.revision,
        payment_due=ticket.payment_due,
        venue_id=offer.venue_id,
        gate_ids=offer.entry.gate_ids,
        valid_from=ticket.valid_from,
        valid_until=ticket.valid_until,
        entries_allowed=offer.entry.entries,
        re_entry=offer.entry.re_entry,
        entries=ticket.entries,
        inside=ticket.inside,
        admitted_at=ticket.admitted_at,
        admitted_gate_id=ticket.admitted_gate_id,
        passed_at=ticket.passed_at,
    )
