"""From a letter to its HTML and its plain text.

The MJML source is compiled once, before any text of others comes near it; what they wrote enters by Jinja alone, which
escapes it.
"""

from collections.abc import Mapping
from pathlib import Path

import mrml
from jinja2 import DictLoader, Environment, StrictUndefined

from services.ticketing.messages.letters.writing import Letter

FOLDER = Path(__file__).parent / "templates"


class Stationery:
    """Made once per process: compiling takes a few milliseconds, writing a letter less than one."""

    def __init__(self) -> None:
        sources = {name: (FOLDER / name).read_text() for name in ("letter.txt", "refusal.html")}
        sources["letter.html"] = mrml.to_html((FOLDER / "letter.mjml").read_text()).content
        self._pages = _environment(sources, autoescape=True)
        self._texts = _environment(sources, autoescape=False)
        self._texts.filters["line"] = one_line

    def html(self, letter: Letter) -> str:
        return self._pages.get_template("letter.html").render(letter=letter)

    def text(self, letter: Letter) -> str:
        return self._texts.get_template("letter.txt").render(letter=letter)

    def refusal(self, values: Mapping[str, object]) -> str:
        """The page behind the link that ends reminders."""
        return self._pages.get_template("refusal.html").render(values)


def one_line(text: str) -> str:
    """Without line ends and control characters, which could begin a header or a forged paragraph."""
    return "".join(character for character in " ".join(text.split()) if character.isprintable())


def _environment(sources: Mapping[str, str], *, autoescape: bool) -> Environment:
    return Environment(
        loader=DictLoader(dict(sources)),
        autoescape=autoescape,  # noqa: S701 - off for plain text alone
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
