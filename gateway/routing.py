"""Which service answers a path, and what the gateway must know about the path to authenticate its caller."""

import re
from functools import lru_cache

import msgspec

from services.kit.errors import NotFound
from services.kit.principal_token import Service

ESTABLISHMENT = "/v1/establishments/{establishment}"
# Every resource of the API has a plain name: an encoded character in a path never leads anywhere.
PATH = re.compile(r"(?:/[A-Za-z0-9._~:@!$&'()*+,;=-]+)*/?")
MAX_PATH_LENGTH = 2_000


class Rule(msgspec.Struct, frozen=True):
    """`path` is a pattern: `{name}` stands for one segment, a final `**` for any number, also none.

    `token_in_query`: a GET may carry an order's token as `?token=`.
    `is_stream`: an answer without an end, which breaks off when this process does.
    `guessable`: a refused request was a try at a secret, and counts as a failed authentication.
    """

    path: str
    service: Service
    token_in_query: bool = False
    guessable: bool = False
    is_stream: bool = False


# The first that fits decides.
RULES = (
    Rule(f"{ESTABLISHMENT}/offers/{{offer}}/calendars/**", "inventory"),
    Rule(f"{ESTABLISHMENT}/offers/{{offer}}/availability", "inventory"),
    Rule(f"{ESTABLISHMENT}/closures/**", "inventory"),
    Rule(f"{ESTABLISHMENT}/gauges/**", "inventory"),
    Rule(f"{ESTABLISHMENT}/orders/{{order}}/**", "ticketing", token_in_query=True),
    Rule(f"{ESTABLISHMENT}/tickets/{{ticket}}/**", "ticketing", token_in_query=True),
    Rule(f"{ESTABLISHMENT}/attendance/stream", "ticketing", is_stream=True),
    Rule(f"{ESTABLISHMENT}/**", "ticketing"),
    Rule("/v1/payments/{provider}/{establishment}/**", "ticketing"),
    Rule("/v1/devices/pairing", "ticketing", guessable=True),
    Rule("/v1/**", "ticketing"),
)


class Route(msgspec.Struct, frozen=True):
    """`establishment` is the slug or id in the path, None on routes of the instance."""

    rule: Rule
    establishment: str | None


class _Pattern:
    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        segments = rule.path.split("/")
        self.is_open = segments[-1] == "**"
        self.segments = segments[:-1] if self.is_open else segments
        self.words = [(place, word) for place, word in enumerate(self.segments) if not word.startswith("{")]
        names = [place for place, word in enumerate(self.segments) if word == "{establishment}"]
        self.establishment = names[0] if names else None

    def fits(self, segments: list[str]) -> bool:
        length = len(self.segments)
        if len(segments) != length and not (self.is_open and len(segments) > length):
            return False
        return all(segments[place] == word for place, word in self.words)


_PATTERNS = tuple(_Pattern(rule) for rule in RULES)


@lru_cache(maxsize=4096)
def route_of(path: str) -> Route | None:
    """None for a path that no service owns."""
    segments = path.removesuffix("/").split("/")
    for pattern in _PATTERNS:
        if pattern.fits(segments):
            place = pattern.establishment
            return Route(rule=pattern.rule, establishment=None if place is None else segments[place])
    return None


def check_path(path: str, raw_path: bytes) -> None:
    """Raises `NotFound` for what is no text, and for what services might read in another way than we do."""
    if len(path) > MAX_PATH_LENGTH or not _is_plain(path):
        raise NotFound
    if b"%" in raw_path and b"%2f" in raw_path.lower():
        raise NotFound


@lru_cache(maxsize=4096)
def _is_plain(path: str) -> bool:
    if not path.startswith("/") or not PATH.fullmatch(path):
        return False
    return "/." not in path or not any(segment in {".", ".."} for segment in path.split("/"))
