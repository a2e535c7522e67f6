"""HTTPS on a network where nobody gives certificates: the hub makes one, and staff accept it once on each phone.

What a phone believes does not hang on it: answers carry the hub's own signature (`signing.py`).
"""

import ipaddress
import socket
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# Apple's systems accept no certificate that is good for longer.
LIFETIME: Final = timedelta(days=820)
RENEWED_BEFORE: Final = timedelta(days=60)
# Clocks of phones are off by minutes, those of boxes by a day.
BACKDATED: Final = timedelta(days=2)
# Packets to this address (RFC 5737) go nowhere; asking the way there shows our own address.
ANYWHERE: Final = ("192.0.2.1", 9)


def address_on_network() -> str:
    """By which others in the house most likely reach this machine."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(ANYWHERE)
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])


def make_certificate(names: Sequence[str], now: datetime) -> tuple[bytes, bytes]:
    """Certificate and key as PEM, for these host names and addresses."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Parvis gate hub")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now - BACKDATED + LIFETIME)
        .add_extension(x509.SubjectAlternativeName([_general_name(one) for one in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return certificate.public_bytes(pem), private


def is_good(pem: bytes, names: Sequence[str], now: datetime) -> bool:
    """Whether it is for all these names, and for some time yet."""
    certificate = x509.load_pem_x509_certificate(pem)
    kept = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    fits = all(_general_name(name) in kept for name in names)
    return fits and certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc - RENEWED_BEFORE


def fingerprint(pem: bytes) -> str:
    """SHA-256, as browsers show it."""
    return x509.load_pem_x509_certificate(pem).fingerprint(hashes.SHA256()).hex(":").upper()


def names_of(address: str) -> list[str]:
    return list(dict.fromkeys((address, "localhost", "127.0.0.1")))


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
