from datetime import UTC, datetime
from uuid import UUID

import jwt
import msgspec
import pytest

from services.kit.errors import Invalid
from services.ticketing.tickets.documents.document import TicketDocument
from services.ticketing.tickets.wallet.google.account import NewGoogleWallet, check_account
from services.ticketing.tickets.wallet.google.save_link import SAVE, GoogleIssuer, save_link
from tests.certificates import google_wallet, key_pem, leaf, pem, rsa_key

GOOD = msgspec.convert(google_wallet(), NewGoogleWallet)
ISSUER = GoogleIssuer(GOOD.issuer_id, GOOD.service_account_email, check_account(GOOD))
NOW = datetime(2027, 4, 20, 8, tzinfo=UTC)
SLOT = UUID("01920000-0000-7000-8000-000000000003")
LONG = "Ein außerordentlich ausführlicher Name — " * 10


def claims(document: TicketDocument) -> dict[str, object]:
    token = save_link(document, SLOT, ISSUER, now=NOW).removeprefix(SAVE)
    options = {"verify_iat": False}
    return jwt.decode(token, rsa_key("museum").public_key(), ["RS256"], options, audience="google")


def test_the_token_is_signed_and_has_the_documented_fields(document: TicketDocument):
    class_id = f"{GOOD.issuer_id}.AZIAAAAAcACAAAAAAAAAAw.fr"
    assert claims(document) == {
        "iss": GOOD.service_account_email,
        "aud": "google",
        "typ": "savetowallet",
        "iat": 1808208000,
        "origins": [],
        "payload": {
            "eventTicketClasses": [
                {
                    "id": class_id,
                    "issuerName": document.establishment_name,
                    "reviewStatus": "UNDER_REVIEW",
                    "eventName": {"defaultValue": {"language": "fr", "value": document.offer_name}},
                    "venue": {
                        "name": {"defaultValue": {"language": "fr", "value": document.venue_name}},
                        "address": {"defaultValue": {"language": "fr", "value": document.venue_address}},
                    },
                    "dateTime": {"start": "2027-05-01T10:30:00+02:00", "end": "2027-05-01T11:30:00+02:00"},
                    "hexBackgroundColor": "#b3432b",
                }
            ],
            "eventTicketObjects": [
                {
                    "id": f"{GOOD.issuer_id}.AZIAAAAAcACAAAAAAAAAAg.2",
                    "classId": class_id,
                    "state": "ACTIVE",
                    "ticketNumber": "1204",
                    "barcode": {"type": "QR_CODE", "value": document.code, "alternateText": "W3M9-TRVYTB"},
                }
            ],
        },
    }


def test_neither_the_tariff_nor_the_order_is_told(document: TicketDocument):
    told = str(claims(document))
    for kept in (document.tariff_name, document.proof, document.order_reference, "1500", "EUR"):
        assert kept not in told


def test_the_link_stays_short_however_long_the_names(document: TicketDocument):
    wordy = msgspec.structs.replace(
        document, offer_name=LONG, venue_name=LONG, venue_address=LONG, establishment_name=LONG
    )
    usual, longest = (len(save_link(one, SLOT, ISSUER, now=NOW)) for one in (document, wordy))
    assert usual < 2_100
    assert longest < 2_500
    (event,) = claims(wordy)["payload"]["eventTicketClasses"]
    assert event["issuerName"] == "Ein außerordentlich ausführlicher Name — Ein außerordentlic…"


def test_a_venue_without_an_address_is_left_out(document: TicketDocument):
    (event,) = claims(msgspec.structs.replace(document, venue_address=""))["payload"]["eventTicketClasses"]
    assert "venue" not in event


@pytest.mark.parametrize(
    ("wrong", "detail"),
    [
        ("hello", "no private key in PEM"),
        (pem(leaf()), "no private key in PEM"),
        (key_pem("museum", b"secret"), "has a password"),
    ],
)
def test_a_bad_key_is_refused_and_not_quoted(wrong: str, detail: str):
    with pytest.raises(Invalid) as refused:
        check_account(msgspec.structs.replace(GOOD, private_key_pem=wrong))
    (error,) = refused.value.errors
    assert error.pointer == "#/private_key_pem"
    assert detail in error.detail
    assert wrong not in error.detail


@pytest.mark.parametrize(
    "wrong",
    [
        {"issuer_id": "3388 0000"},
        {"issuer_id": "3388/../1"},
        {"service_account_email": "tickets"},
        {"service_account_email": "a@b@c"},
        {"private_key_pem": ""},
        {"origins": ["https://museum.example"]},
    ],
)
def test_an_account_of_another_form_is_refused(wrong: dict[str, object]):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(google_wallet() | wrong, NewGoogleWallet)
