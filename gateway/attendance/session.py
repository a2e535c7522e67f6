"""Who watches the attendance: a key, shown once, becomes a session that may read this and nothing else.

The cookie holds no key, only whose it is, sealed: it ends after eight hours whatever happens, and within seconds when
the key is revoked, since the service asks after the key at every look.
"""

import base64
import binascii
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from gateway.replies import Headers
from gateway.settings import GatewaySettings
from services.kit.errors import Forbidden
from services.kit.principal import Principal
from services.kit.sealing import SealBroken, Sealer

LIFETIME: Final = timedelta(hours=8)
# Only https may set a name with this prefix; no other host and no path can then overwrite the cookie.
SECURE_NAME, PLAIN_NAME = "__Host-parvis-attendance", "parvis-attendance"
SCOPE: Final = "reports:read"
_CONTEXT: Final = b"attendance session v1"
_KEY: Final = "key:"


class Session(msgspec.Struct, frozen=True):
    establishment_id: UUID
    key_id: UUID
    ends_at: datetime

    @property
    def principal(self) -> Principal:
        """Whatever else the key may do, this may read reports."""
        return Principal(
            actor=f"{_KEY}{self.key_id}", establishment_id=self.establishment_id, scopes=frozenset({SCOPE})
        )

    @property
    def is_over(self) -> bool:
        return datetime.now(UTC) >= self.ends_at


class Sessions:
    def __init__(self, settings: GatewaySettings) -> None:
        self._sealer = Sealer(settings.secret)
        self._is_secure = settings.public_url.startswith("https://")
        self._name = SECURE_NAME if self._is_secure else PLAIN_NAME

    def begin(self, principal: Principal) -> Headers:
        """The cookie of a session for this key. Raises `Forbidden` for who is no key, or may not read reports."""
        if not principal.actor.startswith(_KEY) or principal.establishment_id is None or not principal.may(SCOPE):
            raise Forbidden(f"A key of an establishment with the scope {SCOPE} is needed.")
        key_id = UUID(principal.actor.removeprefix(_KEY))
        session = Session(principal.establishment_id, key_id, datetime.now(UTC) + LIFETIME)
        sealed = self._sealer.seal(msgspec.json.encode(session), _CONTEXT)
        return self._cookie(base64.urlsafe_b64encode(sealed).decode(), LIFETIME)

    def end(self) -> Headers:
        return self._cookie("", timedelta(0))

    def find(self, cookies: dict[str, str]) -> Session | None:
        """None without a cookie of ours, and once it is too old."""
        try:
            sealed = base64.urlsafe_b64decode(cookies.get(self._name, "").encode("ascii"))
            session = msgspec.json.decode(self._sealer.open(sealed, _CONTEXT), type=Session)
        except (SealBroken, binascii.Error, UnicodeEncodeError, msgspec.DecodeError):
            return None
        return None if session.is_over else session

    def _cookie(self, value: str, lifetime: timedelta) -> Headers:
        secure = "; Secure" if self._is_secure else ""
        age = int(lifetime.total_seconds())
        text = f"{self._name}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax{secure}"
        return ((b"set-cookie", text.encode()),)
