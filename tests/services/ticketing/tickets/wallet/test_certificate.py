from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from services.kit.errors import Invalid
from services.ticketing.tickets.wallet.certificate import NewWalletCertificate, check_certificate
from tests.certificates import authority, key_pem, leaf, pem, wallet_certificate

GOOD = msgspec.convert(wallet_certificate(), NewWalletCertificate)
NOW = datetime.now(UTC)


def test_a_good_certificate_says_whose_it_is_and_how_long_it_lasts():
    checked = check_certificate(GOOD, NOW)
    assert (checked.subject, checked.expires_at) == (
        "OU=A1B2C3D4E5,CN=Pass Type ID: pass.org.example.museum,UID=pass.org.example.museum",
        leaf().not_valid_after_utc,
    )


@pytest.mark.parametrize(
    ("wrong", "pointer", "detail"),
    [
        ({"certificate_pem": "hello"}, "#/certificate_pem", "no certificate in PEM"),
        ({"intermediate_pem": key_pem("museum")}, "#/intermediate_pem", "no certificate in PEM"),
        ({"private_key_pem": pem(leaf())}, "#/private_key_pem", "no private key in PEM"),
        ({"private_key_pem": key_pem("museum", b"secret")}, "#/private_key_pem", "has a password"),
        ({"private_key_pem": key_pem("another")}, "#/private_key_pem", "does not belong"),
        ({"certificate_pem": pem(leaf(timedelta(days=-1)))}, "#/certificate_pem", "expired on"),
        ({"certificate_pem": pem(leaf(timedelta(days=500)))}, "#/certificate_pem", "not valid before"),
        ({"certificate_pem": pem(leaf(signer="forger"))}, "#/intermediate_pem", "not issued by"),
        ({"intermediate_pem": pem(leaf())}, "#/intermediate_pem", "not issued by"),
        ({"pass_type_id": "pass.org.example.other"}, "#/pass_type_id", "says pass.org.example.museum"),
        ({"team_id": "0000000000"}, "#/team_id", "says A1B2C3D4E5"),
    ],
)
def test_what_does_not_fit_together_is_refused_at_its_field(wrong: dict[str, str], pointer: str, detail: str):
    with pytest.raises(Invalid) as refused:
        check_certificate(msgspec.structs.replace(GOOD, **wrong), NOW)
    (error,) = refused.value.errors
    assert error.pointer == pointer
    assert detail in error.detail


def test_the_authority_ends_the_certificate_that_outlives_it():
    checked = check_certificate(GOOD, NOW)
    assert checked.expires_at <= authority().not_valid_after_utc
