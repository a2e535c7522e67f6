"""What may come in from outside, and what every answer carries."""

from collections.abc import Iterable
from functools import lru_cache

from gateway.replies import Headers
from services.kit.errors import Malformed

HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
# The principal says who asks. A service that could read the credential would one day trust it.
CREDENTIALS = frozenset({b"authorization", b"cookie"})
UNTRUSTED_PREFIXES = (b"x-", b"parvis-", b"remote-", b"forwarded")
ONCE = (b"host", b"content-length", b"authorization", b"content-type", b"idempotency-key")
CRITICAL = frozenset({*ONCE, b"transfer-encoding"})
# A client may not talk a proxy out of a header that says where a request ends or what it is.
NOT_BY_NOMINATION = frozenset({b"content-length", b"content-type", b"host", b"idempotency-key"})

API_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
# Open to pages of any origin: nothing here is granted by a cookie, so a foreign page can do no more than its reader.
CORS: Headers = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"ETag, Location, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id"),
)
PREFLIGHT: Headers = (
    (b"access-control-allow-methods", API_METHODS),
    (b"access-control-allow-headers", b"Accept-Language, Authorization, Content-Type, Idempotency-Key, If-None-Match"),
    (b"access-control-max-age", b"86400"),
)
CONTENT_SECURITY_POLICY = (
    b"default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
    b"frame-ancestors 'none'"
)


def incoming(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers that a service may see. Raises `Malformed` where two readers could understand two requests."""
    kept: list[tuple[bytes, bytes]] = []
    nominated: set[bytes] = set()
    critical: list[bytes] = []
    for header in headers:
        name = header[0]
        if is_passed_on(name):
            kept.append(header)
        if name in CRITICAL:
            critical.append(name)
        elif name == b"connection" and header[1] != b"keep-alive":
            nominated |= {token.strip().lower() for token in header[1].split(b",")} - NOT_BY_NOMINATION
    if len(critical) > 1:
        _check_critical(critical)
    return [header for header in kept if header[0] not in nominated] if nominated else kept


def _check_critical(names: list[bytes]) -> None:
    for name in ONCE:
        if names.count(name) > 1:
            raise Malformed(f"The header {name.decode()} may be sent once only.")
    if b"transfer-encoding" in names and b"content-length" in names:
        raise Malformed("A body has either a length or an encoding for transfer.")


@lru_cache(maxsize=1024)
def is_passed_on(name: bytes) -> bool:
    # Some servers take `_` for `-`, so both spellings of a name must meet the same fate.
    name = name.replace(b"_", b"-").lower()
    return name not in HOP_BY_HOP and name not in CREDENTIALS and not name.startswith(UNTRUSTED_PREFIXES)


@lru_cache(maxsize=1024)
def is_passed_back(name: bytes) -> bool:
    name = name.lower()
    return name not in HOP_BY_HOP and name not in {b"server", b"x-powered-by", b"date"}


class OutgoingHeaders:
    """Adds to an answer what the services need not know about."""

    def __init__(self, public_url: str) -> None:
        common = [(b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer")]
        if public_url.startswith("https://"):
            common.append((b"strict-transport-security", b"max-age=31536000"))
        self._common = tuple(common)

    def complete(self, headers: Iterable[tuple[bytes, bytes]], more: Headers) -> list[tuple[bytes, bytes]]:
        answer = [header for header in headers if is_passed_back(header[0])]
        names = {name for name, _ in answer}
        if b"cache-control" not in names:
            answer.append((b"cache-control", b"no-store"))
        if b"content-security-policy" not in names:
            answer.append((b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"))
        answer += [header for header in self._common if header[0] not in names]
        answer += more
        return answer
