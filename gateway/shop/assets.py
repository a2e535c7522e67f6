"""Style sheets, scripts and icons: served from memory, under names that change with their content."""

import gzip
import hashlib
import re
from functools import lru_cache
from pathlib import Path

from gateway.replies import Headers, Reply
from services.kit.colours import BLACK, WHITE, contrast, mix, readable

FOLDER = Path(__file__).parent / "static"
PREFIX = "/static/"
IMMUTABLE: Headers = (
    (b"cache-control", b"public, max-age=31536000, immutable"),
    (b"vary", b"accept-encoding"),
)
TYPES = {
    ".css": b"text/css; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".svg": b"image/svg+xml",
}
# The lightest and the darkest ground that accents stand on, in light and in dark.
LIGHT_GROUND, DARK_GROUND = "#f4f2ee", "#26262c"
STYLE = re.compile(r"shop\.[0-9a-f]{12}-([0-9a-f]{6})\.css")


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]


_STYLE = (FOLDER / "shop.css").read_bytes()
_STYLE_HASH = _hash(_STYLE)


def _named() -> dict[str, bytes]:
    """The files, by the path that they are served under."""
    found = {}
    for file in sorted(FOLDER.iterdir()):
        content = file.read_bytes()
        if file.name != "shop.css":
            found[f"{PREFIX}{file.stem}.{_hash(content)}{file.suffix}"] = content
    return found


_FILES = _named()
# Other sites name it, so its own name must not change.
EMBED_SCRIPT = (FOLDER / "embed.js").read_bytes()


def asset_path(name: str) -> str:
    """`shop.js` is served as `/static/shop.<hash>.js`."""
    stem, _, suffix = name.partition(".")
    return next(path for path in _FILES if path.startswith(f"{PREFIX}{stem}.") and path.endswith(f".{suffix}"))


ICON_PATH = asset_path("icon.svg")
FRAME_SCRIPT_PATH = asset_path("frame.js")
SCRIPT_PATH = asset_path("shop.js")


def style_path(accent: str) -> str:
    """The one style sheet, in an establishment's colour: one file is one request."""
    return f"{PREFIX}shop.{_STYLE_HASH}-{accent[1:].lower()}.css"


@lru_cache(maxsize=512)
def asset(path: str, *, zipped: bool) -> Reply | None:
    """None for what is not there."""
    content = _FILES.get(path)
    style = STYLE.fullmatch(path.removeprefix(PREFIX))
    if style is not None:
        content = _themed(f"#{style.group(1)}")
    if content is None:
        return None
    headers = IMMUTABLE
    if zipped:
        content = gzip.compress(content, 9, mtime=0)
        headers = (*headers, (b"content-encoding", b"gzip"))
    return Reply(status=200, body=content, media_type=TYPES[Path(path).suffix], headers=headers)


def _themed(accent: str) -> bytes:
    """The accent where it can be read: darker than it was given on light grounds if need be, lighter on dark ones."""
    light, dark = readable(accent, LIGHT_GROUND), readable(accent, DARK_GROUND)
    values = {
        "--accent": light,
        "--on-accent": WHITE if contrast(light, WHITE) >= contrast(light, BLACK) else BLACK,
        "--accent-tint": mix(accent, WHITE, 0.9),
    }
    dark_values = {"--accent": dark, "--on-accent": "#111114", "--accent-tint": mix(accent, DARK_GROUND, 0.75)}
    theme = f":root{{{_declared(values)}}}@media (prefers-color-scheme: dark){{:root{{{_declared(dark_values)}}}}}\n"
    return theme.encode() + _STYLE


def _declared(values: dict[str, str]) -> str:
    return ";".join(f"{name}:{value}" for name, value in values.items())
