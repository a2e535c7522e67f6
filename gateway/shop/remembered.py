"""Pages that are the same for everybody, kept for a second as the bytes that leave."""

import gzip
import hashlib
import re
from functools import lru_cache

import msgspec

from gateway.replies import Headers, Reply

GZIP_LEVEL = 6
NEVER = re.compile(rb"\s*q\s*=\s*0(\.0*)?\s*")
# Python's own share of a kept page.
OVERHEAD_BYTES = 2_000
CACHE: Headers = ((b"cache-control", b"public, max-age=1"), (b"vary", b"accept-language, accept-encoding"))


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

    @property
    def weight(self) -> int:
        return OVERHEAD_BYTES + len(self.plain.body) + len(self.zipped.body)

    def reply(self, *, accept_encoding: bytes, if_none_match: bytes) -> Reply:
        if if_none_match and self.etag in if_none_match:
            return self.unchanged
        return self.zipped if takes_gzip(accept_encoding) else self.plain


def remembered(reply: Reply) -> Remembered:
    etag = f'"{hashlib.sha256(reply.body).hexdigest()[:20]}"'.encode()
    named = {name for name, _ in reply.headers}
    headers = (*reply.headers, *(header for header in CACHE if header[0] not in named), (b"etag", b"W/" + etag))
    return Remembered(
        plain=msgspec.structs.replace(reply, headers=headers),
        zipped=msgspec.structs.replace(
            reply,
            body=gzip.compress(reply.body, GZIP_LEVEL, mtime=0),
            headers=(*headers, (b"content-encoding", b"gzip")),
        ),
        unchanged=Reply(status=304, body=b"", headers=headers),
        etag=etag,
    )
