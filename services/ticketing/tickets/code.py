"""What proves a ticket: the signed code in its QR, the short code beside it, and the keys that sign.

The code is `PV1:` followed by base45 (RFC 9285) of 141 bytes, big endian, without padding or optional parts:

    offset  size  field
         0     1  version, always 1
         1     2  key id (numbered per establishment)
         3    16  establishment uuid
        19    16  ticket uuid
        35    16  slot uuid
        51    16  tariff uuid
        67     4  valid_from, unix seconds, first second of validity
        71     4  valid_until, unix seconds, first second after it
        75     2  revision (grows when the ticket is exchanged; a scanner admits only the newest it knows)
        77    64  Ed25519 signature (RFC 8032) over `parvis ticket v1` + NUL + the 77 bytes before

216 characters, all of QR's alphanumeric mode: QR version 8 at level M. Exactly one text exists for each signed ticket,
so the text may serve as a key. It names no person. Public keys are enough to verify it, without network.
"""

import secrets
import struct
from collections.abc import Mapping
from functools import lru_cache
from typing import Final
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct
from nacl.bindings import crypto_sign, crypto_sign_open
from nacl.exceptions import BadSignatureError

from services.kit.sealing import Sealer

PREFIX: Final = "PV1:"
SIGNING_DOMAIN: Final = b"parvis ticket v1\x00"

_VERSION: Final = 1
_LAYOUT: Final = struct.Struct(">BH16s16s16s16sIIH")
_SIGNATURE_BYTES: Final = 64
# 70 pairs of bytes become three letters each, the last byte two.
_CODE_PAIRS: Final = struct.Struct(">70H")
_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_NO_DIGIT: Final = 255
_DIGITS: Final = bytes(_ALPHABET.find(chr(letter)) % 256 for letter in range(256))
_LETTERS: Final = [_ALPHABET[value % 45] + _ALPHABET[value // 45] for value in range(45 * 45)]
CODE_CHARACTERS: Final = len(PREFIX) + 3 * 70 + 2

# Digits and capitals without 0 and O, 1 and I and L. U is out too: by hand it is a V, and most coarse words need it.
# Thirty letters make 49 bits in ten characters, to be guessed against a rate limit.
SHORT_ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
SHORT_CHARACTERS: Final = 10
_SHORT_HEAD: Final = 4
_SEPARATORS: Final = dict.fromkeys(map(ord, "-\u2010\u2011\u2012\u2013\u2212_.\u200b"))


class CodeRefused(Exception):  # a refusal, like its three kinds below
    """Base of the three ways in which a code can fail; nothing else is ever raised by `read` and `verify`."""


class MalformedCode(CodeRefused):
    """Not one of our codes: wrong length, letters, version, or a second spelling of the same bytes."""


class UnknownKey(CodeRefused):
    """Signed, it says, with a key that was not given: new and not yet synced, withdrawn, or invented."""


class Forged(CodeRefused):
    """The signature does not belong to what the code says."""


class TicketPayload(Struct, frozen=True, kw_only=True):
    """What the code says. Validity is in unix seconds, `valid_until_seconds` excluded."""

    key_id: int
    establishment_id: UUID
    ticket_id: UUID
    slot_id: UUID
    tariff_id: UUID
    valid_from_seconds: int
    valid_until_seconds: int
    revision: int = 0


class SignedTicket(Struct, frozen=True):
    """A well-formed code. Until `verify` has spoken its payload is only a claim."""

    payload: TicketPayload
    payload_bytes: bytes
    signature: bytes


def sign(payload: TicketPayload, private_key: Ed25519PrivateKey) -> str:
    """ValueError if a number does not fit its field or the ticket would never be valid."""
    if payload.valid_from_seconds >= payload.valid_until_seconds:
        raise ValueError("a ticket is valid for at least one second")
    payload_bytes = _pack(payload)
    signature = crypto_sign(SIGNING_DOMAIN + payload_bytes, _secret(private_key))[:_SIGNATURE_BYTES]
    return PREFIX + _base45(payload_bytes + signature)


def read(code: str) -> SignedTicket:
    """Takes the code apart without judging the signature; good for finding the establishment. Raises MalformedCode."""
    if len(code) != CODE_CHARACTERS or not code.startswith(PREFIX):
        raise MalformedCode
    signed_bytes = _from_base45(code[len(PREFIX) :])
    payload_bytes = signed_bytes[: _LAYOUT.size]
    return SignedTicket(_unpack(payload_bytes), payload_bytes, signed_bytes[_LAYOUT.size :])


def verify(code: str, keys: Mapping[int, Ed25519PublicKey]) -> TicketPayload:
    """What the code says, once the key of its establishment vouches for it.

    `keys` are the public keys of one establishment by key id. Neither the validity window nor revocation is judged
    here: both need a clock or a list and belong to admission. Raises MalformedCode, UnknownKey or Forged.
    """
    return verify_signed(read(code), keys)


def verify_signed(signed: SignedTicket, keys: Mapping[int, Ed25519PublicKey]) -> TicketPayload:
    """As `verify`, for a code that was taken apart before. Raises UnknownKey or Forged."""
    key = keys.get(signed.payload.key_id)
    if key is None:
        raise UnknownKey
    try:
        crypto_sign_open(signed.signature + SIGNING_DOMAIN + signed.payload_bytes, key.public_bytes_raw())
    except BadSignatureError:
        raise Forged from None
    return signed.payload


def new_short_code() -> str:
    """Ten random characters, to be stored as they are and shown through `grouped`."""
    # One number instead of ten letters: asking the system for randomness is what costs here.
    number, letters = secrets.randbelow(len(SHORT_ALPHABET) ** SHORT_CHARACTERS), []
    for _ in range(SHORT_CHARACTERS):
        number, letter = divmod(number, len(SHORT_ALPHABET))
        letters.append(SHORT_ALPHABET[letter])
    return "".join(letters)


def new_reference() -> str:
    """Order references look like short codes: one alphabet to explain on the telephone."""
    return new_short_code()


def grouped(short_code: str) -> str:
    """`K7P49XQ2M3` as people read it: `K7P4-9XQ2M3`."""
    return f"{short_code[:_SHORT_HEAD]}-{short_code[_SHORT_HEAD:]}"


def normalise_short_code(text: str) -> str:
    """The stored form of what somebody typed: any case, spaces and hyphens anywhere, U for V. Raises MalformedCode."""
    typed = "".join(text.translate(_SEPARATORS).split())
    # Judged before changing case: some letters of other alphabets become ASCII capitals, and two at a time.
    if len(typed) != SHORT_CHARACTERS or not typed.isascii():
        raise MalformedCode
    short_code = typed.upper().replace("U", "V")
    if not set(short_code) <= set(SHORT_ALPHABET):
        raise MalformedCode
    return short_code


def new_signing_key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


def seal_signing_key(sealer: Sealer, key: Ed25519PrivateKey, establishment_id: UUID, key_id: int) -> bytes:
    """The private key as the database may hold it: it opens only as this key of this establishment."""
    return sealer.seal(key.private_bytes_raw(), _signing_key_context(establishment_id, key_id))


def open_signing_key(sealer: Sealer, sealed: bytes, establishment_id: UUID, key_id: int) -> Ed25519PrivateKey:
    """Raises services.kit.sealing.SealBroken."""
    return Ed25519PrivateKey.from_private_bytes(sealer.open(sealed, _signing_key_context(establishment_id, key_id)))


def _signing_key_context(establishment_id: UUID, key_id: int) -> bytes:
    return b"ticket signing key" + establishment_id.bytes + key_id.to_bytes(2, "big")


@lru_cache(maxsize=1000)
def _secret(private_key: Ed25519PrivateKey) -> bytes:
    """As libsodium wants it. That takes two thirds of OpenSSL's time to sign, half of it to verify: of what an order
    and a scan cost, signatures are the largest part.
    """
    return private_key.private_bytes_raw() + private_key.public_key().public_bytes_raw()


def _base45(plain: bytes) -> str:
    """Two letters at a time: with the usual loop, writing a code would cost as much as signing it."""
    text = [_LETTERS[pair % 2025] + _ALPHABET[pair // 2025] for pair in _CODE_PAIRS.unpack_from(plain)]
    return "".join(text) + _LETTERS[plain[-1]]


def _from_base45(text: str) -> bytes:
    """The bytes that have this one spelling. `text` has the length of a code's; raises MalformedCode."""
    digits = text.encode("ascii", "replace").translate(_DIGITS)
    pairs = [
        low + 45 * middle + 2025 * high for low, middle, high in zip(*(digits[at:-2:3] for at in range(3)), strict=True)
    ]
    last = digits[-2] + 45 * digits[-1]
    if _NO_DIGIT in digits or max(pairs) > 0xFFFF or last > 0xFF:  # noqa: PLR2004 - two bytes, one byte
        raise MalformedCode
    return _CODE_PAIRS.pack(*pairs) + bytes((last,))


def _pack(payload: TicketPayload) -> bytes:
    try:
        return _LAYOUT.pack(
            _VERSION,
            payload.key_id,
            payload.establishment_id.bytes,
            payload.ticket_id.bytes,
            payload.slot_id.bytes,
            payload.tariff_id.bytes,
            payload.valid_from_seconds,
            payload.valid_until_seconds,
            payload.revision,
        )
    except struct.error as error:
        raise ValueError(f"a number does not fit its field: {error}") from error


def _unpack(payload_bytes: bytes) -> TicketPayload:
    version, key_id, establishment, ticket, slot, tariff, valid_from, valid_until, revision = _LAYOUT.unpack(
        payload_bytes
    )
    if version != _VERSION or valid_from >= valid_until:
        raise MalformedCode
    return TicketPayload(
        key_id=key_id,
        establishment_id=UUID(bytes=establishment),
        ticket_id=UUID(bytes=ticket),
        slot_id=UUID(bytes=slot),
        tariff_id=UUID(bytes=tariff),
        valid_from_seconds=valid_from,
        valid_until_seconds=valid_until,
        revision=revision,
    )
