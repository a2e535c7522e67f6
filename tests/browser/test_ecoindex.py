"""The first five are examples of the PyPI package `ecoindex-compute`."""

import pytest

from tests.browser.ecoindex import Weight, emissions_grams, grade, score, water_centilitres


@pytest.mark.parametrize(
    ("elements", "requests", "kilobytes", "points"),
    [
        (100, 100, 100, 72),
        (240, 20, 331, 83),
        (2355, 267, 2493, 10),
        (200, 200, 10000, 46),
        (0, 0, 0, 100),
        (47, 2, 1.37, 95),
        (600_000, 4_000, 300_000, 0),
    ],
)
def test_score_of_known_pages(elements: int, requests: int, kilobytes: float, points: int):
    assert score(Weight(elements, requests, kilobytes)) == points


@pytest.mark.parametrize(
    ("points", "letter"),
    [(100, "A"), (81, "A"), (80, "B"), (70, "C"), (55, "D"), (40, "E"), (25, "F"), (10, "G"), (2, "G"), (0, "G")],
)
def test_grade_begins_above_its_limit(points: int, letter: str):
    assert grade(points) == letter


def test_emissions_and_water_of_a_known_page():
    assert (emissions_grams(72), water_centilitres(72)) == (1.56, 2.34)
