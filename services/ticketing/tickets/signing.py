"""The keys that sign an establishment's ticket codes: one signs, the retired ones still verify."""

from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sqlalchemy.dialects.postgresql import insert

from services.kit.database import Database, ReadSession, WriteSession
from services.kit.recent import Recent
from services.kit.sealing import Sealer
from services.ticketing.ledger.actions import NewEvent, append
from services.ticketing.tickets.code import TicketPayload, new_signing_key, open_signing_key, seal_signing_key, sign
from services.ticketing.tickets.tables import signing_keys


class SigningKeyCard(msgspec.Struct, frozen=True):
    """A key that verifies codes; `public_key` is the raw 32 bytes of Ed25519, in hexadecimal."""

    key_id: int
    public_key: str
    retired: bool


class Keyring:
    """All keys of one establishment. Ed25519 is deterministic: signing again gives the same code."""

    def __init__(self, establishment_id: UUID, keys: dict[int, Ed25519PrivateKey], current: int) -> None:
        self._establishment_id = establishment_id
        self._keys = keys
        self.current = current

    def code(self, ticket: Any) -> str:  # noqa: ANN401 - any struct with the ticket's columns
        """The text of the ticket's QR code."""
        payload = TicketPayload(
            key_id=ticket.key_id,
            establishment_id=self._establishment_id,
            ticket_id=ticket.id,
            slot_id=ticket.slot_id,
            tariff_id=ticket.tariff_id,
            valid_from_seconds=int(ticket.valid_from.timestamp()),
            valid_until_seconds=int(ticket.valid_until.timestamp()),
            revision=ticket.revision,
        )
        return sign(payload, self._keys[ticket.key_id])

    def public_keys(self) -> dict[int, Ed25519PublicKey]:
        return {key_id: key.public_key() for key_id, key in self._keys.items()}


class Keyrings(Recent[UUID, Keyring]):
    """The keyring of each establishment, at most a minute old; the first use makes the first key."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        async def load(establishment_id: UUID) -> Keyring:
            keyring = await database.read(
                establishment_id, lambda session: read_keyring(session, sealer, establishment_id)
            )
            if keyring is None:
                keyring = await database.write(
                    establishment_id, lambda session: _first_key(session, sealer, establishment_id)
                )
            return keyring

        super().__init__(load, max_age_seconds=60)


async def read_keyring(session: ReadSession, sealer: Sealer, establishment_id: UUID) -> Keyring | None:
    rows = await session.all(
        sa.select(signing_keys)
        .where(signing_keys.c.establishment_id == establishment_id)
        .order_by(signing_keys.c.key_id)
    )
    if not rows:
        return None
    keys = {row.key_id: open_signing_key(sealer, row.sealed_private_key, establishment_id, row.key_id) for row in rows}
    return Keyring(establishment_id, keys, current=max(row.key_id for row in rows if row.retired_at is None))


async def list_signing_keys(session: ReadSession, establishment_id: UUID) -> list[SigningKeyCard]:
    rows = await session.all(
        sa.select(signing_keys.c.key_id, signing_keys.c.public_key, signing_keys.c.retired_at)
        .where(signing_keys.c.establishment_id == establishment_id)
        .order_by(signing_keys.c.key_id)
    )
    return [SigningKeyCard(row.key_id, row.public_key.hex(), row.retired_at is not None) for row in rows]


async def rotate_signing_key(session: WriteSession, sealer: Sealer, establishment_id: UUID) -> SigningKeyCard:
    """A new key signs from now on. Tickets issued before keep their code, which the retired key verifies."""
    last = await session.scalar(
        sa.select(sa.func.coalesce(sa.func.max(signing_keys.c.key_id), 0)).where(
            signing_keys.c.establishment_id == establishment_id
        )
    )
    await session.run(
        sa.update(signing_keys)
        .where(signing_keys.c.establishment_id == establishment_id, signing_keys.c.retired_at.is_(None))
        .values(retired_at=sa.func.now())
    )
    card = await _add_key(session, sealer, establishment_id, int(last) + 1)
    await append(
        session, establishment_id, NewEvent("signing_key.rotated", f"signing_key:{card.key_id}", {"key": card.key_id})
    )
    return card


async def _first_key(session: WriteSession, sealer: Sealer, establishment_id: UUID) -> Keyring:
    await _add_key(session, sealer, establishment_id, 1)
    keyring = await read_keyring(session, sealer, establishment_id)
    if keyring is None:
        raise LookupError("The key was inserted in this transaction.")
    return keyring


async def _add_key(session: WriteSession, sealer: Sealer, establishment_id: UUID, key_id: int) -> SigningKeyCard:
    key = new_signing_key()
    public = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    # Two processes may both meet an establishment without a key: the first one's stays.
    await session.run(
        insert(signing_keys)
        .values(
            establishment_id=establishment_id,
            key_id=key_id,
            public_key=public,
            sealed_private_key=seal_signing_key(sealer, key, establishment_id, key_id),
        )
        .on_conflict_do_nothing()
    )
    return SigningKeyCard(key_id=key_id, public_key=public.hex(), retired=False)
