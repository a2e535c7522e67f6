from datetime import date

import pytest

from gateway.shop.answers import Day
from gateway.shop.calendar import Cell, day_of, first_with_room, month_grid, month_of, nearest_with_room

TODAY = date(2026, 11, 22)


def day(number: int, status: str = "available", slots: int = 3) -> Day:
    return Day(date=date(2026, 12, number), status=status, remaining=5, slots=slots)


@pytest.mark.parametrize(
    ("text", "month"),
    [
        ("2026-11", date(2026, 11, 1)),
        ("2027-01", date(2027, 1, 1)),
        ("2028-11", date(2028, 11, 1)),
        ("2028-12", None),
        ("2026-10", None),
        ("2026-13", None),
        ("0000-01", None),
        ("2026-1", None),
        ("", None),
        (None, None),
    ],
)
def test_month_is_one_that_can_be_visited(text: str | None, month: date | None):
    assert month_of(text, TODAY) == month


@pytest.mark.parametrize(
    ("text", "read"), [("2026-12-05", date(2026, 12, 5)), ("2026-02-30", None), ("20261205", None), (None, None)]
)
def test_day_is_a_date(text: str | None, read: date | None):
    assert day_of(text) == read


def test_month_is_whole_weeks_from_monday_on():
    month = month_grid(date(2026, 12, 1), [day(1), day(2, "sold_out"), day(3, slots=0)], date(2026, 12, 1), TODAY)

    assert [len(week) for week in month.weeks] == [7] * 5
    assert month.weeks[0] == [
        None,
        Cell(date(2026, 12, 1), "available", 5, is_chosen=True),
        Cell(date(2026, 12, 2), "sold_out", 5, is_chosen=False),
        *(Cell(date(2026, 12, number), "none", 0, is_chosen=False) for number in (3, 4, 5, 6)),
    ]
    assert month.weeks[-1][3:] == [Cell(date(2026, 12, 31), "none", 0, is_chosen=False), None, None, None]
    assert (month.before, month.after) == (date(2026, 11, 1), date(2027, 1, 1))


def test_nobody_leafs_into_the_past():
    assert month_grid(date(2026, 11, 1), [], None, TODAY).before is None


def test_nearest_days_are_those_with_room_in_their_order():
    days = [day(1), day(8), day(9, "closed"), day(10, "sold_out"), day(11, "limited"), day(14), day(30)]

    assert first_with_room(days[2:]) == date(2026, 12, 11)
    assert nearest_with_room(days, date(2026, 12, 10)) == [date(2026, 12, number) for number in (1, 8, 11, 14)]
