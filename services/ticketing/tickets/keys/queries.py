from datetime import timedelta
from uuid import UUID

import msgspec
import sqlalchemy as sa

from services.kit.database import ReadSession
from services.ticketing.tickets.tables import signing_keys

# How long a process may remember the keys of an establishment.
KEYS_MAX_AGE_SECONDS = 60


class SigningKeyCard(msgspec.Struct, frozen=True):
    """A key that verifies codes; `public_key` is the raw 32 bytes of Ed25519, in hexadecimal."""

    key_id: int
    public_key: str
    retired: bool


class StoredKey(msgspec.Struct, frozen=True):
    """A key as kept; only `tickets.signing` opens it. `known_everywhere`: no process can be unaware of it any more."""

    key_id: int
    public_key: bytes
    sealed_private_key: bytes
    retired: bool
    known_everywhere: bool


async def stored_keys(session: ReadSession, establishment_id: UUID) -> list[StoredKey]:
    """All keys of the establishment, in order of their making."""
    known_since = sa.func.now() - timedelta(seconds=2 * KEYS_MAX_AGE_SECONDS)
    rows = await session.all(
        sa.select(signing_keys, (signing_keys.c.created_at < known_since).label("known_everywhere"))
        .where(signing_keys.c.establishment_id == establishment_id)
        .order_by(signing_keys.c.key_id)
    )
    return [
        StoredKey(
            row.key_id,
            row.public_key,
            row.sealed_private_key,
            retired=row.retired_at is not None,
            known_everywhere=row.known_everywhere,
        )
        for row in rows
    ]


def card(key: StoredKey) -> SigningKeyCard:
    return SigningKeyCard(key_id=key.key_id, public_key=key.public_key.hex(), retired=key.retired)
