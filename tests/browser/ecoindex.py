"""EcoIndex 3: how a page's elements, requests and bytes rank among pages of the web.

Source: the formula and the quantiles that GreenIT and the PyPI package `ecoindex-compute` 5.10 publish.
"""

from bisect import bisect_right

import msgspec

ELEMENTS = (0, 47, 75, 159, 233, 298, 358, 417, 476, 537, 603, 674, 753, 843, 949, 1076, 1237, 1459, 1801, 2479, 594601)
REQUESTS = (0, 2, 15, 25, 34, 42, 49, 56, 63, 70, 78, 86, 95, 105, 117, 130, 147, 170, 205, 281, 3920)
KILOBYTES = (
    *(0, 1.37, 144.7, 319.53, 479.46, 631.97, 783.38, 937.91, 1098.62, 1265.47, 1448.32),
    *(1648.27, 1876.08, 2142.06, 2465.37, 2866.31, 3401.59, 4155.73, 5400.08, 8037.54, 223212.26),
)
GRADES = ((80, "A"), (70, "B"), (55, "C"), (40, "D"), (25, "E"), (10, "F"))


class Weight(msgspec.Struct, frozen=True):
    """What a browser needs for a first visit. Elements without those within drawings; bytes as they travelled."""

    elements: int
    requests: int
    kilobytes: float


def score(weight: Weight) -> int:
    """From 100, which is best, to 0."""
    ranks = (
        3 * _rank(weight.elements, ELEMENTS) + 2 * _rank(weight.requests, REQUESTS) + _rank(weight.kilobytes, KILOBYTES)
    )
    return round(100 - 5 * ranks / 6)


def grade(points: float) -> str:
    return next((letter for least, letter in GRADES if points > least), "G")


def emissions_grams(points: float) -> float:
    """CO2 equivalents of one view."""
    return round(2 + 2 * (50 - points) / 100, 2)


def water_centilitres(points: float) -> float:
    return round(3 + 3 * (50 - points) / 100, 2)


def _rank(value: float, quantiles: tuple[float, ...]) -> float:
    """Between 0 and 20, with what lies between two quantiles in proportion."""
    place = bisect_right(quantiles, value)
    if place == len(quantiles):
        return len(quantiles) - 1
    before, after = quantiles[place - 1], quantiles[place]
    return place - 1 + (value - before) / (after - before)
