"""The style sheet and the script, from memory, under names that change with their content."""

import gzip
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from gateway.replies import Headers, Reply

PREFIX: Final = "/attendance/static/"
IMMUTABLE: Headers = ((b"cache-control", b"public, max-age=31536000, immutable"), (b"vary", b"accept-encoding"))
_FOLDER: Final = Path(__file__).parent / "static"
_TYPES: Final = {".css": b"text/css; charset=utf-8", ".js": b"text/javascript; charset=utf-8"}


def _named(name: str) -> tuple[str, bytes]:
    content = (_FOLDER / name).read_bytes()
    stem, _, suffix = name.partition(".")
    return f"{PREFIX}{stem}.{hashlib.sha256(content).hexdigest()[:12]}.{suffix}", content


STYLE_PATH, _STYLE = _named("attendance.css")
SCRIPT_PATH, _SCRIPT = _named("attendance.js")
_FILES: Final[Mapping[str, tuple[bytes, bytes]]] = {
    path: (content, gzip.compress(content, 9, mtime=0))
    for path, content in ((STYLE_PATH, _STYLE), (SCRIPT_PATH, _SCRIPT))
}


def asset(path: str, *, zipped: bool) -> Reply | None:
    """None for what is not there."""
    found = _FILES.get(path)
    if found is None:
        return None
    plain, compressed = found
    headers = (*IMMUTABLE, (b"content-encoding", b"gzip")) if zipped else IMMUTABLE
    return Reply(
        status=200, body=compressed if zipped else plain, media_type=_TYPES[Path(path).suffix], headers=headers
    )
