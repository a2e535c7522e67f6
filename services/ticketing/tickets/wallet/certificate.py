"""An establishment's Pass Type ID certificate: what Apple gave it, checked before it is kept. Pure."""

from datetime import datetime
from typing import Annotated

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import NameOID

from services.kit.errors import Invalid
from services.ticketing.tickets.wallet import rsa

Pem = Annotated[str, msgspec.Meta(min_length=1, max_length=20_000)]


class NewWalletCertificate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All PEM. `intermediate_pem` is Apple's "Worldwide Developer Relations" certificate that issued yours."""

    certificate_pem: Pem
    private_key_pem: Pem
    intermediate_pem: Pem
    pass_type_id: Annotated[
        str, msgspec.Meta(pattern=r"^pass\.[A-Za-z0-9.-]{1,200}\Z", examples=["pass.org.example.museum"])
    ]
    team_id: Annotated[str, msgspec.Meta(pattern=r"^[A-Z0-9]{10}\Z", examples=["A1B2C3D4E5"])]


class CheckedCertificate(msgspec.Struct, frozen=True):
    """`private_key` is PKCS#8 in DER, bare: to be sealed."""

    subject: str
    expires_at: datetime
    private_key: bytes


def check_certificate(new: NewWalletCertificate, now: datetime) -> CheckedCertificate:
    """Raises `Invalid`, which names the field that is wrong and never quotes it."""
    certificate = _certificate(new.certificate_pem, "/certificate_pem")
    intermediate = _certificate(new.intermediate_pem, "/intermediate_pem")
    key = rsa.read_key(new.private_key_pem, "/private_key_pem")
    if key.public_key() != certificate.public_key():
        raise Invalid.field("/private_key_pem", "This key does not belong to the certificate.")
    _check_time(certificate, "/certificate_pem", now)
    _check_time(intermediate, "/intermediate_pem", now)
    try:
        certificate.verify_directly_issued_by(intermediate)
    except (ValueError, TypeError, InvalidSignature):
        raise Invalid.field("/intermediate_pem", "The certificate was not issued by this intermediate.") from None
    _check_name(certificate, NameOID.USER_ID, "/pass_type_id", new.pass_type_id)
    _check_name(certificate, NameOID.ORGANIZATIONAL_UNIT_NAME, "/team_id", new.team_id)
    # Whichever ends first ends the signature.
    return CheckedCertificate(
        subject=certificate.subject.rfc4514_string(),
        expires_at=min(certificate.not_valid_after_utc, intermediate.not_valid_after_utc),
        private_key=rsa.to_store(key),
    )


def _certificate(pem: str, pointer: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem.encode())
    except ValueError:
        raise Invalid.field(
            pointer, "This is no certificate in PEM. Of a .cer: openssl x509 -inform der -in your.cer"
        ) from None


def _check_time(certificate: x509.Certificate, pointer: str, now: datetime) -> None:
    first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if last <= now:
        raise Invalid.field(pointer, f"This certificate expired on {last:%Y-%m-%d}.")
    if first > now:
        raise Invalid.field(pointer, f"This certificate is not valid before {first:%Y-%m-%d}.")


def _check_name(certificate: x509.Certificate, oid: x509.ObjectIdentifier, pointer: str, expected: str) -> None:
    """Wallets refuse a pass that says something else than its certificate."""
    named = [str(attribute.value) for attribute in certificate.subject.get_attributes_for_oid(oid)]
    if expected not in named:
        raise Invalid.field(pointer, f"The certificate says {named[0] if named else 'nothing about this'}.")
