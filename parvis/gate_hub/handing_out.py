"""The entry pass as the hub hands it out: tickets as they stand here, and cursors of its own."""

from datetime import date, datetime
from typing import Final
from uuid import UUID

from msgspec.structs import asdict, replace

from parvis.gate_hub.directory import KnownPass
from parvis.gate_hub.kept import Place
from parvis.gate_hub.memory import Changes, Memory
from services.kit.errors import Invalid
from services.ticketing.entry.passes.rules import LOAD_ANEW
from services.ticketing.entry.passes.views import EntryPass, PassGauge, PassSlot, PassTicket

TICKETS_PER_PAGE: Final = 1000
CURSOR: Final = "hub:"


def hand_out(memory: Memory, place: Place, cursor: str | None, now: datetime) -> EntryPass:
    """What changed since, a page at most. Raises `Invalid` for a cursor of another server or of an earlier run."""
    since = _since(memory, cursor)
    known = memory.directory.passes.get(place) or KnownPass()
    changes = memory.changes.get(place) or Changes()
    found = _later(changes.tickets, since)
    more = len(found) > TICKETS_PER_PAGE
    until = changes.tickets[found[TICKETS_PER_PAGE - 1]] if more else memory.count
    slots = [slot_id for slot_id in _later(changes.slots, since) if changes.slots[slot_id] <= until]
    parts = known.parts if known.parts is not None and changes.parts > since else None
    return EntryPass(
        cursor=f"{CURSOR}{memory.run}.{until}",
        more=more,
        server_time=now,
        gauges=[_gauge(memory, gauge, place.date) for gauge in known.gauges.values()],
        slots=[_slot(memory, known.slots[slot_id]) for slot_id in slots if slot_id in known.slots],
        tickets=[_ticket(memory, ticket_id) for ticket_id in found[:TICKETS_PER_PAGE]],
        **(asdict(parts) if parts is not None else {}),
    )


def _since(memory: Memory, cursor: str | None) -> int:
    if cursor is None:
        return -1
    run, _, count = cursor.removeprefix(CURSOR).partition(".")
    if not cursor.startswith(CURSOR) or run != memory.run or not count.isdecimal() or int(count) > memory.count:
        raise Invalid.field("/cursor", LOAD_ANEW)
    return int(count)


def _later(order: dict[UUID, int], since: int) -> list[UUID]:
    """Oldest first. What changed last stands last, so only that is looked at."""
    found: list[UUID] = []
    for key in reversed(order):
        if order[key] <= since:
            break
        found.append(key)
    return found[::-1]


def _ticket(memory: Memory, ticket_id: UUID) -> PassTicket:
    ticket = memory.tickets[ticket_id]
    standing = ticket.standing
    return replace(
        ticket.row,
        entries=standing.entries,
        inside=standing.inside,
        admitted_at=standing.admitted_at,
        admitted_gate_id=standing.admitted_gate_id,
        passed_at=standing.passed_at,
    )


def _slot(memory: Memory, slot: PassSlot) -> PassSlot:
    return replace(slot, admitted=slot.admitted + memory.moved[slot.id])


def _gauge(memory: Memory, gauge: PassGauge, day: str) -> PassGauge:
    return replace(gauge, inside=max(0, gauge.inside + memory.moved[gauge.id, date.fromisoformat(day)]))
