from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from services.kit.database import ReadSession
from services.ticketing.tickets.signing import list_signing_keys


async def verification_keys(session: ReadSession, establishment_id: UUID) -> dict[int, Ed25519PublicKey]:
    """By key id, the retired ones too: a ticket outlives the key that signed it."""
    cards = await list_signing_keys(session, establishment_id)
    return {card.key_id: Ed25519PublicKey.from_public_bytes(bytes.fromhex(card.public_key)) for card in cards}
