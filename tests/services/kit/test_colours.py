import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.colours import BLACK, WHITE, contrast, mix, readable

colours = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [(BLACK, WHITE, 21.0), (WHITE, WHITE, 1.0), ("#767676", WHITE, 4.54), ("#777777", WHITE, 4.48)],
)
def test_contrast_is_that_of_wcag(one: str, other: str, ratio: float):
    assert (round(contrast(one, other), 2), round(contrast(other, one), 2)) == (ratio, ratio)


@given(colours, st.sampled_from([WHITE, BLACK, "#f4f2ee", "#26262c"]))
def test_readable_colour_can_be_read_and_stays_if_it_could(colour: str, background: str):
    found = readable(colour, background)
    assert contrast(found, background) >= 4.5
    if contrast(colour, background) >= 4.5:
        assert found == colour


def test_mix_lies_between():
    assert (mix(BLACK, WHITE, 0), mix(BLACK, WHITE, 1), mix(BLACK, WHITE, 0.5)) == (BLACK, WHITE, "#808080")
