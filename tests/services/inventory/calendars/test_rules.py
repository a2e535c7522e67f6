from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.inventory.calendars.rules import (
    PresentSlot,
    WantedSlot,
    WeeklyRule,
    check,
    compare,
    horizon,
    occurrences,
    wanted_slots,
)
from services.kit.errors import Invalid

PARIS = ZoneInfo("Europe/Paris")
# Half-hour shifts, shifts at midnight, both hemispheres, no shifts.
ZONES = ["Europe/Paris", "Australia/Lord_Howe", "America/Santiago", "America/New_York", "Africa/Cairo", "Asia/Tokyo"]
FIRST, SECOND = UUID(int=1), UUID(int=2)


def rule(**changes: object) -> WeeklyRule:
    everyday = WeeklyRule(
        valid_from=date(2027, 1, 1),
        valid_until=None,
        weekdays=[1, 2, 3, 4, 5, 6, 7],
        first_start=time(9),
        last_start=time(17, 30),
        every_minutes=30,
        duration_minutes=60,
        capacity=50,
    )
    return msgspec.structs.replace(everyday, **changes)


def starts(rule: WeeklyRule, since: date, days: int = 1, zone: ZoneInfo = PARIS) -> list[str]:
    """Local starts with offset."""
    made = occurrences(rule, zone, since, since + timedelta(days=days))
    return [slot.starts_at.astimezone(zone).isoformat() for slot in made]


def test_occurrences_include_last_start():
    made = starts(rule(first_start=time(9), last_start=time(10)), date(2027, 1, 4))
    assert made == ["2027-01-04T09:00:00+01:00", "2027-01-04T09:30:00+01:00", "2027-01-04T10:00:00+01:00"]


def test_occurrences_stop_before_a_last_start_off_the_step():
    assert len(starts(rule(first_start=time(9), last_start=time(9, 59)), date(2027, 1, 4))) == 2


def test_occurrences_keep_local_time_when_clocks_change():
    noon = rule(first_start=time(12), last_start=time(12))
    assert starts(noon, date(2027, 3, 27), days=3) == [
        "2027-03-27T12:00:00+01:00",
        "2027-03-28T12:00:00+02:00",
        "2027-03-29T12:00:00+02:00",
    ]


def test_occurrences_shift_a_time_that_does_not_exist():
    night = rule(first_start=time(2), last_start=time(3, 30))
    # 02:00 and 02:30 do not exist on this day; shifted, they fall on 03:00 and 03:30, which are there once.
    assert starts(night, date(2027, 3, 28)) == ["2027-03-28T03:00:00+02:00", "2027-03-28T03:30:00+02:00"]


def test_occurrences_take_a_time_that_comes_twice_the_first_time():
    assert starts(rule(first_start=time(2, 30), last_start=time(2, 30)), date(2027, 10, 31)) == [
        "2027-10-31T02:30:00+02:00"
    ]


def test_occurrences_last_minutes_that_pass():
    [slot] = occurrences(
        rule(first_start=time(1, 30), last_start=time(1, 30), duration_minutes=120),
        PARIS,
        date(2027, 3, 28),
        date(2027, 3, 29),
    )
    assert slot.ends_at - slot.starts_at == timedelta(hours=2)
    assert slot.ends_at.astimezone(PARIS).isoformat() == "2027-03-28T04:30:00+02:00"


def test_occurrences_leave_out_a_day_that_never_was():
    # Samoa went from 29 to 31 December 2011.
    samoa = rule(valid_from=date(2011, 12, 29), first_start=time(10), last_start=time(10))
    assert starts(samoa, date(2011, 12, 29), days=3, zone=ZoneInfo("Pacific/Apia")) == [
        "2011-12-29T10:00:00-10:00",
        "2011-12-31T10:00:00+14:00",
    ]


@given(
    zone=st.sampled_from(ZONES),
    weekdays=st.sets(st.integers(1, 7), min_size=1),
    first=st.times(),
    last=st.times(),
    every=st.integers(5, 1440),
    duration=st.integers(5, 2880),
    since=st.dates(date(2026, 1, 1), date(2028, 12, 31)),
    days=st.integers(0, 14),
    valid=st.tuples(st.integers(-5, 10), st.integers(0, 10)),
)
def test_occurrences_hold_to_their_rule(
    zone: str,
    weekdays: set[int],
    first: time,
    last: time,
    every: int,
    duration: int,
    since: date,
    days: int,
    valid: tuple[int, int],
):
    first, last = sorted((first.replace(second=0, microsecond=0), last.replace(second=0, microsecond=0)))
    valid_from = since + timedelta(days=valid[0])
    weekly = rule(
        valid_from=valid_from,
        valid_until=valid_from + timedelta(days=valid[1]),
        weekdays=sorted(weekdays),
        first_start=first,
        last_start=last,
        every_minutes=every,
        duration_minutes=duration,
    )
    made = list(occurrences(weekly, ZoneInfo(zone), since, since + timedelta(days=days)))

    assert len({slot.starts_at for slot in made}) == len(made)
    for slot in made:
        local = slot.starts_at.astimezone(ZoneInfo(zone))
        assert slot.starts_at.tzinfo is UTC
        assert slot.local_date == local.date()
        assert slot.local_date.isoweekday() in weekdays
        assert weekly.valid_from <= slot.local_date <= weekly.valid_until
        assert since <= slot.local_date < since + timedelta(days=days)
        assert slot.ends_at - slot.starts_at == timedelta(minutes=duration)
        assert local.fold == 0
        minutes = local.hour * 60 + local.minute - first.hour * 60 - first.minute
        # On the rule's step, unless the clocks leapt over the time that was meant.
        leapt = local.utcoffset() != (local - timedelta(days=1)).utcoffset()
        assert (minutes % every == 0 and local.time() <= last) or leapt
    expected_days = [
        day
        for day in (since + timedelta(days=offset) for offset in range(days))
        if day.isoweekday() in weekdays and weekly.valid_from <= day <= weekly.valid_until
    ]
    assert sorted({slot.local_date for slot in made}) == expected_days


@given(since=st.dates(date(2026, 1, 1), date(2028, 12, 31)), first=st.integers(0, 20), second=st.integers(0, 20))
def test_occurrences_are_the_same_made_in_one_go_or_two(since: date, first: int, second: int):
    weekly = rule(valid_from=date(2026, 1, 1), weekdays=[1, 3, 6], every_minutes=60)
    middle, end = since + timedelta(days=first), since + timedelta(days=first + second)
    parts = [*occurrences(weekly, PARIS, since, middle), *occurrences(weekly, PARIS, middle, end)]
    assert parts == list(occurrences(weekly, PARIS, since, end))


@pytest.mark.parametrize(
    ("today", "end"),
    [
        (date(2026, 11, 22), date(2028, 5, 22)),
        (date(2027, 8, 31), date(2029, 2, 28)),
        (date(2026, 6, 30), date(2027, 12, 30)),
    ],
)
def test_horizon_is_eighteen_months_away(today: date, end: date):
    assert horizon(today) == end


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"valid_until": date(2026, 12, 31)}, "#/valid_until"),
        ({"valid_until": date(9999, 12, 31)}, "#/valid_until"),
        ({"valid_from": date(1, 1, 1)}, "#/valid_from"),
        ({"weekdays": [1, 1]}, "#/weekdays"),
        ({"last_start": time(8, 59)}, "#/last_start"),
        ({"every_minutes": 5, "first_start": time(0), "last_start": time(23, 55)}, "#/every_minutes"),
    ],
)
def test_check_names_the_wrong_field(changes: dict[str, object], pointer: str):
    with pytest.raises(Invalid) as refused:
        check(rule(**changes), date(2026, 11, 22))
    assert [error.pointer for error in refused.value.errors] == [pointer]


def test_check_accepts_a_busy_rule_within_the_limit():
    check(rule(), date(2026, 11, 22))


def wanted(*rules: tuple[UUID, WeeklyRule]) -> dict[datetime, WantedSlot]:
    return wanted_slots(rules, PARIS, (date(2027, 1, 4), date(2027, 1, 5)), datetime(2026, 11, 22, tzinfo=UTC))


def test_wanted_slots_take_the_first_of_two_rules():
    both = wanted(
        (FIRST, rule(first_start=time(9), last_start=time(9), capacity=1)),
        (SECOND, rule(first_start=time(9), last_start=time(9, 30), capacity=2)),
    )
    assert [(slot.calendar_id, slot.capacity) for slot in both.values()] == [(FIRST, 1), (SECOND, 2)]


def test_wanted_slots_leave_out_what_has_ended():
    four_o_clock = datetime(2027, 1, 4, 16, 0, tzinfo=UTC)
    left = wanted_slots([(FIRST, rule())], PARIS, (date(2027, 1, 4), date(2027, 1, 5)), four_o_clock)
    # The visit of half past three goes on until half past four.
    assert list(left) == [four_o_clock + timedelta(minutes=minutes) for minutes in (-30, 0, 30)]


def test_compare_finds_nothing_to_do_when_all_is_as_wanted():
    slots = wanted((FIRST, rule()))
    present = [PresentSlot(FIRST, start, slot.ends_at, FIRST, 50) for start, slot in slots.items()]
    assert compare(present, slots) == ({}, [], [])


def test_compare_tells_apart_what_changed():
    slots = wanted((FIRST, rule(first_start=time(9), last_start=time(10), capacity=20)))
    nine, half_past, ten = slots
    smaller = PresentSlot(UUID(int=10), nine, slots[nine].ends_at, FIRST, 10)
    longer = PresentSlot(UUID(int=11), half_past, slots[half_past].ends_at + timedelta(hours=1), FIRST, 20)
    gone = PresentSlot(UUID(int=12), ten + timedelta(hours=1), ten + timedelta(hours=2), FIRST, 20)
    changes = compare([smaller, longer, gone], slots)
    assert list(changes.missing) == [half_past, ten]
    assert changes.different == [(smaller, slots[nine])]
    assert changes.unwanted == [longer, gone]
