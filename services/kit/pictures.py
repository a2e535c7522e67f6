"""Plain pictures made from nothing, for those who take no SVG (wallets, social networks)."""

import struct
import zlib
from functools import lru_cache

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Of the PNG specification (ISO/IEC 15948): 8 bits a sample, colours by palette.
DEPTH, BY_PALETTE = 8, 3


@lru_cache(maxsize=256)
def framed_png(width: int, height: int, colour: str, frame: int = 0) -> bytes:
    """A PNG of one `#rrggbb` colour, within a white frame that is `frame` pixels wide. Some hundred bytes."""
    edge = b"\0" + b"\1" * width
    inner = b"\0" + b"\1" * frame + b"\0" * (width - 2 * frame) + b"\1" * frame
    rows = edge * frame + inner * (height - 2 * frame) + edge * frame
    header = struct.pack(">IIBBBBB", width, height, DEPTH, BY_PALETTE, 0, 0, 0)
    palette = bytes.fromhex(colour.removeprefix("#")) + b"\xff\xff\xff"
    chunks = ((b"IHDR", header), (b"PLTE", palette), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return SIGNATURE + b"".join(_chunk(kind, content) for kind, content in chunks)


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)
