"""Who may pass a gate, and what the passages of a ticket amount to: pure, the same online and offline.

`tests/gate/cases.json` holds what `decide` answers; the scanner's JavaScript is held to the same table.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias, TypeVar
from uuid import UUID

import msgspec
from msgspec.structs import replace

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
# What a passage did: a counted admission, a return after an exit, an exit, or somebody on a copy.
Effect: TypeAlias = Literal["admitted", "readmitted", "left", "conflict"]

# A device whose clock is further off than this does not know what time it is.
TRUSTED_CLOCK_DIFFERENCE: Final = timedelta(minutes=5)
# A pass that was just let in is not let in again: it was handed back over the barrier.
PASSBACK: Final = timedelta(minutes=5)
# Below this, what a device's clock is off is its upload's time on the network.
CLOCK_JITTER: Final = timedelta(seconds=5)


class EntryFacts(msgspec.Struct, frozen=True, kw_only=True):
    """How often a ticket may pass, and where it stands. `entries_allowed` None: as often as its holder likes.

    `re_entry`: who was scanned out comes back without using another entry. `admitted_at` is the first admission,
    `passed_at` the last passage in or out.
    """

    entries_allowed: int | None = 1
    re_entry: bool = False
    entries: int = 0
    inside: bool = False
    admitted_at: datetime | None = None
    admitted_gate_id: UUID | None = None
    passed_at: datetime | None = None


class TicketFacts(EntryFacts, frozen=True, kw_only=True):
    """What admission depends on. Valid from `valid_from` until just before `valid_until`, at gates of `venue_id`;
    if `gate_ids` are named, at these only.

    `payment_due`: its order is to be paid at the counter and was not yet.
    """

    status: str
    revision: int
    payment_due: bool
    venue_id: UUID
    gate_ids: list[UUID] = []
    valid_from: datetime
    valid_until: datetime


class Passage(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody at a gate. `device_gate_ids` None: the device is not bound to gates.

    `revision` is that of the code shown, None when the short code was typed: a short code outlives revisions.
    `full`: a gauge that counts who is inside has no room. `counted_inside`: it counts this ticket already, today; None:
    whenever the ticket is inside. `override_reason`: staff let them in all the same.
    """

    gate_id: UUID
    venue_id: UUID
    device_gate_ids: frozenset[UUID] | None
    at: datetime
    direction: Direction
    revision: int | None
    full: bool = False
    counted_inside: bool | None = None
    override_reason: str | None = None


class Earlier(msgspec.Struct, frozen=True):
    """When and where the ticket was admitted before; `gate` and `device` are names."""

    at: datetime
    gate_id: UUID | None
    gate: str | None = None
    device: str | None = None


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


def objection(ticket: TicketFacts, passage: Passage) -> Reason | None:
    """Why a passage that took place should not have, copies aside: those are for the fold to find."""
    held = (reason for reason, holds in _objections(ticket, passage) if holds)
    return next((reason for reason in held if reason != "already_admitted"), None)


def _objections(ticket: TicketFacts, passage: Passage) -> Iterator[tuple[Reason, bool]]:
    """In order of weight: what staff cannot mend comes first, then what is worth most to know, the clock last."""
    if passage.direction == "out":
        # Nobody is kept inside: not by the hour, nor by what happened to the ticket meanwhile.
        yield "wrong_gate", _elsewhere(ticket, passage)
        return
    exchanged = passage.revision is not None and passage.revision < ticket.revision
    yield "cancelled", ticket.status != "valid" or exchanged
    yield "wrong_gate", _elsewhere(ticket, passage)
    yield "not_paid", ticket.payment_due
    # Before the hours: that the ticket was used is worth more to staff than that it is late.
    yield "already_admitted", _effect_of_entering(ticket, passage.at) == "conflict"
    if passage.override_reason and passage.override_reason.strip():
        return
    yield "too_early", passage.at < ticket.valid_from
    yield "too_late", passage.at >= ticket.valid_until
    # Who is counted inside already takes no more room.
    counted = ticket.inside if passage.counted_inside is None else passage.counted_inside
    yield "full_inside", passage.full and not counted


def _elsewhere(ticket: TicketFacts, passage: Passage) -> bool:
    gate, bound = passage.gate_id, passage.device_gate_ids
    of_offer = not ticket.gate_ids or gate in ticket.gate_ids
    return ticket.venue_id != passage.venue_id or not of_offer or (bound is not None and gate not in bound)


def _effect_of_entering(ticket: EntryFacts, at: datetime) -> Effect:
    if not ticket.entries:
        return "admitted"
    if ticket.re_entry and not ticket.inside:
        return "readmitted"
    if ticket.entries_allowed is not None and ticket.entries >= ticket.entries_allowed:
        return "conflict"
    handed_back = ticket.inside and ticket.passed_at is not None and at - ticket.passed_at < PASSBACK
    return "conflict" if handed_back else "admitted"


Facts = TypeVar("Facts", bound=EntryFacts)


class RecordedPassage(msgspec.Struct, frozen=True, kw_only=True):
    """A scan that let somebody through, and was not undone."""

    id: UUID
    at: datetime
    gate_id: UUID
    direction: Direction


def after(facts: Facts, passage: RecordedPassage) -> tuple[Facts, Effect]:
    """The ticket after one more passage, later than all those before. Passages happened: none is refused here."""
    effect = "left" if passage.direction == "out" else _effect_of_entering(facts, passage.at)
    counted = effect == "admitted"
    first = counted and facts.admitted_at is None
    return replace(
        facts,
        entries=facts.entries + counted,
        inside=passage.direction == "in",
        admitted_at=passage.at if first else facts.admitted_at,
        admitted_gate_id=passage.gate_id if first else facts.admitted_gate_id,
        passed_at=passage.at,
    ), effect


class Folded(msgspec.Struct, frozen=True):
    """What passages amount to. `conflicts`: the scan of each copy, and the admission that had used the right."""

    facts: EntryFacts
    effects: dict[UUID, Effect]
    conflicts: dict[UUID, UUID]


def fold(passages: Iterable[RecordedPassage], *, entries_allowed: int | None, re_entry: bool) -> Folded:
    """The same whatever the order in which the passages became known: they count by moment, then by id."""
    facts = EntryFacts(entries_allowed=entries_allowed, re_entry=re_entry)
    effects: dict[UUID, Effect] = {}
    conflicts: dict[UUID, UUID] = {}
    last_admission: UUID | None = None
    for passage in sorted(passages, key=lambda passage: (passage.at, passage.id)):
        facts, effect = after(facts, passage)
        effects[passage.id] = effect
        if effect == "admitted":
            last_admission = passage.id
        elif effect == "conflict" and last_admission is not None:
            conflicts[passage.id] = last_admission
    return Folded(facts, effects, conflicts)


def deciding_time(scanned_at: datetime, now: datetime, *, offline: bool) -> datetime:
    """The moment by which a scan is judged; `now` is the server's.

    Online, the device's moment counts while its clock is about right: a scan that waited for the network a little
    is not late for it. Offline it always counts, but never lies in the future.
    """
    if offline:
        return min(scanned_at, now)
    return scanned_at if abs(scanned_at - now) <= TRUSTED_CLOCK_DIFFERENCE else now


def clock_correction(sent_at: datetime, now: datetime) -> timedelta:
    """What to add to a device's moments: it said `sent_at` when the server's clock said `now`."""
    off = now - sent_at
    return off if abs(off) > CLOCK_JITTER else timedelta()
