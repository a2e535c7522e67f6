"""What a scanned text names, once its signature is verified."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from services.kit.database import Database
from services.kit.recent import Recent
from services.ticketing.entry.queries import verification_keys
from services.ticketing.entry.requests import ReadCode
from services.ticketing.tickets.code import (
    PREFIX,
    CodeRefused,
    MalformedCode,
    SignedTicket,
    normalise_short_code,
    read,
    verify_signed,
)

KEYS_MAX_AGE_SECONDS: Final = 1.0
# What readers that act as a keyboard put around a code. Not the space: base45 has it, a code may end with one.
LINE_ENDS: Final = "\r\n\t"


class CodeReader:
    """Verifies codes of any establishment, with its keys at most a second old."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._keys: Recent[UUID, Mapping[int, Ed25519PublicKey]] = Recent(
            self._load_keys, max_age_seconds=KEYS_MAX_AGE_SECONDS
        )

    async def read(self, establishment_id: UUID, text: str) -> ReadCode:
        claim = claim_of(establishment_id, text)
        if isinstance(claim, ReadCode):
            return claim
        keys = await self._keys.get(establishment_id)
        if claim.payload.key_id not in keys:
            # Perhaps a key of this very second: its first tickets are as good as all others.
            self._keys.forget(establishment_id)
            keys = await self._keys.get(establishment_id)
        return proven(claim, keys)

    async def _load_keys(self, establishment_id: UUID) -> Mapping[int, Ed25519PublicKey]:
        return await self._database.read(establishment_id, lambda session: verification_keys(session, establishment_id))


def claim_of(establishment_id: UUID, text: str) -> SignedTicket | ReadCode:
    """What a text says that is to be verified yet, or what it comes to without a signature."""
    code = text.strip(LINE_ENDS)
    if not code.startswith(PREFIX):
        return _read_short_code(code)
    try:
        signed = read(code)
    except MalformedCode:
        return ReadCode(refusal="unknown_ticket")
    if signed.payload.establishment_id != establishment_id:
        return ReadCode(refusal="wrong_establishment")
    return signed


def proven(claim: SignedTicket, keys: Mapping[int, Ed25519PublicKey]) -> ReadCode:
    try:
        payload = verify_signed(claim, keys)
    except CodeRefused:
        return ReadCode(refusal="forged")
    return ReadCode(ticket_id=payload.ticket_id, revision=payload.revision)


def _read_short_code(text: str) -> ReadCode:
    try:
        return ReadCode(short_code=normalise_short_code(text))
    except MalformedCode:
        return ReadCode(refusal="unknown_ticket")
