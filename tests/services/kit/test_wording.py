import msgspec
import pytest

from services.kit.wording import plain


@pytest.mark.parametrize(
    ("detail", "sentence"),
    [
        ("Expected `int`, got `str`", "This must be a whole number, not a text."),
        ("Expected `str | null`, got `int`", "This must be a text or null, not a whole number."),
        ("Expected `int` >= 1", "This must be at least 1."),
        ("Expected `int` <= 500", "This must be at most 500."),
        ("Expected `array` of length >= 1", "This must have at least 1 items."),
        ("Expected `str` matching regex '^[a-z]$'", "This does not have the expected form."),
        ("Invalid UUID", "This is no UUID."),
        ("Object contains unknown field `price`", "There is no field price here."),
        ("Object missing required field `lines`", "This field is required."),
        ("Something else", "Something else"),
    ],
)
def test_faults_are_told_in_plain_words(detail: str, sentence: str):
    assert plain(detail) == sentence


class Asked(msgspec.Struct, forbid_unknown_fields=True):
    quantity: int


@pytest.mark.parametrize("body", [b'{"quantity":"1"}', b"{}", b'{"quantity":1,"more":2}', b"[]"])
def test_every_sentence_of_msgspec_about_types_is_known(body: bytes):
    with pytest.raises(msgspec.ValidationError) as refused:
        msgspec.json.decode(body, type=Asked)
    detail = str(refused.value).split(" - at ")[0]
    assert plain(detail) != detail
