import time
from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.errors import Invalid, NotFound
from services.kit.ids import body_id, derived_id, new_id, path_id

PARTS = st.lists(st.one_of(st.text(), st.binary(), st.uuids()), min_size=1, max_size=4)


def test_new_id_is_a_uuid_of_version_7():
    made = [new_id() for _ in range(1000)]
    assert {(made_id.version, made_id.variant) for made_id in made} == {(7, RFC_4122)}
    assert len(set(made)) == 1000


def test_new_id_carries_the_millisecond_it_was_made_in():
    before = time.time_ns() // 1_000_000
    milliseconds = new_id().int >> 80
    assert before <= milliseconds <= time.time_ns() // 1_000_000


def test_new_ids_sort_by_the_time_of_their_making():
    made = []
    for _ in range(5):
        made.append(new_id())
        time.sleep(0.002)
    assert sorted(made) == made


def test_new_id_is_random_in_all_its_other_bits():
    everything = 2**128 - 1
    # The moment has 48 bits and twelve finer ones behind the version.
    random_bits = everything & ~int("f" * 16 + "c" + "0" * 15, 16)
    ever_one = ever_zero = 0
    for _ in range(200):
        value = new_id().int
        ever_one, ever_zero = ever_one | value, ever_zero | (everything & ~value)
    assert ever_one & random_bits == random_bits
    assert ever_zero & random_bits == random_bits


def test_derived_id_is_known_for_ever():
    # Holds, payments and refunds are named so: another value would make a repeated step a second one.
    assert derived_id("order", UUID(int=1), b"\x00\xff") == UUID("dfdd8d72-5c48-8f39-82bf-808012dd0341")


@given(PARTS)
def test_derived_id_depends_on_its_parts_alone(parts: list[str | bytes | UUID]):
    first = derived_id(*parts)
    assert first == derived_id(*parts)
    assert (first.version, first.variant) == (8, RFC_4122)


@given(PARTS, PARTS)
def test_derived_ids_of_other_parts_differ(left: list[str | bytes | UUID], right: list[str | bytes | UUID]):
    same = [_bytes(part) for part in left] == [_bytes(part) for part in right]
    assert (derived_id(*left) == derived_id(*right)) is same


def test_derived_id_keeps_its_parts_apart():
    assert derived_id("ab", "c") != derived_id("a", "bc")
    assert derived_id("a") != derived_id("a", "")


def test_text_that_is_no_id_names_nothing():
    wanted = new_id()
    assert path_id(str(wanted)) == wanted
    assert body_id(str(wanted), "/slot_id") == wanted
    for text in ("", "42", "not-a-uuid", f"{wanted}0"):
        with pytest.raises(NotFound):
            path_id(text)
        with pytest.raises(Invalid) as refused:
            body_id(text, "/slot_id")
        assert [error.pointer for error in refused.value.errors] == ["#/slot_id"]


def _bytes(part: str | bytes | UUID) -> bytes:
    if isinstance(part, UUID):
        return part.bytes
    return part.encode() if isinstance(part, str) else part
