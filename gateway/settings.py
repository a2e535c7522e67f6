"""What an operator may decide about the gateway."""

from pathlib import Path
from secrets import token_bytes

import msgspec

from services.kit.web import MAX_BODY_BYTES


class Rate(msgspec.Struct, frozen=True):
    """So many requests in so many seconds, all of which may come at once. 0 requests: no limit."""

    requests: int
    seconds: int = 60


class Limits(msgspec.Struct, frozen=True):
    """Reads and writes count per establishment, and per key or device, or per address of a visitor.

    Many visitors may stand behind one address (a school, a mobile network), hence the generous numbers.
    """

    visitor_reads: Rate = Rate(6_000)
    visitor_writes: Rate = Rate(1_200)
    key_reads: Rate = Rate(60_000)
    key_writes: Rate = Rate(60_000)
    # Per address, over all establishments: wrong keys, tokens and pairing codes.
    failed_authentications: Rate = Rate(20)


class GatewaySettings(msgspec.Struct, frozen=True):
    """`trusted_proxies` are addresses or networks (`10.0.0.0/8`) whose `X-Forwarded-For` is believed.

    `authentication_cache_seconds` is how long a revoked key may go on working; 2 at most.
    `secret` is the instance's; without one each process makes its own, and takes no form that another gave out.
    `mailbox_folder` is where mail lies that may be read at `/demo/mailbox`, `mailbox_for_all` by other machines too.
    `payment_pages` are the origins where visitors pay: browsers let a form lead there only if the page said so.
    `metrics_token` opens `/metrics` to others than this machine, as a bearer token.
    """

    public_url: str
    secret: bytes = msgspec.field(default_factory=lambda: token_bytes(32))
    trusted_proxies: tuple[str, ...] = ()
    limits: Limits = Limits()
    max_body_bytes: int = MAX_BODY_BYTES
    body_timeout_seconds: float = 30
    drain_seconds: float = 10
    readiness_timeout_seconds: float = 2
    authentication_cache_seconds: float = 1
    authentication_cache_size: int = 10_000
    payment_pages: tuple[str, ...] = ()
    metrics_token: str | None = None
    mailbox_folder: Path | None = None
    mailbox_for_all: bool = False
