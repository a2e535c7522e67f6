"""What the counted rows of a day amount to. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Final
from uuid import UUID

import msgspec

from services.inventory.contract import Gauge
from services.ticketing.catalog.queries import Catalogue, Venue
from services.ticketing.entry.attendance.views import (
    Attendance,
    AttendedOffer,
    GateAttendance,
    GaugeAttendance,
    QuarterHour,
    SlotAttendance,
)
from services.ticketing.entry.passes.rules import Place, place_of

QUARTER: Final = timedelta(minutes=15)
# An open slot that is longer is a whole day, which says nothing of when people come.
LONGEST_SPREAD: Final = timedelta(hours=14)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class CountedSlot(msgspec.Struct, frozen=True):
    slot_id: UUID
    offer_id: UUID
    starts_at: datetime
    ends_at: datetime
    expected: int


class CountedArrivals(msgspec.Struct, frozen=True):
    """Admissions with tickets of one slot, at one gate, in the quarter of an hour that begins at `quarter`."""

    slot_id: UUID
    gate_id: UUID
    quarter: datetime
    admitted: int


class CountedAtGate(msgspec.Struct, frozen=True):
    gate_id: UUID
    refused: int


class CountedInGauge(msgspec.Struct, frozen=True):
    gauge_id: UUID
    inside: int


class Counts(msgspec.Struct, frozen=True):
    """A day of an establishment, as one look at the database found it."""

    slots: list[CountedSlot] = []
    arrivals: list[CountedArrivals] = []
    refused: list[CountedAtGate] = []
    gauges: list[CountedInGauge] = []
    inside: int = 0
    conflicts: int = 0


def places_of(establishment_id: UUID, venues: Iterable[Venue], day: date) -> list[Place]:
    """The day at each venue, by its own calendar."""
    return [place_of(establishment_id, venue.id, venue.timezone, day) for venue in venues]


def attendance(day: date, counts: Counts, catalogue: Catalogue, gauges: Sequence[Gauge]) -> Attendance:
    """`gauges` are those that count who is inside; the ones that no offer uses are left out."""
    admitted = sum(one.admitted for one in counts.arrivals)
    used = {gauge_id for offer in catalogue.offers.values() for gauge_id in offer.gauge_ids}
    inside = {one.gauge_id: one.inside for one in counts.gauges}
    return Attendance(
        date=day,
        expected=sum(slot.expected for slot in counts.slots),
        admitted=admitted,
        refused=sum(one.refused for one in counts.refused),
        inside=counts.inside,
        conflicts=counts.conflicts,
        per_slot=_per_slot(counts, catalogue),
        per_gate=_per_gate(counts, catalogue),
        per_gauge=[
            GaugeAttendance(gauge.id, gauge.name, inside.get(gauge.id, 0), gauge.capacity)
            for gauge in gauges
            if gauge.id in used
        ],
        arrivals=_arrivals(counts, catalogue),
    )


def spread(number: int, parts: int) -> list[int]:
    """As evenly as whole people go, the first as far from the beginning as the last from the end."""
    reached = [(2 * number * part + parts) // (2 * parts) for part in range(parts + 1)]
    return [after - before for before, after in pairwise(reached)]


def quarter_of(moment: datetime) -> datetime:
    """Every time zone of today is a multiple of a quarter of an hour from UTC, so this is one of each wall clock."""
    return moment - (moment - _EPOCH) % QUARTER


def _per_slot(counts: Counts, catalogue: Catalogue) -> list[SlotAttendance]:
    """Those that somebody is expected at, or came with a ticket of, in order of time."""
    admitted: Counter[UUID] = Counter()
    for one in counts.arrivals:
        admitted[one.slot_id] += one.admitted
    return [
        SlotAttendance(
            slot_id=slot.slot_id,
            offer=AttendedOffer(slot.offer_id, catalogue.offers[slot.offer_id].name),
            starts_at=slot.starts_at,
            ends_at=slot.ends_at,
            expected=slot.expected,
            admitted=admitted[slot.slot_id],
        )
        for slot in sorted(counts.slots, key=lambda slot: (slot.starts_at, slot.slot_id))
        if slot.expected or admitted[slot.slot_id]
    ]


def _per_gate(counts: Counts, catalogue: Catalogue) -> list[GateAttendance]:
    """All gates, in the order of the catalogue."""
    admitted: Counter[UUID] = Counter()
    for one in counts.arrivals:
        admitted[one.gate_id] += one.admitted
    refused = {one.gate_id: one.refused for one in counts.refused}
    return [
        GateAttendance(gate.id, gate.name, admitted[gate.id], refused.get(gate.id, 0))
        for venue in catalogue.venues.values()
        for gate in venue.gates
    ]


def _arrivals(counts: Counts, catalogue: Catalogue) -> list[QuarterHour]:
    """From the first quarter of an hour that has somebody to the last, the empty ones between too."""
    admitted: Counter[datetime] = Counter()
    for one in counts.arrivals:
        admitted[one.quarter] += one.admitted
    expected = _expected(counts.slots, catalogue)
    moments = sorted({*(+admitted), *(+expected)})
    if not moments:
        return []
    number = (moments[-1] - moments[0]) // QUARTER + 1
    quarters = (moments[0] + index * QUARTER for index in range(number))
    return [QuarterHour(at, admitted[at], expected[at]) for at in quarters]


def _expected(slots: Iterable[CountedSlot], catalogue: Catalogue) -> Counter[datetime]:
    due: Counter[datetime] = Counter()
    for slot in slots:
        first, parts = quarter_of(slot.starts_at), 1
        if catalogue.offers[slot.offer_id].kind == "open":
            if slot.ends_at - slot.starts_at > LONGEST_SPREAD:
                continue
            parts = max(-((first - slot.ends_at) // QUARTER), 1)
        for index, number in enumerate(spread(slot.expected, parts)):
            due[first + index * QUARTER] += number
    return due
