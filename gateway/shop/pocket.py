"""The one cookie of the shop: what opens the orders, and the places in waiting lines, that are this browser's own.

Set when the first places are held, never before. Nothing is kept on our side.
"""

import re
from collections.abc import Sequence
from uuid import UUID

import msgspec

from gateway.replies import Headers
from gateway.shop.visit import Visit

# Only https may set a name with this prefix; no other host and no path can then overwrite the cookie.
SECURE_NAME, PLAIN_NAME = "__Host-parvis-order", "parvis-order"
ORDER, WAITING = "pvo", "pvw"
MAX_OPENERS = 10
MAX_AGE_SECONDS = 30 * 86_400
OPENER = re.compile(r"([A-Za-z0-9-]{1,64})~([0-9a-f]{32})~((pvo|pvw)_[0-9A-Za-z_]{1,100})")


class Opener(msgspec.Struct, frozen=True):
    """Opens one order (`pvo_…`) or one place in a waiting line (`pvw_…`) of an establishment."""

    slug: str
    id: UUID
    token: str

    @property
    def kind(self) -> str:
        return self.token[:3]


class Pocket:
    """What a visitor brought. The first order of an establishment is the one that is being made."""

    def __init__(self, visit: Visit, public_url: str) -> None:
        self._is_secure = public_url.startswith("https://")
        self._slug = visit.view.slug
        self._openers = _read(visit.cookies.get(SECURE_NAME if self._is_secure else PLAIN_NAME, ""))

    @property
    def current(self) -> Opener | None:
        return next((one for one in self._openers if one.slug == self._slug and one.kind == ORDER), None)

    def find(self, kind: str, wanted: str) -> Opener | None:
        """By its id as a page's path has it."""
        return next(
            (one for one in self._openers if (one.slug, one.kind, str(one.id)) == (self._slug, kind, wanted)), None
        )

    def with_first(self, opener: Opener) -> Headers:
        """As the order that is being made; the oldest opener falls out of a full pocket."""
        return self._cookie([opener, *self._others(opener)][:MAX_OPENERS])

    def with_last(self, opener: Opener) -> Headers:
        """Beside the order that is being made."""
        return self._cookie([*self._others(opener)[: MAX_OPENERS - 1], opener])

    def without(self, opener: Opener) -> Headers:
        return self._cookie(self._others(opener))

    def _others(self, opener: Opener) -> list[Opener]:
        return [one for one in self._openers if one.id != opener.id]

    def _cookie(self, openers: Sequence[Opener]) -> Headers:
        name, secure = (SECURE_NAME, "; Secure") if self._is_secure else (PLAIN_NAME, "")
        value = ".".join(f"{one.slug}~{one.id.hex}~{one.token}" for one in openers)
        age = MAX_AGE_SECONDS if openers else 0
        return (
            (b"set-cookie", f"{name}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax{secure}".encode("latin-1")),
        )


def _read(value: str) -> list[Opener]:
    found = [OPENER.fullmatch(piece) for piece in value.split(".")[:MAX_OPENERS]]
    return [Opener(match.group(1), UUID(match.group(2)), match.group(3)) for match in found if match]
