"""What makes each copy of a shared page another: the key of its form, put in as the page leaves.

A visitor without JavaScript who presses twice sends the form twice, and must not hold places twice. The page is the
same for everybody and kept as bytes, compressed too; so it is kept in two halves, between which a fresh key is laid.
"""

import secrets
import struct
import zlib

import msgspec

KEY_BYTES = 18
# As long as a key. Made anew by each process, so that nobody can write it into a text that a page shows.
MARK = secrets.token_urlsafe(KEY_BYTES)
LEVEL = 6
RAW_DEFLATE = -15
# RFC 1952: deflate, no name, no time, unknown system.
GZIP_HEAD = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"


def with_key(body: bytes) -> bytes:
    return body.replace(MARK.encode(), secrets.token_urlsafe(KEY_BYTES).encode())


class Halves(msgspec.Struct, frozen=True):
    """Of a page, before and after its key, as they are and compressed (RFC 1951, each on its own)."""

    head: bytes
    tail: bytes
    packed_head: bytes
    packed_tail: bytes
    head_crc: int

    def plain(self) -> bytes:
        return self.head + secrets.token_urlsafe(KEY_BYTES).encode() + self.tail

    def zipped(self) -> bytes:
        """Without compressing anything: the key lies between the halves as a stored block."""
        key = secrets.token_urlsafe(KEY_BYTES).encode()
        crc = zlib.crc32(self.tail, zlib.crc32(key, self.head_crc))
        length = len(self.head) + len(key) + len(self.tail)
        stored = struct.pack("<BHH", 0, len(key), len(key) ^ 0xFFFF) + key
        return b"".join((GZIP_HEAD, self.packed_head, stored, self.packed_tail, struct.pack("<II", crc, length)))


def halves(body: bytes) -> Halves | None:
    """None for a page without a key."""
    head, mark, tail = body.partition(MARK.encode())
    if not mark:
        return None
    packer = zlib.compressobj(LEVEL, wbits=RAW_DEFLATE)
    packed_head = packer.compress(head) + packer.flush(zlib.Z_FULL_FLUSH)
    packer = zlib.compressobj(LEVEL, wbits=RAW_DEFLATE)
    return Halves(head, tail, packed_head, packer.compress(tail) + packer.flush(), zlib.crc32(head))
