"""The establishment's colour, made safe to print and to read (WCAG 2.2, 1.4.3: at least 4.5 to 1 on white)."""

import re
from typing import Final

NEUTRAL: Final = "#1f2a37"

_HEX: Final = re.compile(r"#[0-9a-fA-F]{6}")
_READABLE_CONTRAST: Final = 4.5
_DARKENING: Final = 0.92
_END_OF_LINEAR_PART: Final = 0.04045  # of the sRGB curve


def accent(colour: str) -> str:
    """The colour itself for surfaces that carry no text, or the neutral one if it is no `#rrggbb`."""
    return colour.lower() if _HEX.fullmatch(colour) else NEUTRAL


def ink(colour: str) -> str:
    """The same hue, darkened until text in it can be read on white paper."""
    channels = [int(accent(colour)[start : start + 2], 16) for start in (1, 3, 5)]
    while contrast_with_white(channels) < _READABLE_CONTRAST:
        channels = [int(channel * _DARKENING) for channel in channels]
    return "#" + "".join(f"{channel:02x}" for channel in channels)


def contrast_with_white(channels: list[int]) -> float:
    red, green, blue = (_linear(channel / 255) for channel in channels)
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return 1.05 / (luminance + 0.05)


def _linear(value: float) -> float:
    return value / 12.92 if value <= _END_OF_LINEAR_PART else float(((value + 0.055) / 1.055) ** 2.4)
