"""A throw-away authority that gives certificates as Apple does, and an account as Google does."""

from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.x509.oid import NameOID

PASS_TYPE, TEAM = "pass.org.example.museum", "A1B2C3D4E5"


@cache
def rsa_key(name: str) -> RSAPrivateKey:  # noqa: ARG001 - one for each name
    return generate_private_key(65537, 2048)


@cache
def authority() -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Worldwide Throw-away Relations")])
    return _certificate(name, name, "authority", "authority", timedelta(days=365), is_authority=True)


@cache
def leaf(lasts: timedelta = timedelta(days=90), signer: str = "authority") -> x509.Certificate:
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.USER_ID, PASS_TYPE),
            x509.NameAttribute(NameOID.COMMON_NAME, f"Pass Type ID: {PASS_TYPE}"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, TEAM),
        ]
    )
    return _certificate(subject, authority().subject, "museum", signer, lasts)


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def key_pem(name: str, password: bytes | None = None) -> str:
    sealed = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return rsa_key(name).private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, sealed).decode()


def wallet_certificate() -> dict[str, str]:
    """What an establishment sends."""
    return {
        "certificate_pem": pem(leaf()),
        "private_key_pem": key_pem("museum"),
        "intermediate_pem": pem(authority()),
        "pass_type_id": PASS_TYPE,
        "team_id": TEAM,
    }


def google_wallet() -> dict[str, str]:
    """What an establishment sends that chooses Google Wallet."""
    return {
        "issuer_id": "3388000000012345678",
        "service_account_email": "tickets@museum-tickets.iam.gserviceaccount.example",
        "private_key_pem": key_pem("museum"),
    }


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: str, signer: str, lasts: timedelta, *, is_authority: bool = False
) -> x509.Certificate:
    end = datetime.now(UTC) + lasts
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(rsa_key(key).public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(end - timedelta(days=400))
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    )
    return builder.sign(rsa_key(signer), hashes.SHA256())
