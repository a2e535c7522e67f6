"""What staff type to find somebody, and what it is compared with."""

import unicodedata
from typing import Final

from services.kit.errors import Invalid

LETTERS_MIN: Final = 3
WORDS_MAX: Final = 6
# Letters that no decomposition takes apart; `FOLDED_NAME` in the queries does the same.
_LIGATURES: Final = {"œ": "oe", "æ": "ae", "ß": "ss", "ø": "o", "ł": "l"}


def folded(text: str) -> str:
    """Lower case and without accents: `Zoë` and `ZOE` are one to whoever types in a hurry."""
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    return "".join(_LIGATURES.get(letter, letter) for letter in plain.lower())


def search_words(text: str) -> list[str]:
    """The words that a name must have, in any order. Raises `Invalid` for fewer than three letters in all."""
    words = folded(text).split()
    if sum(letter.isalnum() for word in words for letter in word) < LETTERS_MIN:
        raise Invalid.field("/q", f"Type at least {LETTERS_MIN} letters of a name or a reference.")
    return words[:WORDS_MAX]


def search_reference(text: str) -> str:
    """How the reference of an order begins, if that was typed: without hyphens and spaces, in capitals."""
    return "".join(text.split()).replace("-", "").upper().replace("U", "V")
