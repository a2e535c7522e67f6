from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from services.inventory.availability.rules import (
    AvailableDay,
    OfferCount,
    SlotCount,
    Window,
    available_days,
    available_slots,
    bound,
    status,
)
from services.kit.errors import Invalid

# Already the 23rd in Paris.
NOW = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)
PARIS = ZoneInfo("Europe/Paris")


def slot(day: date, hour: int, remaining: int = 50, *, shared: int | None = None, closed: bool = False) -> SlotCount:
    starts_at = datetime(day.year, day.month, day.day, hour, tzinfo=PARIS).astimezone(UTC)
    return SlotCount(
        id=UUID(int=1),
        starts_at=starts_at,
        ends_at=starts_at + timedelta(hours=1),
        local_date=day,
        remaining=remaining,
        shared_remaining=shared,
        capacity=50,
        closed=closed,
    )


def offer(*slots: SlotCount, **terms: object) -> OfferCount:
    return OfferCount(
        **{
            "kind": "timed",
            "timezone": "Europe/Paris",
            "published": True,
            "opens_at": None,
            "closes_minutes_before": 0,
            "slots": list(slots),
            **terms,
        }
    )


def days(since: str | None, until: str | None) -> Window:
    return Window(since=bound(since, "/from"), until=bound(until, "/until"), now=NOW)


def test_status_limited_at_five_places_or_a_tenth():
    assert [status(remaining, 20) for remaining in (0, 1, 5, 6)] == ["sold_out", "limited", "limited", "available"]
    assert [status(remaining, 1000) for remaining in (100, 101)] == ["limited", "available"]


def test_window_starts_on_the_venues_today():
    assert days(None, None).dates(PARIS) == (date(2026, 11, 23), date(2026, 12, 23))
    assert days(None, None).dates(ZoneInfo("America/New_York")) == (date(2026, 11, 22), date(2026, 12, 22))


@pytest.mark.parametrize(
    ("since", "until", "pointer"),
    [
        ("2027-01-01", "2027-03-04", "#/until"),
        ("2027-01-02", "2027-01-01", "#/until"),
        ("2027-01-01T00:00:00Z", "2027-03-04T00:00:01Z", "#/until"),
        ("2027-01-01T00:00:00Z", "2027-01-01T00:00:00Z", "#/until"),
        (None, "2027-01-24", "#/until"),
        ("2027-01-01", "2199-01-01", "#/until"),
    ],
)
def test_window_refuses_too_many_days_or_none(since: str | None, until: str | None, pointer: str):
    window = days(since, until)
    with pytest.raises(Invalid) as refused:
        window.around(), window.dates(PARIS)
    assert [error.pointer for error in refused.value.errors] == [pointer]


@pytest.mark.parametrize(
    ("since", "until"),
    [
        ("2027-01-01", "2027-03-03"),
        ("2027-01-01T00:00:00Z", "2027-03-04T00:00:00Z"),
        ("2027-01-01", "2027-01-01"),
        (None, "2027-01-23"),
    ],
)
def test_window_accepts_62_days(since: str | None, until: str | None):
    window = days(since, until)
    first, last = window.around()
    assert first <= window.dates(PARIS)[0] <= window.dates(PARIS)[1] <= last


@pytest.mark.parametrize("text", ["", "2027-02-30", "tomorrow", "2027-01-01T10:00:00", "0001-01-01", "9999-12-31"])
def test_bound_refuses_what_is_no_date(text: str):
    with pytest.raises(Invalid):
        bound(text, "/from")


def test_bound_mends_a_plus_that_became_a_space():
    assert bound("2027-05-01T10:00:00 02:00", "/from") == bound("2027-05-01T08:00:00Z", "/from")


def test_slots_take_moments_exactly_and_days_whole():
    shown = offer(*(slot(date(2027, 5, 1), hour) for hour in (9, 10, 11)))
    exact = days("2027-05-01T10:00:00+02:00", "2027-05-01T11:00:00+02:00")
    assert [found.starts_at.isoformat() for found in available_slots(shown, exact)] == ["2027-05-01T10:00:00+02:00"]
    assert len(available_slots(shown, days("2027-05-01", "2027-05-01"))) == 3


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ({}, "available"),
        ({"published": False}, "closed"),
        ({"opens_at": NOW + timedelta(seconds=1)}, "closed"),
        ({"closes_minutes_before": 60 * 24 * 365}, "closed"),
    ],
)
def test_slots_are_closed_when_not_on_sale(terms: dict[str, object], expected: str):
    [found] = available_slots(offer(slot(date(2027, 5, 1), 9), **terms), days("2027-05-01", None))
    assert found.status == expected


def test_days_add_up_what_can_be_bought():
    shown = offer(
        slot(date(2027, 5, 1), 9, 30),
        slot(date(2027, 5, 1), 10, 20),
        slot(date(2027, 5, 1), 11, 50, closed=True),
        slot(date(2027, 5, 2), 9, 0),
    )
    assert available_days(shown, days("2027-05-01", "2027-05-03")) == [
        AvailableDay(date=date(2027, 5, 1), status="available", remaining=50, slots=3),
        AvailableDay(date=date(2027, 5, 2), status="sold_out", remaining=0, slots=1),
        AvailableDay(date=date(2027, 5, 3), status="closed", remaining=0, slots=0),
    ]


def test_days_count_places_that_all_slots_share_once():
    shown = offer(slot(date(2027, 5, 1), 9, 8, shared=8), slot(date(2027, 5, 1), 10, 8, shared=8))
    [day] = available_days(shown, days("2027-05-01", "2027-05-01"))
    assert (day.remaining, day.status) == (8, "limited")
