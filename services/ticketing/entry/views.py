"""Scans as the API answers them."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from services.ticketing.entry.rules import Earlier, Outcome, Reason, Verdict


class ScannedSlot(msgspec.Struct, frozen=True):
    id: UUID
    starts_at: datetime
    ends_at: datetime


class ScannedTariff(msgspec.Struct, frozen=True):
    """`proof` is what staff must ask to see, if anything."""

    id: UUID
    name: dict[str, str]
    proof: dict[str, str] | None


class ScannedOffer(msgspec.Struct, frozen=True):
    """`language`: what its tour is spoken in."""

    id: UUID
    name: dict[str, str]
    language: str | None


class Group(msgspec.Struct, frozen=True):
    """The valid tickets of the same order for the same slot."""

    size: int
    admitted: int


class ScannedTicket(msgspec.Struct, frozen=True):
    """The ticket as it stands after the scan."""

    id: UUID
    number: int
    short_code: str
    status: str
    slot: ScannedSlot
    tariff: ScannedTariff
    offer: ScannedOffer
    valid_from: datetime
    valid_until: datetime
    admitted_at: datetime | None
    admitted_gate_id: UUID | None
    entries: int
    inside: bool
    group: Group


class RebookedFrom(msgspec.Struct, frozen=True):
    """The slot that a late visitor had a ticket for."""

    slot_id: UUID
    starts_at: datetime


class ScanAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """`reason` and `earlier` tell why it was refused, and for `already_admitted` when and where that was.

    `rebooked_from` is there if the visitor was late, and was moved to the slot of the moment.
    """

    id: UUID
    outcome: Outcome
    reason: Reason | None
    ticket: ScannedTicket | None
    earlier: Earlier | None
    rebooked_from: RebookedFrom | None = None


class Contradicted(msgspec.Struct, frozen=True):
    """The scan that had admitted the ticket before; `gate` and `device` are names."""

    scan_id: UUID
    at: datetime
    gate_id: UUID
    gate: str | None
    device: str | None


class ScanConflict(msgspec.Struct, frozen=True):
    """`kind`: why the server would have refused; `earlier` for `already_admitted`."""

    kind: Reason
    earlier: Contradicted | None


class UploadedScan(msgspec.Struct, frozen=True):
    """`invalid`: it could not be recorded, for the reason in `detail`; sending it again will not help."""

    id: UUID
    outcome: Outcome | Literal["invalid"]
    reason: Reason | None = None
    conflict: ScanConflict | None = None
    detail: str | None = None


class Undone(msgspec.Struct, frozen=True):
    """`unknown_scan`: kept until the scan arrives. `not_admitted`: that scan had let nobody through. `invalid`: it
    could not be recorded, for the reason in `detail`; sending it again will not help.
    """

    id: UUID
    outcome: Literal["undone", "unknown_scan", "not_admitted", "invalid"]
    detail: str | None = None


class UploadAnswer(msgspec.Struct, frozen=True):
    scans: list[UploadedScan]
    undos: list[Undone]


class UndoAnswer(msgspec.Struct, frozen=True):
    """`not_admitted`: that scan had let nobody through."""

    id: UUID
    scan_id: UUID
    outcome: Literal["undone", "not_admitted"]


def scan_answer(
    scan_id: UUID, verdict: Verdict, ticket: ScannedTicket | None, rebooked_from: RebookedFrom | None
) -> ScanAnswer:
    return ScanAnswer(
        id=scan_id,
        outcome=verdict.outcome,
        reason=verdict.reason,
        ticket=ticket,
        earlier=verdict.earlier,
        rebooked_from=rebooked_from,
    )
