"""Texts in several languages, as they are written by establishments: `{"fr": "…", "en": "…"}`."""

from collections.abc import Mapping
from typing import Annotated, TypeAlias

import msgspec

NOT_BLANK = r"\S"
Language = Annotated[str, msgspec.Meta(pattern=r"^[a-z]{2}\Z", description="ISO 639-1 code", examples=["fr"])]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=2000, pattern=NOT_BLANK)]
OptionalTexts: TypeAlias = Annotated[dict[Language, Text], msgspec.Meta(max_length=10)]
Texts: TypeAlias = Annotated[dict[Language, Text], msgspec.Meta(min_length=1, max_length=10)]


def in_language(texts: Mapping[str, str], language: str) -> str:
    """The text in `language`, else in English, else in French, else whichever there is."""
    return texts.get(language_within(texts, language), "")


def language_within(texts: Mapping[str, str], language: str) -> str:
    """The language that `in_language` finds: whoever reads neither it nor French reads English more likely."""
    return next((candidate for candidate in (language, "en", "fr", *texts) if candidate in texts), language)
