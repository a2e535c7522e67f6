"""Sealing the holders of a whole day's tickets beside everything else that the process does."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from services.ticketing.entry.passes.queries import PassRow
from services.ticketing.entry.passes.sealing import Attendee, seal_attendee
from services.ticketing.tickets.code import grouped
from services.ticketing.tickets.signing import Keyring

# A ticket is sealed once for all scanners: the day of a large museum fits, in some ten megabytes.
SEALED_REMEMBERED: Final = 10_000
# Two milliseconds; then whoever scans or buys in this process has a turn.
SEALED_AT_A_TIME: Final = 32


class _Sealable(msgspec.Struct, frozen=True):
    """All that a blob depends on."""

    id: UUID
    slot_id: UUID
    tariff_id: UUID
    valid_from: datetime
    valid_until: datetime
    revision: int
    key_id: int
    attendee: Attendee


class Blobs:
    """To seal takes a signature: the key is made of the ticket's code, which is kept nowhere."""

    def __init__(self) -> None:
        self._known: dict[_Sealable, str] = {}
        self._one_at_a_time = asyncio.Lock()

    async def of(self, keyring: Keyring, rows: Sequence[PassRow]) -> list[str]:
        """In the order of `rows`. Who asks while another's are being made finds many of them made."""
        blobs: list[str] = []
        async with self._one_at_a_time:
            for start in range(0, len(rows), SEALED_AT_A_TIME):
                blobs += [self._blob(keyring, row) for row in rows[start : start + SEALED_AT_A_TIME]]
                await asyncio.sleep(0)
        return blobs

    def _blob(self, keyring: Keyring, row: PassRow) -> str:
        ticket = _sealable(row)
        blob = self._known.get(ticket)
        if blob is None:
            code = keyring.code_in_passing(ticket)
            blob = self._known[ticket] = seal_attendee(ticket.attendee, ticket_id=ticket.id, code=code)
            if len(self._known) > SEALED_REMEMBERED:
                del self._known[next(iter(self._known))]
        return blob


def _sealable(row: PassRow) -> _Sealable:
    return _Sealable(
        id=row.id,
        slot_id=row.slot_id,
        tariff_id=row.tariff_id,
        valid_from=row.valid_from,
        valid_until=row.valid_until,
        revision=row.revision,
        key_id=row.key_id,
        attendee=Attendee(row.customer_name, row.reference, grouped(row.short_code), row.number),
    )
