"""Who may speak to the hub: scanners of the entry pass by their signature, turnstiles by a token of the hub's own."""

import hashlib
import hmac
import secrets
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Final
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from parvis.gate_hub.desk import Caller
from parvis.gate_hub.journal import Journal, connect
from parvis.gate_hub.memory import Memory
from parvis.gate_hub.signing import (
    DEVICE_HEADER,
    SIGNATURE_HEADER,
    answer,
    base64url,
    from_base64url,
    question,
)
from services.kit.errors import Refused

TOKEN_PREFIX: Final = "pvh_"  # noqa: S105 - what tokens begin with
LOOK_AGAIN_SECONDS: Final = 1.0


class UnknownDevice(Refused):
    """Never `unauthenticated`: at that word a scanner takes itself for revoked and forgets everything."""

    status = 401
    code = "unknown_device"
    title = "This hub does not know the device"


class Question(msgspec.Struct, frozen=True):
    method: str
    path: str
    headers: dict[bytes, bytes]
    body: bytes


class Guard:
    def __init__(self, memory: Memory, journal: Journal, device_id: UUID, key: Ed25519PrivateKey) -> None:
        self._memory = memory
        self._journal = journal
        self._device_id = device_id
        self._key = key
        self._tokens: dict[bytes, str] = {}
        self._looked_at = -LOOK_AGAIN_SECONDS

    async def caller(self, asked: Question) -> Caller:
        """Raises `UnknownDevice`."""
        authorization = asked.headers.get(b"authorization", b"")
        if authorization.startswith(b"Bearer "):
            return await self._by_token(authorization.removeprefix(b"Bearer ").strip())
        try:
            device = self._memory.directory.devices[UUID(asked.headers[DEVICE_HEADER.encode()].decode())]
            signature = from_base64url(asked.headers[SIGNATURE_HEADER.encode()].decode())
            device.key.verify(signature, question(asked.method, asked.path, asked.body))
        except (KeyError, ValueError, InvalidSignature):
            raise UnknownDevice("Pair it with the instance while the hub has internet, and sign.") from None
        return Caller(f"device:{device.id}", device.name, device.gate_ids)

    def signed(self, asked: Question, status: int, body: bytes) -> list[tuple[bytes, bytes]]:
        """The headers by which a scanner knows that the answer is ours, and one to its question."""
        try:
            theirs = from_base64url(asked.headers.get(SIGNATURE_HEADER.encode(), b"").decode())
        except ValueError:
            theirs = b""
        if not theirs:
            return []
        signature = base64url(self._key.sign(answer(theirs, status, body)))
        return [
            (DEVICE_HEADER.encode(), str(self._device_id).encode()),
            (SIGNATURE_HEADER.encode(), signature.encode()),
        ]

    async def _by_token(self, token: bytes) -> Caller:
        digest = hashlib.sha256(token).digest()
        if not self._named(digest) and monotonic() - self._looked_at >= LOOK_AGAIN_SECONDS:
            # `parvis gate-hub token` may have made one since.
            self._looked_at = monotonic()
            self._tokens = await self._journal.tokens()
        name = self._named(digest)
        if not name:
            raise UnknownDevice("This is no token of this hub: `parvis gate-hub token` makes one.")
        return Caller(f"token:{name}", name)

    def _named(self, digest: bytes) -> str | None:
        return next((name for kept, name in self._tokens.items() if hmac.compare_digest(kept, digest)), None)


def make_token(path: Path, name: str) -> str:
    """Kept as a hash; one that had this name before is worth nothing from now on. Raises sqlite3.Error."""
    token = TOKEN_PREFIX + secrets.token_urlsafe(24)
    digest = hashlib.sha256(token.encode()).digest()
    with closing(connect(path)) as connection, connection:
        made_at = datetime.now(UTC).isoformat()
        connection.execute("INSERT OR REPLACE INTO tokens VALUES (?, ?, ?)", (name, digest, made_at))
    return token
