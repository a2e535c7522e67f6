"""Colours as `#rrggbb`, and how well they can be told apart (WCAG 2.2, relative luminance and contrast ratio)."""

TEXT_CONTRAST = 4.5
WHITE, BLACK = "#ffffff", "#000000"
STEPS = 256


def contrast(one: str, other: str) -> float:
    """From 1 (the same) to 21 (black on white). WCAG 2.2, "contrast ratio"."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def readable(colour: str, background: str, ratio: float = TEXT_CONTRAST) -> str:
    """The colour itself if it has that contrast, else the nearest mix with black or white that has."""
    towards = BLACK if _luminance(background) > _luminance("#777777") else WHITE
    for step in range(STEPS):
        mixed = mix(colour, towards, step / (STEPS - 1))
        if contrast(mixed, background) >= ratio:
            return mixed
    return towards


def mix(one: str, other: str, share: float) -> str:
    """`share` of `other` in `one`, from 0 to 1."""
    pairs = zip(_channels(one), _channels(other), strict=True)
    return "#" + "".join(f"{round(first + (second - first) * share):02x}" for first, second in pairs)


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(channel / 255) for channel in _channels(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4  # noqa: PLR2004 - of the standard


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
