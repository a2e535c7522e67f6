"""A scan as the API answers it."""

from datetime import datetime
from uuid import UUID

import msgspec

from services.ticketing.entry.rules import Earlier, Outcome, Reason, TicketFacts, Verdict
from services.ticketing.tickets.code import grouped


class TicketRow(TicketFacts, frozen=True, kw_only=True):
    """What the locking read finds: the facts of admission, and what staff see."""

    id: UUID
    number: int
    short_code: str
    slot_id: UUID
    starts_at: datetime
    ends_at: datetime
    tariff_id: UUID
    tariff_name: dict[str, str]
    proof: dict[str, str] | None


class ScannedSlot(msgspec.Struct, frozen=True):
    id: UUID
    starts_at: datetime
    ends_at: datetime


class ScannedTariff(msgspec.Struct, frozen=True):
    """`proof` is what staff must ask to see, if anything."""

    id: UUID
    name: dict[str, str]
    proof: dict[str, str] | None


class ScannedTicket(msgspec.Struct, frozen=True):
    """The ticket as it stands after the scan."""

    id: UUID
    number: int
    short_code: str
    status: str
    slot: ScannedSlot
    tariff: ScannedTariff
    valid_from: datetime
    valid_until: datetime
    admitted_at: datetime | None
    admitted_gate_id: UUID | None


class ScanAnswer(msgspec.Struct, frozen=True):
    """`reason` and `earlier` tell why it was refused, and for `already_admitted` when and where that was."""

    id: UUID
    outcome: Outcome
    reason: Reason | None
    ticket: ScannedTicket | None
    earlier: Earlier | None


def scan_answer(scan_id: UUID, verdict: Verdict, ticket: TicketRow | None) -> ScanAnswer:
    return ScanAnswer(
        id=scan_id,
        outcome=verdict.outcome,
        reason=verdict.reason,
        ticket=_scanned(ticket) if ticket else None,
        earlier=verdict.earlier,
    )


def _scanned(ticket: TicketRow) -> ScannedTicket:
    return ScannedTicket(
        id=ticket.id,
        number=ticket.number,
        short_code=grouped(ticket.short_code),
        status=ticket.status,
        slot=ScannedSlot(ticket.slot_id, ticket.starts_at, ticket.ends_at),
        tariff=ScannedTariff(ticket.tariff_id, ticket.tariff_name, ticket.proof),
        valid_from=ticket.valid_from,
        valid_until=ticket.valid_until,
        admitted_at=ticket.admitted_at,
        admitted_gate_id=ticket.admitted_gate_id,
    )
