import base64

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.errors import Invalid
from services.kit.paging import Page, after, page


def number(value: int) -> list[str]:
    return [str(value)]


def test_page_without_a_next_one_has_no_cursor():
    assert page([1, 2], 2, number) == Page(items=[1, 2], next_cursor=None)
    assert page([], 2, number) == Page(items=[], next_cursor=None)


def test_extra_row_says_only_that_there_is_more():
    first = page([1, 2, 3], 2, number)
    assert first.items == [1, 2]
    assert after(first.next_cursor, 1) == ["2"]


def test_pages_one_after_the_other_are_the_whole_list():
    rows, seen, cursor = list(range(7)), [], None
    while True:
        start = after(cursor, 1)
        first = int(start[0]) + 1 if start else 0
        one = page(rows[first : first + 4], 3, number)
        seen.append(one.items)
        cursor = one.next_cursor
        if cursor is None:
            break
    assert seen == [[0, 1, 2], [3, 4, 5], [6]]


@given(st.lists(st.text(), min_size=1, max_size=3))
def test_cursor_gives_its_key_back_and_stands_in_a_url(key: list[str]):
    cursor = page([0, 1], 1, lambda _: key).next_cursor
    assert cursor is not None
    assert set(cursor) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert after(cursor, len(key)) == key


def test_first_page_has_no_key():
    assert after(None, 2) is None


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(value)).decode()


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "é", "====", "a b", encoded("text"), encoded([1]), encoded({"a": "b"}), encoded(["one", "two", "three"])],
)
def test_cursor_of_somebody_else_is_refused(cursor: str):
    with pytest.raises(Invalid) as refused:
        after(cursor, 2)
    assert [error.pointer for error in refused.value.errors] == ["#/cursor"]


@given(st.text(max_size=50))
def test_cursor_is_read_or_refused_whatever_it_is(cursor: str):
    try:
        key = after(cursor, 1)
    except Invalid:
        return
    assert key is not None
    assert len(key) == 1
