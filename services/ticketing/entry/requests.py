"""A scan as it comes in, and as it goes to the books."""

import hashlib
from datetime import datetime
from typing import Annotated, Final, TypeAlias
from uuid import UUID

import msgspec

from services.ticketing.entry.rules import Direction, Outcome, Reason

MAX_UPLOADED: Final = 500
Moment: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]
Why: TypeAlias = Annotated[str, msgspec.Meta(max_length=500)]
# Staff will point the camera at any code there is; the largest QR code holds 7,089 characters.
Code: TypeAlias = Annotated[str, msgspec.Meta(max_length=8000)]


class NewScan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`id` is made by the device: sent again, it gets the first answer again.

    `code` is the text of a QR code, or a short code as typed. With `override_reason`, staff let somebody in although
    the hour or a full gauge says no; nothing else is lifted by it.
    """

    id: UUID
    code: Code
    gate_id: UUID
    scanned_at: Moment
    direction: Direction = "in"
    offline: bool = False
    override_reason: Why | None = None


class DecidedScan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a scanner decided by itself, and did: `admitted`, and somebody passed, or `refused` for a `reason`."""

    id: UUID
    code: Code
    gate_id: UUID
    scanned_at: Moment
    outcome: Outcome
    direction: Direction = "in"
    reason: Reason | None = None
    override_reason: Why | None = None


class NewUndo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`id` is made by the device, like that of a scan."""

    id: UUID
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    undone_at: Moment


class DecidedUndo(NewUndo, frozen=True, forbid_unknown_fields=True):
    scan_id: UUID


class Upload(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """At most 500 scans and undos in all. `sent_at` by the clock that the other moments are by."""

    sent_at: Moment
    scans: Annotated[list[DecidedScan], msgspec.Meta(max_length=MAX_UPLOADED)] = []
    undos: Annotated[list[DecidedUndo], msgspec.Meta(max_length=MAX_UPLOADED)] = []


class ReadCode(msgspec.Struct, frozen=True, kw_only=True):
    """What a code names, once verified: a ticket at a revision, or a short code, or nothing for a stated reason."""

    ticket_id: UUID | None = None
    revision: int | None = None
    short_code: str | None = None
    refusal: Reason | None = None


class Decision(msgspec.Struct, frozen=True):
    """A scanner's own."""

    outcome: Outcome
    reason: Reason | None


class AskedScan(msgspec.Struct, frozen=True, kw_only=True):
    """A scan with what is known before the database is asked. `at` is the moment by which it is judged.

    `decision` None: it is for the server to decide. `may_move`: a late visitor may be given another slot first.
    """

    scan: NewScan
    code: ReadCode
    actor: str
    device_gate_ids: frozenset[UUID] | None
    at: datetime
    decision: Decision | None = None
    may_move: bool = False

    @property
    def code_hash(self) -> bytes:
        return hashlib.sha256(self.scan.code.encode()).digest()


class AskedUndo(msgspec.Struct, frozen=True, kw_only=True):
    """`kept_for_later`: the scan may still be on its way, as in an upload."""

    id: UUID
    scan_id: UUID
    reason: str
    actor: str
    at: datetime
    kept_for_later: bool = True


class Asked(msgspec.Struct, frozen=True):
    """What one transaction records: scans, and after them the undos."""

    scans: list[AskedScan]
    undos: list[AskedUndo] = []

    @property
    def needs_history(self) -> bool:
        """Do passages come in between others? What the server decides follows on all that it knows of."""
        return bool(self.undos) or any(asked.decision is not None for asked in self.scans)
