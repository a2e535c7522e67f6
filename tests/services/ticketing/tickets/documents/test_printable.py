import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ticketing.tickets.documents.printable import PLACEHOLDER, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("  Musée\n\td’Orsay ", "Musée d’Orsay"),
        ("e\u0301te\u0301", "été"),
        ("a\u202ecba\u2066\u200f\x00\ufeff", "acba"),
        ("a\ud800\ue000b", "ab"),
        ("Z" + "\u0336" * 40 + "z", "Z\u0336\u0336z"),
        ("🏛\ufe0f", "🏛"),
        ("", ""),
    ],
)
def test_printable_leaves_out_what_would_disturb_a_page(text: str, shown: str) -> None:
    assert printable(text, 300) == shown


def test_printable_cuts_with_an_ellipsis() -> None:
    assert printable("a" * 300, 300) == "a" * 300
    assert printable("a" * 301, 300) == "a" * 299 + "…"


def test_printable_marks_what_no_font_can_draw() -> None:
    assert printable("a漢b", 300, frozenset("漢")) == f"a{PLACEHOLDER}b"


@given(st.text(st.characters()), st.integers(1, 20))
def test_printable_is_one_short_line_without_controls(text: str, limit_characters: int) -> None:
    shown = printable(text, limit_characters)
    assert len(shown) <= limit_characters
    assert "\n" not in shown
    assert not {unicodedata.category(character) for character in shown} & {"Cc", "Cs", "Co", "Cn"}
