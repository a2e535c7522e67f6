"""Encryption at rest for the few secrets the database has to keep (signing keys, provider credentials).

A sealed value is `version u8 = 1 | nonce 12 B | ciphertext and tag`. Version 1 is AES-256-GCM under a key derived by
HKDF-SHA256 (RFC 5869) from the instance secret. The caller's context (which row, which column) is authenticated with
the value, so that a sealed value copied to another row does not open there. Nonces are random: below 2**32 values per
instance secret the chance of a repeated one stays under 2**-32 (NIST SP 800-38D, 8.3).
"""

import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

MINIMUM_SECRET_BYTES: Final = 32

_VERSION: Final = b"\x01"
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_DERIVATION_LABEL: Final = b"parvis sealing v1"


class SealBroken(Exception):  # named like the other refusals of kit: for what happened
    """The value was altered, cut, sealed for another context, or sealed under another instance secret."""


class Sealer:
    """Seals and opens values under one instance secret of at least 32 random bytes (ValueError if shorter)."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) < MINIMUM_SECRET_BYTES:
            raise ValueError(f"the instance secret needs at least {MINIMUM_SECRET_BYTES} bytes")
        key = HKDF(algorithm=SHA256(), length=32, salt=None, info=_DERIVATION_LABEL).derive(secret)
        self._cipher = AESGCM(key)

    def seal(self, plaintext: bytes, context: bytes) -> bytes:
        """29 bytes longer than the plaintext, and different at every call. The same context is needed to open it."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _VERSION + nonce + self._cipher.encrypt(nonce, plaintext, _VERSION + context)

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """Raises SealBroken, and says no more: which check failed is of use only to an attacker."""
        if sealed[:1] != _VERSION or len(sealed) < len(_VERSION) + _NONCE_BYTES + _TAG_BYTES:
            raise SealBroken
        nonce, ciphertext = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        try:
            return self._cipher.decrypt(nonce, ciphertext, _VERSION + context)
        except InvalidTag:
            raise SealBroken from None
