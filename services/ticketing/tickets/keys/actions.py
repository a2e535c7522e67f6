from uuid import UUID

import sqlalchemy as sa
from cryptography.hazmat.primitives import serialization
from sqlalchemy.dialects.postgresql import insert

from services.kit.database import WriteSession
from services.kit.sealing import Sealer
from services.ticketing.ledger.actions import NewEvent, append
from services.ticketing.tickets.code import new_signing_key, seal_signing_key
from services.ticketing.tickets.keys.queries import StoredKey, stored_keys
from services.ticketing.tickets.tables import signing_keys


async def ensure_signing_key(session: WriteSession, sealer: Sealer, establishment_id: UUID) -> list[StoredKey]:
    """The establishment's keys, with a first one if there was none."""
    await _add_key(session, sealer, establishment_id, 1)
    return await stored_keys(session, establishment_id)


async def rotate_signing_key(session: WriteSession, sealer: Sealer, establishment_id: UUID) -> StoredKey:
    """A new key signs as soon as every process knows it, within two minutes.

    Tickets issued before keep their code, which the retired key verifies.
    """
    keys = await stored_keys(session, establishment_id)
    await session.run(
        sa.update(signing_keys)
        .where(signing_keys.c.establishment_id == establishment_id, signing_keys.c.retired_at.is_(None))
        .values(retired_at=sa.func.now())
    )
    key_id = max((key.key_id for key in keys), default=0) + 1
    await _add_key(session, sealer, establishment_id, key_id)
    await append(
        session, establishment_id, NewEvent("signing_key.rotated", f"signing_key:{key_id}", {"key_id": key_id})
    )
    return (await stored_keys(session, establishment_id))[-1]


async def _add_key(session: WriteSession, sealer: Sealer, establishment_id: UUID, key_id: int) -> None:
    key = new_signing_key()
    # Two processes may both meet an establishment without a key: the first one's stays.
    await session.run(
        insert(signing_keys)
        .values(
            establishment_id=establishment_id,
            key_id=key_id,
            public_key=key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw),
            sealed_private_key=seal_signing_key(sealer, key, establishment_id, key_id),
        )
        .on_conflict_do_nothing()
    )
