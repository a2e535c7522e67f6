"""Who may pass a gate: pure decisions, the same for a scan made now and for one that a device reports later."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias
from uuid import UUID

import msgspec

Direction: TypeAlias = Literal["in", "out"]
Outcome: TypeAlias = Literal["admitted", "refused"]
Reason: TypeAlias = Literal[
    "unknown_ticket",
    "forged",
    "wrong_establishment",
    "wrong_gate",
    "too_early",
    "too_late",
    "already_admitted",
    "cancelled",
    "not_paid",
    "full_inside",
]

# A device whose clock is further off than this does not know what time it is.
TRUSTED_CLOCK_DIFFERENCE: Final = timedelta(minutes=5)


class TicketFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What admission depends on. Valid from `valid_from` until just before `valid_until`, at gates of `venue_id`.

    `payment_due`: its order is to be paid at the counter and was not yet.
    """

    status: str
    revision: int
    payment_due: bool
    venue_id: UUID
    valid_from: datetime
    valid_until: datetime
    admitted_at: datetime | None
    admitted_gate_id: UUID | None


class Passage(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody at a gate. `device_gate_ids` None: the device is not bound to gates.

    `revision` is that of the code shown, None when the short code was typed: a short code outlives revisions.
    """

    gate_id: UUID
    venue_id: UUID
    device_gate_ids: frozenset[UUID] | None
    at: datetime
    direction: Direction
    revision: int | None


class Earlier(msgspec.Struct, frozen=True):
    """When and where the ticket was admitted before."""

    at: datetime
    gate_id: UUID | None


class Verdict(msgspec.Struct, frozen=True):
    """`reason` is None exactly when the outcome is `admitted`."""

    outcome: Outcome
    reason: Reason | None = None
    earlier: Earlier | None = None


ADMITTED: Final = Verdict("admitted")


def refused(reason: Reason, earlier: Earlier | None = None) -> Verdict:
    return Verdict("refused", reason, earlier)


def decide(ticket: TicketFacts, passage: Passage) -> Verdict:
    """Refused for the first objection that holds."""
    reason = next((reason for reason, holds in _objections(ticket, passage) if holds), None)
    if reason is None:
        return ADMITTED
    if reason == "already_admitted" and ticket.admitted_at is not None:
        return refused(reason, Earlier(ticket.admitted_at, ticket.admitted_gate_id))
    return refused(reason)


def _objections(ticket: TicketFacts, passage: Passage) -> Iterator[tuple[Reason, bool]]:
    """In order of weight: what staff cannot mend comes first, the clock last."""
    bound = passage.device_gate_ids
    elsewhere = ticket.venue_id != passage.venue_id or (bound is not None and passage.gate_id not in bound)
    if passage.direction == "out":
        # Nobody is kept inside: not by the hour, nor by what happened to the ticket meanwhile.
        yield "wrong_gate", elsewhere
        return
    exchanged = passage.revision is not None and passage.revision < ticket.revision
    yield "cancelled", ticket.status != "valid" or exchanged
    yield "wrong_gate", elsewhere
    yield "not_paid", ticket.payment_due
    # Before the hours: that the ticket was used is worth more to staff than that it is late.
    yield "already_admitted", ticket.admitted_at is not None
    yield "too_early", passage.at < ticket.valid_from
    yield "too_late", passage.at >= ticket.valid_until


def deciding_time(scanned_at: datetime, now: datetime, *, offline: bool) -> datetime:
    """The moment by which a scan is judged; `now` is the server's.

    Online, the device's moment counts while its clock is about right: a scan that waited for the network a little
    is not late for it. Offline it always counts, but never lies in the future.
    """
    if offline:
        return min(scanned_at, now)
    return scanned_at if abs(scanned_at - now) <= TRUSTED_CLOCK_DIFFERENCE else now
