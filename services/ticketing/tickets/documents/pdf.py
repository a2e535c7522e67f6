"""Tickets on paper: A4, one page each, PDF/UA-1 (ISO 14289-1), drawn by typst with the fonts of its wheel."""

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final

import msgspec
import typst

from services.ticketing.tickets.documents import formats
from services.ticketing.tickets.documents.document import TicketDocument
from services.ticketing.tickets.documents.page import pages

_TEMPLATE: Final = Path(__file__).with_name("ticket.typ")
_UNDRAWABLE: Final = re.compile(r"the text `(.*?)` could not be displayed", re.DOTALL)
_ESCAPED: Final = re.compile(r"\\u\{([0-9a-f]{1,5})\}")  # how typst names what cannot stand alone, like accents
_ATTEMPTS: Final = 4
_LAST_OF_LATIN_1: Final = 0xFF


def render(documents: Sequence[TicketDocument], language: str) -> bytes:
    """One PDF with a page per ticket, its wording in `language` (English if it is not one of the five).

    Holds the GIL for some 30 ms a ticket: call it through `RenderPool` wherever an event loop runs. Raises ValueError
    without documents. Whatever the names hold, a page comes out: characters that no font can draw are replaced.
    """
    if not documents:
        raise ValueError("nothing to render")
    wording = formats.supported(language)
    missing: frozenset[str] = frozenset()
    # PDF/UA forbids missing glyphs, so typst refuses the file and names those it lacks. Without them others may come to
    # light: a mark whose letter is gone, a joiner with nothing to join.
    for _ in range(_ATTEMPTS):
        try:
            return _compiled(documents, wording, missing)
        except typst.TypstError as error:
            found = _characters_without_glyph(error.diagnostic) - missing
            if not found:
                break
            missing |= found
    # Rather plain names than no ticket. If even this fails, the fault is in the template and the error is right.
    return _compiled(documents, wording, _characters_beyond_latin_1(documents))


def _compiled(documents: Sequence[TicketDocument], language: str, unavailable: frozenset[str]) -> bytes:
    content = msgspec.json.encode(pages(list(documents), language, unavailable)).decode()
    compiled = _compiler().compile(format="pdf", sys_inputs={"content": content}, pdf_standards=["ua-1"])
    if not isinstance(compiled, bytes):  # the library answers a list for formats with one file per page
        raise TypeError("typst made no PDF")
    return compiled


@cache
def _compiler() -> typst.Compiler:
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=True)
    return typst.Compiler(_TEMPLATE, root=_TEMPLATE.parent, font_paths=fonts)


def _characters_without_glyph(diagnostic: str) -> frozenset[str]:
    named = "".join(_UNDRAWABLE.findall(diagnostic))
    written = _ESCAPED.sub(lambda escape: chr(int(escape[1], 16)), named)
    return frozenset(character for character in written if not character.isascii())


def _characters_beyond_latin_1(documents: Sequence[TicketDocument]) -> frozenset[str]:
    values = [value for document in documents for value in msgspec.structs.astuple(document)]
    characters = {character for value in values if isinstance(value, str) for character in value}
    return frozenset(character for character in characters if ord(character) > _LAST_OF_LATIN_1)
