"""What ticketing is told about the instance that it runs in."""

import msgspec


class Site(msgspec.Struct, frozen=True):
    """`secret` derives order tokens and seals what is encrypted at rest; `key_mode` is `live` or `test`."""

    public_url: str
    secret: bytes
    key_mode: str = "live"
