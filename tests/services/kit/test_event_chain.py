"""The hash chain: whatever is changed, removed or put elsewhere in a log is found."""

from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.event_chain import GENESIS, ChainedEvent, broken_links, event_hash

WORDS = st.text(max_size=20)
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - in UTC
DRAFTS = st.lists(st.tuples(WORDS, WORDS, MOMENTS, WORDS), min_size=2, max_size=6)
DIGESTS = st.binary(min_size=32, max_size=32)
OTHER_VALUES = {
    "sequence": st.integers(0, 2**62),
    "type": WORDS,
    "subject": WORDS,
    "payload": WORDS,
    "occurred_at": MOMENTS,
    "previous_hash": DIGESTS,
    "hash": DIGESTS,
}


def event(
    previous_hash: bytes, sequence: int, type_: str, subject: str, occurred_at: datetime, payload: str
) -> ChainedEvent:
    """With the hash that it ought to have."""
    bare = ChainedEvent(
        sequence=sequence,
        type=type_,
        subject=subject,
        payload=payload,
        occurred_at=occurred_at,
        previous_hash=previous_hash,
        hash=b"",
    )
    return msgspec.structs.replace(bare, hash=event_hash(bare))


def chained(drafts: list[tuple[str, str, datetime, str]]) -> list[ChainedEvent]:
    events, previous_hash = [], GENESIS
    for sequence, draft in enumerate(drafts, start=1):
        events.append(event(previous_hash, sequence, *draft))
        previous_hash = events[-1].hash
    return events


CHAINS = DRAFTS.map(chained)


@given(CHAINS)
def test_chain_as_written_holds(events: list[ChainedEvent]):
    assert broken_links(events) == []
    assert broken_links([]) == []


@given(CHAINS, st.data())
def test_chain_may_be_checked_in_parts(events: list[ChainedEvent], data: st.DataObject):
    cut = data.draw(st.integers(1, len(events) - 1))
    last = events[cut - 1]
    assert broken_links(events[:cut]) == []
    assert broken_links(events[cut:], previous_hash=last.hash, sequence=last.sequence) == []


@pytest.mark.parametrize("field", ChainedEvent.__struct_fields__)
@given(events=CHAINS, data=st.data())
def test_any_other_value_of_any_field_is_found(field: str, events: list[ChainedEvent], data: st.DataObject):
    index = data.draw(st.integers(0, len(events) - 1))
    before = getattr(events[index], field)
    after = data.draw(OTHER_VALUES[field].filter(lambda value: value != before))
    events[index] = msgspec.structs.replace(events[index], **{field: after})
    assert broken_links(events) != []


@given(CHAINS, st.data())
def test_event_that_was_rewritten_with_its_own_hash_is_found_by_the_next(
    events: list[ChainedEvent], data: st.DataObject
):
    index = data.draw(st.integers(0, len(events) - 2))
    forged = msgspec.structs.replace(events[index], payload=events[index].payload + " ")
    events[index] = msgspec.structs.replace(forged, hash=event_hash(forged))
    assert broken_links(events) == [f"event {events[index + 1].sequence} does not follow from the one before it"]


@given(CHAINS, st.data())
def test_removed_event_is_found(events: list[ChainedEvent], data: st.DataObject):
    # The last one is missed by whoever compares the chain with its head.
    del events[data.draw(st.integers(0, len(events) - 2))]
    assert broken_links(events) != []


@given(CHAINS, st.data())
def test_events_in_another_order_are_found(events: list[ChainedEvent], data: st.DataObject):
    shuffled = data.draw(st.permutations(events).filter(lambda order: order != events))
    assert broken_links(shuffled) != []


@given(CHAINS, st.data())
def test_event_that_stands_twice_is_found(events: list[ChainedEvent], data: st.DataObject):
    index = data.draw(st.integers(0, len(events) - 1))
    assert broken_links([*events[: index + 1], *events[index:]]) != []


def test_parts_of_an_event_cannot_pass_for_one_another():
    moment = datetime(2026, 5, 1, tzinfo=UTC)
    hashes = {
        event(GENESIS, 1, "a", "b", moment, "c").hash,
        event(GENESIS, 1, "ab", "", moment, "c").hash,
        event(GENESIS, 1, 'a","b', "", moment, "c").hash,
        event(GENESIS, 11, "a", "b", moment, "c").hash,
        event(GENESIS, 1, "a", "b", moment + timedelta(microseconds=1), "c").hash,
    }
    assert len(hashes) == 5


def test_hash_counts_the_moment_and_not_its_time_zone():
    moment = datetime(2026, 5, 1, 12, 0, 0, 123456, tzinfo=UTC)
    in_paris = moment.astimezone(timezone(timedelta(hours=2)))
    assert event(GENESIS, 1, "a", "b", moment, "c").hash == event(GENESIS, 1, "a", "b", in_paris, "c").hash


def test_hash_is_known_for_ever():
    # Logs are checked years later: another canonical form would break every one of them.
    moment = datetime(2026, 5, 1, 12, 0, 0, 123456, tzinfo=UTC)
    written = event(GENESIS, 1, "order.confirmed", "order:1", moment, '{"total_minor":1500}')
    assert written.hash.hex() == "5ffb56e0aacd2e8f016037fbf9390db1b977ae95fec346b3ad5a0446cd2a72e3"


@given(MOMENTS)
def test_every_microsecond_counts_exactly(moment: datetime):
    # A float of seconds has 53 bits; microseconds of this century fit into them only if they are rounded.
    exact = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert round(moment.timestamp() * 1_000_000) == exact
