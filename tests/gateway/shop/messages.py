"""All messages of the shop, as its code and its templates hold them.

`python -m tests.gateway.shop.messages` brings the catalogues up to date: new messages come without a translation,
those that nobody says any more go.
"""

from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

import gateway.shop

FOLDER = Path(gateway.shop.__file__).parent
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2.ext:babel_extract")]
OPTIONS = {"templates/**.html": {"trimmed": "true", "silent": "false"}}
WIDTH = 120
HEADER = """msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"
"Language: {language}\\n"
"Plural-Forms: {forms}\\n"

"""

Message = str | tuple[str, ...]


def messages() -> dict[Message, str]:
    """Each message, or pair of messages for one and many, with the file where it stands."""
    return {message: file for file, _, message, _, _ in extract_from_dir(FOLDER, METHODS, OPTIONS)}


def catalogues() -> list[tuple[str, Path]]:
    return [(path.name, path / "LC_MESSAGES" / "shop.po") for path in sorted((FOLDER / "locale").iterdir())]


def read(language: str, path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale=language)


def update() -> None:
    wanted = messages()
    for language, path in catalogues():
        known = read(language, path)
        fresh = Catalog(locale=language, fuzzy=False)
        for message in wanted:
            before = known.get(message if isinstance(message, str) else message[0])
            fresh.add(message, before.string if before is not None and before.id == message else None)
        with path.open("wb") as file:
            file.write(HEADER.format(language=language, forms=fresh.plural_forms).encode())
            write_po(file, fresh, width=WIDTH, omit_header=True)


if __name__ == "__main__":
    update()
