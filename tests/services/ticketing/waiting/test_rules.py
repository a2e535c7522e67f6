from collections import Counter
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.inventory.contract import SlotPlaces
from services.ticketing.waiting.rules import Room, Wish, offer_minutes, target_of, waiting_token

OFFER = UUID(int=1)
NOON = datetime(2027, 5, 3, 10, tzinfo=UTC)
SLOTS = [UUID(int=10 + number) for number in range(4)]


def slot(number: int = 0, free: int = 1, *, sold_until: datetime = NOON + timedelta(days=9)) -> SlotPlaces:
    return SlotPlaces(
        slot_id=SLOTS[number],
        offer_id=OFFER,
        starts_at=sold_until,
        day=date(2027, 5, 1),
        timezone="Europe/Paris",
        free=free,
        capacity=20,
        on_sale=True,
        sold_until=sold_until,
    )


def wish(number: int | None, places: int, day: int = 1) -> Wish:
    slot_id = None if number is None else SLOTS[number]
    that_day = date(2027, 5, day)
    return Wish(target_of(OFFER, that_day, slot_id), OFFER, slot_id, that_day, places)


LINES = st.lists(st.builds(wish, st.sampled_from([None, 0, 1, 2, 3]), st.integers(1, 5)), max_size=12)
FREE = st.lists(st.integers(0, 9), min_size=4, max_size=4)


@given(LINES, FREE)
def test_nobody_is_passed_over_who_would_have_fitted(line: list[Wish], free: list[int]):
    room = Room([slot(number, places) for number, places in enumerate(free)], NOON)
    taken: Counter[UUID] = Counter()
    for one in line:
        before = dict(room.free)
        got = room.slot_for(one)
        candidates = [SLOTS.index(one.slot_id)] if one.slot_id else range(4)
        fits = [SLOTS[number] for number in candidates if before[SLOTS[number]] >= one.places]
        assert (got.slot_id if got else None) == (fits[0] if fits else None)
        if got:
            room.take(got.slot_id, one.places)
            taken[got.slot_id] += one.places
    # Whoever was passed over does not fit at the end either: one walk is enough.
    assert all(room.free[id_] == places - taken[id_] >= 0 for id_, places in zip(SLOTS, free, strict=True))


@given(LINES, FREE, st.integers(1, 5))
def test_whoever_comes_later_changes_nothing_for_those_ahead(line: list[Wish], free: list[int], places: int):
    def served(people: list[Wish]) -> list[UUID | None]:
        room = Room([slot(number, here) for number, here in enumerate(free)], NOON)
        got = []
        for one in people:
            found = room.slot_for(one)
            got.append(found.slot_id if found else None)
            if found:
                room.take(found.slot_id, one.places)
        return got

    assert served([*line, wish(None, places)])[: len(line)] == served(line)


def test_slot_that_is_sold_for_minutes_only_is_no_room():
    nearly = slot(sold_until=NOON + timedelta(minutes=14))
    assert Room([nearly], NOON).slot_for(wish(0, 1)) is None


@pytest.mark.parametrize(
    ("now", "minutes"),
    [
        ("2027-05-03T10:00+02:00", 120),
        ("2027-05-03T20:59+02:00", 120),
        # Until ten in the morning.
        ("2027-05-03T21:00+02:00", 13 * 60),
        ("2027-05-04T00:30+02:00", 9 * 60 + 30),
        ("2027-05-04T07:59+02:00", 121),
        ("2027-05-04T08:00+02:00", 120),
        # The clocks go forward in this night.
        ("2027-03-27T22:00+01:00", 11 * 60),
    ],
)
def test_offer_lives_two_hours_of_the_day(now: str, minutes: int):
    assert offer_minutes(slot(), datetime.fromisoformat(now)) == minutes


@pytest.mark.parametrize(("left", "minutes"), [(180, 90), (60, 30), (30, 15), (20, 15)])
def test_offer_lives_half_of_what_is_left(left: int, minutes: int):
    assert offer_minutes(slot(sold_until=NOON + timedelta(minutes=left)), NOON) == minutes


@given(st.datetimes(datetime(2027, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC)), st.integers(15, 100_000))  # noqa: DTZ001 - hypothesis wants them so
def test_offer_ends_before_the_sale_does_and_within_a_day(now: datetime, left: int):
    assert 15 <= offer_minutes(slot(sold_until=now + timedelta(minutes=left)), now) <= min(left, 1440)


def test_token_differs_by_secret_establishment_and_entry():
    ids = [UUID(int=1), UUID(int=2)]
    tokens = {waiting_token(secret, one, other) for secret in (b"a", b"b") for one in ids for other in ids}
    assert len(tokens) == 8
    assert {len(token) for token in tokens} == {36}
