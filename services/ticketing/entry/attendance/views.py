"""Attendance of a day, as the API answers it. People are counted as admissions: a pass that comes in twice is two."""

from datetime import date, datetime
from uuid import UUID

import msgspec


class AttendedOffer(msgspec.Struct, frozen=True):
    id: UUID
    name: dict[str, str]


class SlotAttendance(msgspec.Struct, frozen=True):
    """`expected` are valid tickets, `admitted` the admissions with tickets of the slot."""

    slot_id: UUID
    offer: AttendedOffer
    starts_at: datetime
    ends_at: datetime
    expected: int
    admitted: int


class GateAttendance(msgspec.Struct, frozen=True):
    gate_id: UUID
    name: str
    admitted: int
    refused: int


class GaugeAttendance(msgspec.Struct, frozen=True):
    """How many people are inside at this moment, and how many may be."""

    gauge_id: UUID
    name: dict[str, str]
    inside: int
    max_inside: int


class QuarterHour(msgspec.Struct, frozen=True):
    """The quarter of an hour that begins at `from`. `expected` are due then: at the start of their slot, or evenly
    over the slot where one comes when one likes; tickets that are good all day are due at no hour.
    """

    from_: datetime = msgspec.field(name="from")
    admitted: int = 0
    expected: int = 0


class Attendance(msgspec.Struct, frozen=True):
    """`conflicts`: who passed and should not have, which GET scans/conflicts lists. `inside` counts tickets that were
    scanned in and not out.
    """

    date: date
    expected: int
    admitted: int
    refused: int
    inside: int
    conflicts: int
    per_slot: list[SlotAttendance]
    per_gate: list[GateAttendance]
    per_gauge: list[GaugeAttendance]
    arrivals: list[QuarterHour]
