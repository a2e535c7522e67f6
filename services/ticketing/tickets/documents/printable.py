"""Makes any text fit for paper: what people typed, or what somebody pasted to see what breaks."""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

PLACEHOLDER: Final = "▯"

_MARKS_IN_A_ROW: Final = 2
_VARIATION: Final = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_JOINERS: Final = "\u200c\u200d"  # Persian and the Indic scripts spell with them


def printable(text: str, limit_characters: int, unavailable: frozenset[str] = frozenset()) -> str:
    """One line that no missing glyph, direction override or tower of accents can make unreadable.

    Characters of `unavailable`, which no font can draw, become a visible placeholder.
    """
    composed = unicodedata.normalize("NFC", text[: 4 * limit_characters])
    one_line = " ".join("".join(_without_tricks(composed)).split()).strip(_JOINERS)
    drawn = "".join(PLACEHOLDER if character in unavailable else character for character in one_line)
    if len(drawn) > limit_characters:
        drawn = drawn[: limit_characters - 1].rstrip() + "…"
    return drawn


def _without_tricks(text: str) -> Iterator[str]:
    """Leaves out control, direction, unassigned and private characters, variants of glyphs, and the third accent."""
    marks = 0
    for character in text:
        if character.isspace():
            marks = 0
            yield " "
            continue
        category = unicodedata.category(character)
        marks = marks + 1 if category.startswith("M") else 0
        hidden = category.startswith("C") and character not in _JOINERS
        if marks <= _MARKS_IN_A_ROW and not hidden and not _VARIATION.match(character):
            yield character
