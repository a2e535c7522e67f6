"""Pages that are the same for everybody, kept for a second as the bytes that leave."""

import gzip
import hashlib
import re
from functools import lru_cache

import msgspec

from gateway.replies import Headers, Reply
from gateway.shop.one_time import Halves, halves

GZIP_LEVEL = 6
NEVER = re.compile(rb"\s*q\s*=\s*0(\.0*)?\s*")
# Python's own share of a kept page.
OVERHEAD_BYTES = 2_000
VARY = (b"vary", b"accept-language, accept-encoding")
CACHE: Headers = ((b"cache-control", b"public, max-age=1"), VARY)
# No cache on the way may give one visitor's key to another.
OWN_CACHE: Headers = ((b"cache-control", b"private, max-age=1"), VARY)


@lru_cache(maxsize=1024)
def takes_gzip(accept_encoding: bytes) -> bool:
    """RFC 9110, 12.5.3: named, and not with a weight of zero."""
    return any(
        coding.strip().lower() == b"gzip" and not NEVER.fullmatch(weight)
        for coding, _, weight in (choice.partition(b";") for choice in accept_encoding.split(b","))
    )


class Remembered(msgspec.Struct, frozen=True):
    plain: Reply
    zipped: Reply
    unchanged: Reply
    etag: bytes
    halves: Halves | None = None

    @property
    def weight(self) -> int:
        return OVERHEAD_BYTES + (len(self.plain.body) + len(self.zipped.body)) * (2 if self.halves else 1)

    def reply(self, *, accept_encoding: bytes, if_none_match: bytes) -> Reply:
        if if_none_match and self.etag in if_none_match:
            return self.unchanged
        is_zipped = takes_gzip(accept_encoding)
        found = self.zipped if is_zipped else self.plain
        if self.halves is None:
            return found
        body = self.halves.zipped() if is_zipped else self.halves.plain()
        return Reply(status=found.status, body=body, media_type=found.media_type, headers=found.headers)


def remembered(reply: Reply) -> Remembered:
    parted = halves(reply.body)
    # Every process has a mark of its own.
    unmarked = parted.head + parted.tail if parted else reply.body
    etag = f'"{hashlib.sha256(unmarked).hexdigest()[:20]}"'.encode()
    named = {name for name, _ in reply.headers}
    headers = (
        *reply.headers,
        *(header for header in (OWN_CACHE if parted else CACHE) if header[0] not in named),
        (b"etag", b"W/" + etag),
    )
    return Remembered(
        plain=msgspec.structs.replace(reply, headers=headers),
        zipped=msgspec.structs.replace(
            reply,
            body=gzip.compress(reply.body, GZIP_LEVEL, mtime=0),
            headers=(*headers, (b"content-encoding", b"gzip")),
        ),
        unchanged=Reply(status=304, body=b"", headers=headers),
        etag=etag,
        halves=parted,
    )
