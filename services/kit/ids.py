"""Identifiers: UUIDv7 for what is new, derived UUIDs for what must come out the same when a step is repeated."""

import hashlib
import os
import time
from uuid import UUID

from services.kit.errors import Invalid, NotFound


def new_id() -> UUID:
    """A UUIDv7 (RFC 9562 §5.7, with the finer clock of §6.2 method 3): sorts by time of making, to the microsecond.

    Indexes grow at one end, and what one request makes in a row stays in that order.
    """
    milliseconds, rest = divmod(time.time_ns(), 1_000_000)
    finer = rest * 4096 // 1_000_000
    chance = int.from_bytes(os.urandom(8), "big") >> 2
    value = (milliseconds & 0xFFFFFFFFFFFF) << 80 | 0x7 << 76 | finer << 64 | 0b10 << 62 | chance
    return UUID(int=value)


def derived_id(*parts: str | bytes | UUID) -> UUID:
    """A UUIDv8 (RFC 9562 §5.8) that depends on `parts` alone: a repeated step makes the same id again."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.bytes if isinstance(part, UUID) else part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(4, "big"))
        digest.update(data)
    value = int.from_bytes(digest.digest()[:16], "big")
    value = value & ~(0xF << 76) | 0x8 << 76
    value = value & ~(0b11 << 62) | 0b10 << 62
    return UUID(int=value)


def path_id(text: str) -> UUID:
    """An id from a URL. What is not a UUID names nothing, hence 404 like an unknown id."""
    try:
        return UUID(text)
    except ValueError:
        raise NotFound from None


def body_id(text: str, pointer: str) -> UUID:
    """An id from a query or body field; `pointer` like `/slot_id`."""
    try:
        return UUID(text)
    except ValueError:
        raise Invalid.field(pointer, "This is not a UUID.") from None
