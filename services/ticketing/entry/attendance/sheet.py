"""Attendance as a table that spreadsheets open: one row for the day and each of its slots, gauges, gates, quarters."""

import csv
import io
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

from services.ticketing.entry.attendance.rules import QUARTER
from services.ticketing.entry.attendance.views import Attendance

COLUMNS: Final = (
    "row",
    "name",
    "from",
    "until",
    "expected",
    "admitted",
    "refused",
    "inside",
    "max_inside",
    "conflicts",
)
# By it, spreadsheets know that this is UTF-8.
BYTE_ORDER_MARK: Final = "\ufeff"
# A cell that begins so would be computed.
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
Row: TypeAlias = tuple[object, ...]


def sheet(attendance: Attendance, timezone: str, language: str) -> bytes:
    """RFC 4180. Moments are of `timezone`, names in `language` where they are known in it."""
    text = io.StringIO(BYTE_ORDER_MARK, newline="")
    text.seek(0, io.SEEK_END)
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows(_rows(attendance, ZoneInfo(timezone), language))
    return text.getvalue().encode()


def _rows(attendance: Attendance, zone: ZoneInfo, language: str) -> Iterator[Row]:
    one = attendance
    yield "day", one.date, None, None, one.expected, one.admitted, one.refused, one.inside, None, one.conflicts
    for slot in one.per_slot:
        times = _wall(slot.starts_at, zone), _wall(slot.ends_at, zone)
        yield "slot", _named(slot.offer.name, language), *times, slot.expected, slot.admitted, None, None, None, None
    for gauge in one.per_gauge:
        name = _named(gauge.name, language)
        yield "gauge", name, None, None, None, None, None, gauge.inside, gauge.max_inside, None
    for gate in one.per_gate:
        yield "gate", _plain(gate.name), None, None, None, gate.admitted, gate.refused, None, None, None
    for quarter in one.arrivals:
        times = _wall(quarter.from_, zone), _wall(quarter.from_ + QUARTER, zone)
        yield "quarter_hour", None, *times, quarter.expected, quarter.admitted, None, None, None, None


def _wall(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M")


def _named(texts: Mapping[str, str], language: str) -> str:
    return _plain(texts.get(language) or next(iter(texts.values()), ""))


def _plain(name: str) -> str:
    return f"'{name}" if name.startswith(FORMULA) else name
