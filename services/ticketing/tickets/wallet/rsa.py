"""Private keys for wallets, as both makers of phones give them: RSA, in PEM. Pure."""

from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from services.kit.errors import Invalid

# Apple's and Google's are RSA 2048.
LEAST_BITS: Final = 2048


def read_key(pem: str, pointer: str) -> RSAPrivateKey:
    """Raises `Invalid`, which never quotes the key."""
    try:
        key = serialization.load_pem_private_key(pem.encode(), password=None)
    except TypeError:
        raise Invalid.field(pointer, "This key has a password: send it without.") from None
    except Exception:  # noqa: BLE001 - whatever the library finds (its kinds of error are many), and nothing of the key
        raise Invalid.field(pointer, "This is no private key in PEM.") from None
    if not isinstance(key, RSAPrivateKey) or key.key_size < LEAST_BITS:
        raise Invalid.field(pointer, "An RSA key of 2048 bits or more is needed.")
    return key


def to_store(key: RSAPrivateKey) -> bytes:
    """PKCS#8 in DER, bare: to be sealed."""
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def from_store(stored: bytes) -> RSAPrivateKey:
    # It was validated when it was taken in, and has been sealed since: doing that again takes 40 ms.
    key = serialization.load_der_private_key(stored, None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, RSAPrivateKey):
        raise TypeError("only RSA keys are taken in")
    return key
