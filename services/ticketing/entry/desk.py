"""Where scans arrive: the code is read and verified here, then the scan leaves with its batch."""

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Final
from uuid import UUID

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from services.kit.batching import Batcher
from services.kit.clock import Clock
from services.kit.database import Database, violates
from services.kit.errors import Invalid
from services.kit.principal import Principal
from services.kit.recent import Recent
from services.ticketing.entry.actions import record_scans
from services.ticketing.entry.queries import verification_keys
from services.ticketing.entry.requests import AskedScan, NewScan, ReadCode
from services.ticketing.entry.rules import deciding_time
from services.ticketing.tickets.code import (
    PREFIX,
    CodeRefused,
    MalformedCode,
    normalise_short_code,
    read,
    verify_signed,
)

KEYS_MAX_AGE_SECONDS: Final = 1.0
# What readers that act as a keyboard put around a code. Not the space: base45 has it, a code may end with one.
LINE_ENDS: Final = "\r\n\t"


class EntryDesk:
    """Scans of one establishment leave in batches, one transaction each."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._keys: Recent[UUID, Mapping[int, Ed25519PublicKey]] = Recent(
            self._load_keys, max_age_seconds=KEYS_MAX_AGE_SECONDS
        )
        self._scanning: Batcher[UUID, AskedScan, bytes] = Batcher("scan", self._record)

    async def scan(self, principal: Principal, scan: NewScan) -> bytes:
        """The answer as JSON, the same to the byte when the scan is repeated.

        Raises `Invalid` for an unknown gate, `Conflict` when the id belongs to another scan.
        """
        try:
            scanned_at = scan.scanned_at.astimezone(UTC)
        except OverflowError:
            raise Invalid.field("/scanned_at", "No calendar holds this moment.") from None
        asked = AskedScan(
            scan=msgspec.structs.replace(scan, scanned_at=scanned_at),
            code=await self._read(principal.tenant, scan.code.strip(LINE_ENDS)),
            actor=principal.actor,
            device_gate_ids=principal.gate_ids,
            at=deciding_time(scanned_at, self._clock.now(), offline=scan.offline),
        )
        return await self._scanning.submit(principal.tenant, asked)

    async def close(self) -> None:
        """Answers what was accepted. The database belongs to whoever gave it."""
        await self._scanning.close()

    async def _read(self, establishment_id: UUID, code: str) -> ReadCode:
        if not code.startswith(PREFIX):
            return _read_short_code(code)
        try:
            signed = read(code)
        except MalformedCode:
            return ReadCode(refusal="unknown_ticket")
        if signed.payload.establishment_id != establishment_id:
            return ReadCode(refusal="wrong_establishment")
        keys = await self._keys.get(establishment_id)
        if signed.payload.key_id not in keys:
            # Perhaps a key of this very second: its first tickets are as good as all others.
            self._keys.forget(establishment_id)
            keys = await self._keys.get(establishment_id)
        try:
            payload = verify_signed(signed, keys)
        except CodeRefused:
            return ReadCode(refusal="forged")
        return ReadCode(ticket_id=payload.ticket_id, revision=payload.revision)

    async def _load_keys(self, establishment_id: UUID) -> Mapping[int, Ed25519PublicKey]:
        return await self._database.read(establishment_id, lambda session: verification_keys(session, establishment_id))

    async def _record(self, establishment_id: UUID, asked: Sequence[AskedScan]) -> Sequence[bytes | Exception]:
        try:
            return await self._record_once(establishment_id, asked)
        except Exception as error:
            if not violates(error, "pk_scans"):
                raise
            # Another process answered one of these scans between our look and our write; now we see its answer.
            return await self._record_once(establishment_id, asked)

    async def _record_once(self, establishment_id: UUID, asked: Sequence[AskedScan]) -> Sequence[bytes | Exception]:
        return await self._database.write(
            establishment_id, lambda session: record_scans(session, establishment_id, asked)
        )


def _read_short_code(text: str) -> ReadCode:
    try:
        return ReadCode(short_code=normalise_short_code(text))
    except MalformedCode:
        return ReadCode(refusal="unknown_ticket")
