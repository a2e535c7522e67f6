"""The keys that sign an establishment's ticket codes: one signs, the retired ones still verify."""

from functools import lru_cache
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.kit.database import Database
from services.kit.recent import Recent
from services.kit.sealing import Sealer
from services.ticketing.tickets.code import TicketPayload, open_signing_key, sign
from services.ticketing.tickets.keys.actions import ensure_signing_key
from services.ticketing.tickets.keys.queries import KEYS_MAX_AGE_SECONDS, StoredKey, stored_keys

CODES_REMEMBERED = 1000


class Keyring:
    """All keys of one establishment. Ed25519 is deterministic: signing again gives the same code.

    So the last codes are remembered: a sale signs before it waits for its lock, and shows the code under it.
    """

    def __init__(self, establishment_id: UUID, keys: dict[int, Ed25519PrivateKey], current: int) -> None:
        self._establishment_id = establishment_id
        self._keys = keys
        self._sign = lru_cache(maxsize=CODES_REMEMBERED)(self._signed)
        self.current = current

    def code(self, ticket: Any) -> str:  # noqa: ANN401 - any struct with the ticket's columns
        """The text of the ticket's QR code."""
        return self._sign(self._payload(ticket))

    def code_in_passing(self, ticket: Any) -> str:  # noqa: ANN401 - as above
        """As `code`, for who goes through thousands: what sales have just signed stays remembered."""
        return self._signed(self._payload(ticket))

    def _signed(self, payload: TicketPayload) -> str:
        return sign(payload, self._keys[payload.key_id])

    def _payload(self, ticket: Any) -> TicketPayload:  # noqa: ANN401 - as above
        return TicketPayload(
            key_id=ticket.key_id,
            establishment_id=self._establishment_id,
            ticket_id=ticket.id,
            slot_id=ticket.slot_id,
            tariff_id=ticket.tariff_id,
            valid_from_seconds=int(ticket.valid_from.timestamp()),
            valid_until_seconds=int(ticket.valid_until.timestamp()),
            revision=ticket.revision,
        )


class Keyrings(Recent[UUID, Keyring]):
    """The keyring of each establishment, at most a minute old; the first use makes the first key."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        async def load(establishment_id: UUID) -> Keyring:
            stored = await database.read(establishment_id, lambda session: stored_keys(session, establishment_id))
            if not stored:
                stored = await database.write(
                    establishment_id, lambda session: ensure_signing_key(session, sealer, establishment_id)
                )
            return _opened(sealer, establishment_id, stored)

        super().__init__(load, max_age_seconds=KEYS_MAX_AGE_SECONDS)


def _opened(sealer: Sealer, establishment_id: UUID, stored: list[StoredKey]) -> Keyring:
    keys = {
        key.key_id: open_signing_key(sealer, key.sealed_private_key, establishment_id, key.key_id) for key in stored
    }
    # A new key signs once every process knows it: another one could not show a ticket that it signed before.
    known = [key.key_id for key in stored if key.known_everywhere]
    return Keyring(establishment_id, keys, current=max(known, default=stored[0].key_id))
