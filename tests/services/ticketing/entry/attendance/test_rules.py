from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.inventory.contract import Gauge
from services.ticketing.catalog.queries import Catalogue, Gate, Offer, Sales, Venue
from services.ticketing.entry.attendance.rules import (
    QUARTER,
    CountedArrivals,
    CountedInGauge,
    CountedSlot,
    Counts,
    attendance,
    quarter_of,
    spread,
)
from services.ticketing.entry.attendance.sheet import sheet

NINE = datetime(2027, 5, 1, 9, tzinfo=UTC)
SLOT, OPEN_SLOT, GATE, VENUE, TIMED, OPEN, GAUGE = (UUID(int=number) for number in range(1, 8))


def catalogue(gate: str = "Porte") -> Catalogue:
    offers = {
        id_: Offer(id_, {"fr": name}, {}, VENUE, kind, [GAUGE], Sales(), published=True)
        for id_, name, kind in ((TIMED, "Visite, guidée", "timed"), (OPEN, "=Journée", "open"))
    }
    return Catalogue(offers, {}, {VENUE: Venue(VENUE, {"fr": "Palais"}, "", "Europe/Paris", [Gate(GATE, gate)])})


COUNTS = Counts(
    slots=[
        CountedSlot(OPEN_SLOT, OPEN, NINE, NINE + timedelta(hours=1), 10),
        CountedSlot(SLOT, TIMED, NINE + timedelta(minutes=20), NINE + timedelta(hours=2), 5),
        CountedSlot(UUID(int=9), TIMED, NINE, NINE + timedelta(hours=2), 0),
    ],
    arrivals=[CountedArrivals(SLOT, GATE, NINE + 5 * QUARTER, 3), CountedArrivals(OPEN_SLOT, GATE, NINE, 1)],
    gauges=[CountedInGauge(GAUGE, 4)],
    inside=4,
)
GAUGES = [Gauge(GAUGE, {"fr": "Salle"}, 20, "inside"), Gauge(UUID(int=10), {"fr": "Autre"}, 20, "inside")]


@given(st.integers(0, 10_000), st.integers(1, 200))
def test_spread_loses_nobody_and_is_even(number: int, parts: int):
    spread_out = spread(number, parts)
    assert (len(spread_out), sum(spread_out)) == (parts, number)
    assert max(spread_out) - min(spread_out) <= 1


def test_quarters_are_those_of_the_clock():
    assert quarter_of(NINE + timedelta(minutes=29, seconds=59)) == NINE + QUARTER
    assert quarter_of(NINE) == NINE


def test_arrivals_stand_against_when_people_are_due():
    """At the start of a timed slot, spread over an open one; quarters without anybody are there too."""
    now = attendance(NINE.date(), COUNTS, catalogue(), GAUGES)
    assert [(quarter.from_ - NINE, quarter.expected, quarter.admitted) for quarter in now.arrivals] == [
        (0 * QUARTER, 3, 1),
        (1 * QUARTER, 2 + 5, 0),
        (2 * QUARTER, 3, 0),
        (3 * QUARTER, 2, 0),
        (4 * QUARTER, 0, 0),
        (5 * QUARTER, 0, 3),
    ]
    assert [(slot.slot_id, slot.expected, slot.admitted) for slot in now.per_slot] == [(OPEN_SLOT, 10, 1), (SLOT, 5, 3)]
    assert [(gauge.gauge_id, gauge.inside, gauge.max_inside) for gauge in now.per_gauge] == [(GAUGE, 4, 20)]
    assert (now.expected, now.admitted) == (15, 4)


def test_tickets_for_a_whole_day_are_due_at_no_hour():
    all_day = CountedSlot(OPEN_SLOT, OPEN, NINE, NINE + timedelta(hours=24), 10)
    now = attendance(NINE.date(), Counts(slots=[all_day]), catalogue(), GAUGES)
    assert (now.expected, now.arrivals) == (10, [])


def test_sheet_is_read_by_spreadsheets_and_computes_nothing():
    now = attendance(NINE.date(), COUNTS, catalogue(gate="@SUM(A1)"), GAUGES)
    lines = sheet(now, "Europe/Paris", "en").decode("utf-8-sig").splitlines()
    assert lines[:6] == [
        "row,name,from,until,expected,admitted,refused,inside,max_inside,conflicts",
        "day,2027-05-01,,,15,4,0,4,,0",
        "slot,'=Journée,2027-05-01 11:00,2027-05-01 12:00,10,1,,,,",
        'slot,"Visite, guidée",2027-05-01 11:20,2027-05-01 13:00,5,3,,,,',
        "gauge,Salle,,,,,,4,20,",
        "gate,'@SUM(A1),,,,4,0,,,",
    ]
    assert lines[6:8] == [
        "quarter_hour,,2027-05-01 11:00,2027-05-01 11:15,3,1,,,,",
        "quarter_hour,,2027-05-01 11:15,2027-05-01 11:30,7,0,,,,",
    ]
    assert len(lines) == 6 + 6
