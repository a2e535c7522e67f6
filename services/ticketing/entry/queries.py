from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from services.kit.database import ReadSession
from services.ticketing.tickets.keys.queries import stored_keys


async def verification_keys(session: ReadSession, establishment_id: UUID) -> dict[int, Ed25519PublicKey]:
    """By key id, the retired ones too: a ticket outlives the key that signed it."""
    keys = await stored_keys(session, establishment_id)
    return {key.key_id: Ed25519PublicKey.from_public_bytes(key.public_key) for key in keys}
