"""Scans as the hub answers them: the instance's answers, but for what an entry pass does not tell."""

from datetime import datetime
from uuid import UUID

import msgspec

from services.ticketing.entry.rules import Earlier, Outcome, Reason
from services.ticketing.entry.views import ScannedOffer, ScannedSlot, ScannedTariff


class HubTicket(msgspec.Struct, frozen=True):
    """`number` and `short_code` are sealed: known where the code itself was shown. What was sold after the last entry
    pass may be for a slot, tariff or offer that the hub does not know. `group`: orders are unknown here.
    """

    id: UUID
    number: int | None
    short_code: str | None
    status: str
    slot: ScannedSlot | None
    tariff: ScannedTariff | None
    offer: ScannedOffer | None
    valid_from: datetime | None
    valid_until: datetime | None
    admitted_at: datetime | None
    admitted_gate_id: UUID | None
    entries: int
    inside: bool
    group: None = None


class HubAnswer(msgspec.Struct, frozen=True):
    id: UUID
    outcome: Outcome
    reason: Reason | None
    ticket: HubTicket | None
    earlier: Earlier | None
    rebooked_from: None = None


class Contradicted(msgspec.Struct, frozen=True):
    """The admission that had used the ticket; `scan_id` where it came by this hub."""

    scan_id: UUID | None
    at: datetime
    gate_id: UUID | None
    gate: str | None
    device: str | None


class HubConflict(msgspec.Struct, frozen=True):
    kind: Reason
    earlier: Contradicted | None


class UploadedToHub(msgspec.Struct, frozen=True):
    id: UUID
    outcome: Outcome | str
    reason: Reason | None = None
    conflict: HubConflict | None = None
    detail: str | None = None


class UndoneAtHub(msgspec.Struct, frozen=True):
    id: UUID
    outcome: str
    detail: str | None = None


class HubUploadAnswer(msgspec.Struct, frozen=True):
    scans: list[UploadedToHub]
    undos: list[UndoneAtHub]


class Health(msgspec.Struct, frozen=True):
    """For whoever looks after the hub; nothing of visitors. `trouble` in a sentence, if there is any."""

    pending_uploads: int
    last_contact: datetime | None
    tickets_known: int
    devices_known: int
    scans_kept: int
    conflicts: int
    invalid: int
    is_online: bool
    clock_is_doubtful: bool
    trouble: str | None
