import pytest

from services.ticketing.tickets.documents.colour import NEUTRAL, accent, contrast_with_white, ink


@pytest.mark.parametrize("colour", ["", "red", "#fff", '#ffffff"); #panic("', "#ffffff\n", "#gggggg", "０" * 7])
def test_accent_that_is_no_colour_becomes_neutral(colour: str) -> None:
    assert accent(colour) == NEUTRAL


@pytest.mark.parametrize("colour", ["#ffffff", "#ffe14d", "#00ff00", "#7f7f7f", "#b3432b", "#000000"])
def test_ink_can_always_be_read_on_white(colour: str) -> None:
    red, green, blue = (int(ink(colour)[start : start + 2], 16) for start in (1, 3, 5))
    assert contrast_with_white([red, green, blue]) >= 4.5


def test_ink_leaves_a_dark_colour_alone() -> None:
    assert ink("#B3432B") == accent("#B3432B") == "#b3432b"


def test_contrast_of_black_on_white_is_twenty_one() -> None:
    assert round(contrast_with_white([0, 0, 0]), 2) == 21
