"""What a phone may know of people whose tickets it has not seen: nothing. A ticket's own code opens who holds it.

The key is HKDF-SHA256 (RFC 5869) of the code's text, with the ticket's id as salt; the cipher AES-256-GCM with a
random nonce of 12 bytes in front. A code carries a signature of 64 bytes that only the establishment's key can make:
whoever has not seen the code cannot guess it, not even with all the rest of the entry pass.
"""

import base64
import hashlib
import os
from typing import Final
from uuid import UUID

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

INFO: Final = b"parvis attendee v1"
SHORT_CODE_DOMAIN: Final = b"parvis short code v1"
NONCE_BYTES: Final = 12
HASH_BYTES: Final = 16


class Attendee(msgspec.Struct, frozen=True):
    """Who holds a ticket; `short_code` as people read it."""

    name: str
    reference: str
    short_code: str
    number: int


def seal_attendee(attendee: Attendee, *, ticket_id: UUID, code: str) -> str:
    """In base64url, without padding. `code` is the whole text of the ticket's QR code."""
    nonce = os.urandom(NONCE_BYTES)
    return base64url(nonce + AESGCM(_key(ticket_id, code)).encrypt(nonce, msgspec.json.encode(attendee), None))


def open_attendee(blob: str, *, ticket_id: UUID, code: str) -> Attendee:
    """Raises `cryptography.exceptions.InvalidTag` for the code of another ticket."""
    sealed = base64.urlsafe_b64decode(blob + "=" * (-len(blob) % 4))
    plain = AESGCM(_key(ticket_id, code)).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], None)
    return msgspec.json.decode(plain, type=Attendee)


def short_code_hash(establishment_id: UUID, short_code: str) -> str:
    """By which a phone finds a ticket whose short code was typed; `short_code` as stored, without its hyphen.

    49 bits could be guessed by who steals a phone: a found short code tells a status, never a name.
    """
    digest = hashlib.sha256(SHORT_CODE_DOMAIN + establishment_id.bytes + short_code.encode()).digest()
    return base64url(digest[:HASH_BYTES])


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _key(ticket_id: UUID, code: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=ticket_id.bytes, info=INFO).derive(code.encode("ascii"))
