"""The scanner's files: served from memory, in folders whose names change with their content.

The app's modules name each other by relative paths, so it is the folder that carries the hash. The decoder, which is
heavy and hardly ever changes, has a folder of its own: a new app does not make phones load it again.
"""

import gzip
import hashlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import msgspec

FOLDER = Path(__file__).parent / "static"
TYPES = {
    ".css": b"text/css; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".png": b"image/png",
    ".svg": b"image/svg+xml",
    ".wasm": b"application/wasm",
}
BROTLI_SUFFIX = ".br"


class Asset(msgspec.Struct, frozen=True):
    """`brotli`: compressed beforehand, where gzip would not do."""

    body: bytes
    media_type: bytes
    brotli: bytes | None


class AssetFolder:
    def __init__(self, name: str) -> None:
        root = FOLDER / name
        files = [path for path in sorted(root.rglob("*")) if path.suffix in TYPES]
        self._assets = {path.relative_to(root).as_posix(): _asset(path) for path in files}
        content = b"".join(path.encode() + b"\0" + asset.body for path, asset in self._assets.items())
        self.name = f"{name}-{hashlib.sha256(content).hexdigest()[:12]}"

    @property
    def paths(self) -> Mapping[str, Asset]:
        """By the path below `/scanner/`."""
        return {f"{self.name}/{path}": asset for path, asset in self._assets.items()}


def _asset(path: Path) -> Asset:
    compressed = path.with_name(path.name + BROTLI_SUFFIX)
    brotli = compressed.read_bytes() if compressed.exists() else None
    return Asset(path.read_bytes(), TYPES[path.suffix], brotli)


APP = AssetFolder("app")
DECODER = AssetFolder("decoder")
ASSETS: Mapping[str, Asset] = {**APP.paths, **DECODER.paths}


@lru_cache(maxsize=128)
def zipped(body: bytes) -> bytes:
    return gzip.compress(body, 9, mtime=0)
