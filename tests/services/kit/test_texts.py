import msgspec
import pytest

from services.kit.texts import Language, OptionalTexts, Texts, in_language

NAMES = {"fr": "Musée", "en": "Museum", "de": "Museum (de)"}


@pytest.mark.parametrize(
    ("texts", "language", "expected"),
    [
        (NAMES, "de", "Museum (de)"),
        (NAMES, "es", "Museum"),
        ({"fr": "Musée", "de": "Museum (de)"}, "es", "Musée"),
        ({"en": "Museum", "de": "Museum (de)"}, "es", "Museum"),
        ({"br": "Mirdi", "eu": "Museoa"}, "fr", "Mirdi"),
        ({}, "fr", ""),
    ],
)
def test_in_language_falls_back_to_english_then_french_then_any(texts: dict[str, str], language: str, expected: str):
    assert in_language(texts, language) == expected


@pytest.mark.parametrize(
    "texts",
    [
        {},
        {"fr": ""},
        {"fr": "x" * 2001},
        {"FR": "Musée"},
        {"fra": "Musée"},
        {"fr\n": "Musée"},
        {"": "Musée"},
        {f"a{letter}": "x" for letter in "abcdefghijk"},
        {"fr": None},
    ],
)
def test_texts_that_are_not_texts_by_language_are_refused(texts: dict[str, object]):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(texts, Texts)


def test_optional_texts_may_be_empty_and_languages_are_two_letters():
    assert msgspec.convert({}, OptionalTexts) == {}
    assert msgspec.convert("fr", Language) == "fr"
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert("fr\n", Language)
