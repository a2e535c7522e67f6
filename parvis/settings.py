"""Everything a process is told from outside, read from the environment in this one place."""

import base64
import binascii
from collections.abc import Mapping

import msgspec

from parvis.errors import CannotProceed

MIN_SECRET_BYTES = 32


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """`PARVIS_` and the field's name in capitals is its variable. Empty means: not given."""

    database_url: str = ""
    """The owner of the tables; only `parvis migrate` and `parvis verify` use it."""
    inventory_database_url: str = ""
    ticketing_database_url: str = ""
    """The service roles, which own nothing and cannot bypass row-level security."""
    valkey_url: str = ""
    secret: str = ""
    """32 random bytes in base64: seals what is encrypted at rest and signs access tokens. Back it up."""
    public_url: str = "http://127.0.0.1:8000"
    """How visitors reach this instance, without a slash at the end."""
    stripe_api_key: str = ""
    stripe_api_url: str = ""
    """Empty: Stripe itself. The demo puts its stand-in here."""
    stripe_webhook_secret: str = ""
    smtp_url: str = ""
    """`smtp://user:password@host:587` or `smtps://…:465`. Empty: mail becomes files in the data folder."""
    mail_from: str = ""
    """The bare address that all mail comes from. Empty: no-reply at the host of `public_url`."""
    ticketing_url: str = ""
    inventory_url: str = ""
    """Where the services listen when each is a process of its own."""
    data: str = ""
    """The data folder of an embedded instance; the demo leaves its keys there."""
    workers: int = 1
    pool_size: int = 8
    """Database connections of each service in each worker."""
    log_level: str = "INFO"
    trusted_proxies: str = ""
    """Addresses whose X-Forwarded-For is believed, separated by commas."""
    metrics_token: str = ""
    read_rate_per_minute: int = 6000
    write_rate_per_minute: int = 1200
    """Per client and establishment; 0 switches the limit off."""
    test_mode: bool = False
    """Keys are made as pvs_test_… instead of pvs_live_…"""

    def secret_bytes(self) -> bytes:
        """Raises `CannotProceed` for a secret that is absent, no base64 or too short."""
        try:
            secret = base64.b64decode(self.secret, validate=True)
        except binascii.Error:
            secret = b""
        if len(secret) < MIN_SECRET_BYTES:
            raise CannotProceed("PARVIS_SECRET must hold 32 random bytes in base64: openssl rand -base64 32")
        return secret


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Raises `CannotProceed` naming the variable that cannot be understood."""
    given = {
        field.name: environment[f"PARVIS_{field.name.upper()}"]
        for field in msgspec.structs.fields(Settings)
        if environment.get(f"PARVIS_{field.name.upper()}")
    }
    try:
        return msgspec.convert(given, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise CannotProceed(f"A PARVIS_ variable cannot be understood: {error}") from error
