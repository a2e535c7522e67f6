from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stripe._encode import _api_encode

from parvis.stand_in.stripe.errors import StripeProblem
from parvis.stand_in.stripe.forms import Form, FormValue, parse_form

_KEYS = st.text("abcdefgh_", min_size=1, max_size=8)
_LEAVES = st.text(min_size=1, max_size=20)
_TREES = st.dictionaries(
    _KEYS,
    st.recursive(
        _LEAVES,
        lambda inner: st.one_of(st.lists(inner, min_size=1, max_size=3), st.dictionaries(_KEYS, inner, min_size=1)),
        max_leaves=12,
    ).filter(lambda tree: _depth(tree) < 7),
)


@settings(max_examples=50)
@given(_TREES)
def test_what_the_sdk_encodes_is_read_back(tree: dict[str, Any]):
    assert parse_form(_api_encode(tree)) == _without_lists(tree)


def test_empty_brackets_take_the_next_position():
    assert parse_form([("expand[]", "a"), ("expand[]", "b")]) == {"expand": {"0": "a", "1": "b"}}


def test_list_of_more_than_ten_keeps_its_order():
    form = Form(parse_form([(f"expand[{position}]", str(position)) for position in reversed(range(12))]))
    assert form.texts("expand") == [str(position) for position in range(12)]


@pytest.mark.parametrize("key", ["", "[a]", "a[b", "a]b", "a[b]c", "a" + "[b]" * 9])
def test_malformed_key_is_refused(key: str):
    with pytest.raises(StripeProblem):
        parse_form([(key, "x")])


@pytest.mark.parametrize("keys", [("a", "a[b]"), ("a[b]", "a")])
def test_text_and_object_under_one_name_are_refused(keys: tuple[str, str]):
    with pytest.raises(StripeProblem):
        parse_form([(key, "x") for key in keys])


def _depth(tree: Any) -> int:  # noqa: ANN401 (any nesting of lists and dictionaries)
    inner = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else []
    return 1 + max(map(_depth, inner), default=0)


def _without_lists(tree: Any) -> FormValue:  # noqa: ANN401 (as above)
    if isinstance(tree, list):
        tree = {str(position): value for position, value in enumerate(tree)}
    return {key: _without_lists(value) for key, value in tree.items()} if isinstance(tree, dict) else tree
