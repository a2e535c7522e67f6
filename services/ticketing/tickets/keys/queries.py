from uuid import UUID

import msgspec
import sqlalchemy as sa

from services.kit.database import ReadSession
from services.ticketing.tickets.tables import signing_keys


class SigningKeyCard(msgspec.Struct, frozen=True):
    """A key that verifies codes; `public_key` is the raw 32 bytes of Ed25519, in hexadecimal."""

    key_id: int
    public_key: str
    retired: bool


class StoredKey(msgspec.Struct, frozen=True):
    """A key as kept; only `tickets.signing` opens it."""

    key_id: int
    public_key: bytes
    sealed_private_key: bytes
    retired: bool


async def stored_keys(session: ReadSession, establishment_id: UUID) -> list[StoredKey]:
    """All keys of the establishment, in order of their making."""
    rows = await session.all(
        sa.select(signing_keys)
        .where(signing_keys.c.establishment_id == establishment_id)
        .order_by(signing_keys.c.key_id)
    )
    return [
        StoredKey(row.key_id, row.public_key, row.sealed_private_key, retired=row.retired_at is not None)
        for row in rows
    ]


def card(key: StoredKey) -> SigningKeyCard:
    return SigningKeyCard(key_id=key.key_id, public_key=key.public_key.hex(), retired=key.retired)
