from datetime import UTC, date, datetime, timedelta, timezone
from uuid import UUID

import pytest

from services.inventory.contract import OfferKind
from services.inventory.slots.rules import SaleTerms, SoldPer, entry_window, on_sale, sales_end, shared_row_id

START = datetime(2027, 5, 1, 10, 0, tzinfo=UTC)
END = START + timedelta(hours=2)
MINUTE = timedelta(minutes=1)
GAUGE = UUID(int=7)


@pytest.mark.parametrize(
    ("kind", "minutes_before", "end"),
    [("timed", 0, START), ("timed", 30, START - 30 * MINUTE), ("open", 0, END), ("open", 30, END - 30 * MINUTE)],
)
def test_sales_end_counts_from_start_or_end(kind: OfferKind, minutes_before: int, end: datetime):
    assert sales_end(kind, START, END, minutes_before) == end


@pytest.mark.parametrize(
    ("opens_at", "published", "now", "expected"),
    [
        (None, True, START - MINUTE, True),
        (None, True, START, False),
        (None, False, START - MINUTE, False),
        (START - MINUTE, True, START - MINUTE, True),
        (START - MINUTE, True, START - 2 * MINUTE, False),
    ],
)
def test_on_sale_needs_publication_and_the_right_moment(
    opens_at: datetime | None, *, published: bool, now: datetime, expected: bool
):
    terms = SaleTerms(kind="timed", opens_at=opens_at, closes_minutes_before=0, published=published)
    assert on_sale(terms, START, END, now) is expected


@pytest.mark.parametrize(
    ("kind", "late", "until"), [("timed", 15, START + 15 * MINUTE), ("timed", None, END), ("open", 15, END)]
)
def test_entry_window_ends_by_kind(kind: OfferKind, late: int | None, until: datetime):
    assert entry_window(kind, START, END, 30, late) == (START - 30 * MINUTE, until)


def test_shared_row_is_one_for_the_same_moment_in_two_zones():
    there = START.astimezone(timezone(timedelta(hours=9)))
    assert shared_row_id(GAUGE, "slot_start", START, date(2027, 5, 1)) == shared_row_id(
        GAUGE, "slot_start", there, date(2027, 5, 1)
    )


@pytest.mark.parametrize(("per", "rows"), [("slot_start", 4), ("day", 2), ("total", 1)])
def test_shared_rows_are_as_many_as_occasions(per: SoldPer, rows: int):
    starts = [START + timedelta(hours=hours) for hours in (0, 1, 24, 25)]
    assert len({shared_row_id(GAUGE, per, start, start.date()) for start in starts}) == rows
