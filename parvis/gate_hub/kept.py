"""What the hub writes down."""

from datetime import datetime
from typing import Literal, TypeAlias
from uuid import UUID

import msgspec

from services.ticketing.entry.rules import Direction, Outcome, Reason

# `new`: not on the disk yet. `acknowledged`: the instance has it. `included`: and its entry pass shows it. `invalid`:
# the instance cannot record it, which sending it again would not change.
State: TypeAlias = Literal["new", "pending", "acknowledged", "included", "invalid"]


class KeptScan(msgspec.Struct, kw_only=True):
    """A scan as it was decided, here or by a scanner that was alone.

    `code` is forgotten once the instance has it; `code_hash` (hexadecimal) tells whether an id is used twice. `by`:
    who scanned, `device:<id>` or `token:<name>`; `device` is the name of it. `slot_id` and `tariff_id` are those of
    the code. `answer`: what the scanner was answered, as JSON.
    """

    id: UUID
    code: str
    code_hash: str
    ticket_id: UUID | None
    slot_id: UUID | None
    tariff_id: UUID | None
    revision: int | None
    gate_id: UUID
    by: str
    device: str
    direction: Direction
    at: datetime
    outcome: Outcome
    reason: Reason | None
    override_reason: str | None
    answer: str = ""
    state: State = "new"


class KeptUndo(msgspec.Struct, kw_only=True):
    id: UUID
    scan_id: UUID
    reason: str
    by: str
    at: datetime
    state: State = "new"


Kept: TypeAlias = KeptScan | KeptUndo


class Place(msgspec.Struct, frozen=True):
    """One entry pass: a venue on a day (`2027-05-01`)."""

    venue_id: UUID
    date: str
