"""The page says everything in both of its languages, and nothing that is not said."""

import re
from itertools import filterfalse
from typing import get_args

import pytest

from services.ticketing.entry.rules import Reason
from tests.gateway.scanner.node import APP, run

# Put together of a part and a name, or named after what a server or a browser said.
MADE = re.compile(r"(hint|reasons)_.+|.+_lead|(undo|let_in)_title|invalid")
REASONS = set(get_args(Reason))


@pytest.fixture(scope="module")
def catalogues():
    return run("words.mjs", None)


def test_every_text_is_translated_with_the_same_places_to_fill(catalogues):
    english, french = catalogues["en"], catalogues["fr"]
    assert list(english) == list(french)
    assert {key: places(text) for key, text in english.items()} == {key: places(text) for key, text in french.items()}


def test_texts_that_are_used_exist_and_those_that_exist_are_used(catalogues):
    sources = [path.read_text() for path in [*APP.glob("*.js"), APP.parent / "scanner.html"] if path.name != "words.js"]
    code = "\n".join(sources)
    named = set(re.findall(r'(?:say\("|data-say=")(\w+)"', code))
    assert named <= catalogues["en"].keys()
    unnamed = [key for key in catalogues["en"] if not re.search(rf'["`]{key}["`]', code)]
    assert set(filterfalse(MADE.fullmatch, unnamed)) <= REASONS


def places(text: object) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", str(text)))
