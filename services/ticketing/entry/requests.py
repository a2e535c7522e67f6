"""A scan as it comes in, and as it goes to the books."""

import hashlib
from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from services.ticketing.entry.rules import Direction, Reason


class NewScan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`id` is made by the device: sent again, it gets the first answer again.

    `code` is the text of a QR code, or a short code as typed.
    """

    id: UUID
    # Staff will point the camera at any code there is; the largest QR code holds 7,089 characters.
    code: Annotated[str, msgspec.Meta(max_length=8000)]
    gate_id: UUID
    scanned_at: Annotated[datetime, msgspec.Meta(tz=True)]
    direction: Direction = "in"
    offline: bool = False


class ReadCode(msgspec.Struct, frozen=True, kw_only=True):
    """What a code names, once verified: a ticket at a revision, or a short code, or nothing for a stated reason."""

    ticket_id: UUID | None = None
    revision: int | None = None
    short_code: str | None = None
    refusal: Reason | None = None


class AskedScan(msgspec.Struct, frozen=True, kw_only=True):
    """A scan with what is known before the database is asked. `at` is the moment by which it is judged."""

    scan: NewScan
    code: ReadCode
    actor: str
    device_gate_ids: frozenset[UUID] | None
    at: datetime

    @property
    def code_hash(self) -> bytes:
        return hashlib.sha256(self.scan.code.encode()).digest()
