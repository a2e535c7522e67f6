"""What our credentials look like. A secret scanner can recognise them; a mistyped one is told apart without a query."""

import base64
import hashlib
import hmac
import secrets
import zlib
from typing import Literal, TypeAlias
from uuid import UUID

import msgspec

from services.kit.errors import Unauthenticated

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SECRET_LENGTH = 32
_PAIRS = [first + second for first in ALPHABET for second in ALPHABET]
INSTANCE = UUID(int=0)

KeyKind: TypeAlias = Literal["key", "device", "order"]
PREFIXES: dict[str, KeyKind] = {"pvs_live": "key", "pvs_test": "key", "pvd_live": "device", "pvd_test": "device"}


class Credential(msgspec.Struct, frozen=True):
    """A credential taken apart; nothing about it has been verified but its checksum."""

    kind: KeyKind
    establishment_id: UUID
    id: UUID
    secret: str


def new_credential(prefix: str, establishment_id: UUID, id_: UUID) -> tuple[str, bytes]:
    """The text to show once, and the hash to keep. `prefix` is one of PREFIXES.

    The secret has 190 bits: a plain hash is enough (ASVS 6.5.2), and checking one costs a microsecond.
    """
    secret = "".join(secrets.choice(ALPHABET) for _ in range(SECRET_LENGTH))
    text = f"{prefix}_{_base62(establishment_id.bytes + id_.bytes)}_{secret}"
    return f"{text}_{_checksum(text)}", secret_hash(secret)


def secret_hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def order_token(instance_secret: bytes, establishment_id: UUID, order_id: UUID) -> str:
    """The token of an order's link. Derived, so that a mail can carry it again later; 128 bits to guess."""
    mac = hmac.digest(instance_secret, b"order token v1" + establishment_id.bytes + order_id.bytes, "sha256")[:16]
    return f"pvo_{_base62(establishment_id.bytes + order_id.bytes)}_{mac.hex()}"


def read_credential(text: str) -> Credential:
    """Raises `Unauthenticated` for text that is none of our credentials."""
    parts = text.split("_")
    try:
        if parts[0] == "pvo" and len(parts) == 3:  # noqa: PLR2004 - prefix, ids, code
            return _credential("order", parts[1], parts[2])
        prefix, ids, secret, checksum = "_".join(parts[:2]), *parts[2:]
        if hmac.compare_digest(checksum, _checksum(text[: -len(checksum) - 1])):
            return _credential(PREFIXES[prefix], ids, secret)
    except (ValueError, KeyError, TypeError, OverflowError):
        pass
    raise Unauthenticated("This is not one of our keys: check that it was copied whole.")


def _credential(kind: KeyKind, ids: str, secret: str) -> Credential:
    data = _from_base62(ids)
    return Credential(kind=kind, establishment_id=UUID(bytes=data[:16]), id=UUID(bytes=data[16:]), secret=secret)


def _base62(data: bytes) -> str:
    """32 bytes as 43 digits, two at a time: divisions of so large a number are what an order's link costs."""
    number, digits = int.from_bytes(data, "big"), []
    for _ in range(21):
        number, pair = divmod(number, 62 * 62)
        digits.append(_PAIRS[pair])
    digits.append(ALPHABET[number])
    return "".join(reversed(digits))


def _from_base62(text: str) -> bytes:
    number = 0
    for letter in text:
        number = number * 62 + ALPHABET.index(letter)
    return number.to_bytes(32, "big")


def _checksum(text: str) -> str:
    return base64.b32encode(zlib.crc32(text.encode()).to_bytes(4, "big")).decode()[:7]
