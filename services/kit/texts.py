"""Texts in several languages, as they are written by establishments: `{"fr": "…", "en": "…"}`."""

from typing import Annotated, TypeAlias

import msgspec

Language = Annotated[str, msgspec.Meta(pattern=r"^[a-z]{2}\Z", description="ISO 639-1 code", examples=["fr"])]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]
OptionalTexts: TypeAlias = Annotated[dict[Language, Text], msgspec.Meta(max_length=10)]
Texts: TypeAlias = Annotated[dict[Language, Text], msgspec.Meta(min_length=1, max_length=10)]


def in_language(texts: dict[str, str], language: str) -> str:
    """The text in `language`, else in French, else in English, else whichever there is."""
    for candidate in (language, "fr", "en"):
        if candidate in texts:
            return texts[candidate]
    return next(iter(texts.values()), "")
