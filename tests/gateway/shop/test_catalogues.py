import re
from pathlib import Path

import pytest

from gateway.shop.language import LANGUAGES, SOURCE, words
from tests.gateway.shop.messages import catalogues, messages, read

VALUE = re.compile(r"%\((\w+)\)s")


@pytest.mark.parametrize(("language", "path"), catalogues(), ids=lambda value: value if isinstance(value, str) else "")
def test_every_message_has_a_translation_with_the_same_values(language: str, path: Path):
    known = {tuple(found.id) if not isinstance(found.id, str) else found.id: found for found in read(language, path)}
    wanted = messages()

    assert known.keys() - {""} == wanted.keys()
    for message, place in wanted.items():
        texts = known[message].string
        for text in [texts] if isinstance(texts, str) else texts:
            assert text, (place, message)
            source = message if isinstance(message, str) else message[1]
            assert set(VALUE.findall(text)) == set(VALUE.findall(source)), (place, message)


def test_there_is_a_catalogue_for_every_language_but_that_of_the_code():
    assert {language for language, _ in catalogues()} | {SOURCE} == LANGUAGES.keys()


@pytest.mark.parametrize(
    ("language", "one", "many"),
    [
        ("fr", "plus que 1 place", "plus que 3 places"),
        ("en", "1 place left", "3 places left"),
        ("de", "noch 1 Platz", "noch 3 Plätze"),
        ("es", "queda 1 plaza", "quedan 3 plazas"),
        ("it", "resta 1 posto", "restano 3 posti"),
    ],
)
def test_number_chooses_the_form(language: str, one: str, many: str):
    said = [words(language).ngettext("%(num)s place left", "%(num)s places left", number) for number in (1, 3)]
    assert said == [one, many]
