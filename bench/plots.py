"""Small line charts as SVG, readable on light and on dark pages, without a library."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 760, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 200, 50, 60
LABEL_HEIGHT = 16
STEPS = 6
# Told apart by people who do not see all colours, on white and on black.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b58900", "#56b4e9")
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #24292f }
.title { font-size: 16px; font-weight: 600 }
.axis { stroke: #57606a; stroke-width: 1 }
.grid { stroke: #8c959f; stroke-opacity: .3; stroke-width: 1 }
.line { fill: none; stroke-width: 2.5; stroke-linejoin: round }
.dashed { stroke-dasharray: 3 5; stroke-width: 2 }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .axis { stroke: #8d96a0 } }
"""


@dataclass(frozen=True)
class Line:
    """One value for each of the chart's places on the x axis; None where there is none.

    `companion` is drawn dashed in the same colour: what the line is to be compared with.
    """

    name: str
    values: Sequence[float | None]
    companion: Sequence[float | None] = ()


@dataclass(frozen=True)
class Chart:
    """The places on the x axis stand at equal distances, whatever their names. `note` stands below."""

    title: str
    x_title: str
    y_title: str
    places: Sequence[str]
    lines: Sequence[Line]
    note: str = ""
    logarithmic: bool = False


def draw(chart: Chart) -> str:
    values = [value for line in chart.lines for value in (*line.values, *line.companion) if value]
    if chart.logarithmic:
        scale = _Scale(len(chart.places), _powers(values), math.log10)
    else:
        scale = _Scale(len(chart.places), _steps(values), float)
    parts = _frame(chart, scale)
    for number, line in enumerate(chart.lines):
        colour = COLOURS[number % len(COLOURS)]
        parts += _path(scale, line.companion, colour, "line dashed")
        parts += _path(scale, line.values, colour, "line")
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in scale.points(line.values)]
    parts += _names(chart.lines, scale)
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{escape(chart.title)}">'
    return "\n".join([head, f"<style>{STYLE}</style>", *parts, "</svg>\n"])


def _powers(values: Sequence[float]) -> list[float]:
    """Of ten, around all values."""
    low = math.floor(math.log10(min(values, default=1)))
    high = max(low + 1, math.ceil(math.log10(max(values, default=10))))
    return [10.0**power for power in range(low, high + 1)]


def _steps(values: Sequence[float]) -> list[float]:
    """Round numbers from 0 to above all values, at most `STEPS` of them."""
    highest = max(values, default=1.0)
    power = 10.0 ** math.floor(math.log10(highest / STEPS))
    step = next(factor * power for factor in (1, 2, 5, 10) if highest <= factor * power * STEPS)
    return [number * step for number in range(math.ceil(highest / step) + 1)]


class _Scale:
    """From places and values to the page; `ticks` are the values with a line across."""

    def __init__(self, places: int, ticks: list[float], measure: Callable[[float], float]) -> None:
        self.ticks = ticks
        self._measure = measure
        self._low, self._high = measure(ticks[0]), measure(ticks[-1])
        self._step = (WIDTH - LEFT - RIGHT) / max(1, places - 1)

    def x(self, place: int) -> float:
        return LEFT + place * self._step

    def y(self, value: float) -> float:
        part = (self._measure(value) - self._low) / (self._high - self._low)
        return HEIGHT - BOTTOM - part * (HEIGHT - TOP - BOTTOM)

    def points(self, values: Sequence[float | None]) -> list[tuple[float, float]]:
        return [(self.x(place), self.y(value)) for place, value in enumerate(values) if value]


def _frame(chart: Chart, scale: _Scale) -> list[str]:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = [f'<text class="title" x="{LEFT}" y="24">{escape(chart.title)}</text>']
    for tick in scale.ticks:
        y = scale.y(tick)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tick:,.10g}</text>')
    for place, name in enumerate(chart.places):
        parts.append(f'<text x="{scale.x(place):.1f}" y="{bottom + 20}" text-anchor="middle">{escape(name)}</text>')
    parts.append(f'<line class="axis" x1="{LEFT}" x2="{right}" y1="{bottom}" y2="{bottom}"/>')
    middle = (TOP + bottom) / 2
    parts.append(
        f'<text x="{(LEFT + right) / 2}" y="{bottom + 42}" text-anchor="middle">{escape(chart.x_title)}</text>'
    )
    turned = f'transform="rotate(-90 16 {middle})"'
    parts.append(f'<text x="16" y="{middle}" text-anchor="middle" {turned}>{escape(chart.y_title)}</text>')
    parts.append(f'<text x="{right + 12}" y="{bottom + 42}">{escape(chart.note)}</text>')
    return parts


def _path(scale: _Scale, values: Sequence[float | None], colour: str, kind: str) -> list[str]:
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in scale.points(values))
    return [f'<polyline class="{kind}" stroke="{colour}" points="{points}"/>'] if points else []


def _names(lines: Sequence[Line], scale: _Scale) -> list[str]:
    """Each at the end of its line, moved down where it would cover the one above."""
    ends = [(scale.points(line.values)[-1][1], number) for number, line in enumerate(lines) if any(line.values)]
    parts, free = [], 0.0
    for y, number in sorted(ends):
        at = max(y + 4, free)
        free = at + LABEL_HEIGHT
        colour = COLOURS[number % len(COLOURS)]
        bullet = f'<rect x="{WIDTH - RIGHT + 12}" y="{at - 9:.1f}" width="8" height="8" fill="{colour}"/>'
        parts += [bullet, f'<text x="{WIDTH - RIGHT + 26}" y="{at:.1f}">{escape(lines[number].name)}</text>']
    return parts
