"""An establishment's account with Google Wallet, checked before it is kept. Pure."""

from typing import Annotated

import msgspec

from services.ticketing.tickets.wallet import rsa


class NewGoogleWallet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From the console of Google Wallet, and from the JSON key of the service account that is allowed to issue there:
    `client_email` and `private_key`.
    """

    issuer_id: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,20}\Z", examples=["3388000000012345678"])]
    service_account_email: Annotated[
        str,
        msgspec.Meta(
            pattern=r"^[A-Za-z0-9._-]{1,100}@[A-Za-z0-9.-]{1,100}\Z",
            examples=["tickets@museum-tickets.iam.gserviceaccount.example"],
        ),
    ]
    private_key_pem: Annotated[str, msgspec.Meta(min_length=1, max_length=20_000)]


def check_account(new: NewGoogleWallet) -> bytes:
    """The key, bare, to be sealed. Raises `Invalid`.

    Whether Google knows the account is not asked: nothing is sent there but by a visitor's own click.
    """
    return rsa.to_store(rsa.read_key(new.private_key_pem, "/private_key_pem"))
