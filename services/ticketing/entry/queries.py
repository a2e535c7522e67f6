from datetime import date, datetime
from uuid import UUID

import msgspec
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from services.kit.database import ReadSession
from services.ticketing.catalog.tables import gates, venues
from services.ticketing.entry.locked import Bearings
from services.ticketing.entry.rules import Reason
from services.ticketing.entry.tables import devices
from services.ticketing.tickets.keys.queries import stored_keys

# Of the day as the gate's venue has it. Undone passages contradict nobody.
CONFLICTS = """
SELECT scans.id, scans.ticket_id, tickets.number AS ticket_number, scans.direction, scans.actor, scans.objection,
       scans.judged_at AS at, scans.gate_id, gates.name AS gate,
       earlier.id AS earlier_id, earlier.judged_at AS earlier_at, earlier.gate_id AS earlier_gate_id,
       earlier_gates.name AS earlier_gate, earlier.actor AS earlier_actor
FROM ticketing.scans
JOIN ticketing.gates ON gates.establishment_id = $1 AND gates.id = scans.gate_id
JOIN ticketing.venues ON venues.establishment_id = $1 AND venues.id = gates.venue_id
LEFT JOIN ticketing.tickets ON tickets.establishment_id = $1 AND tickets.id = scans.ticket_id
LEFT JOIN ticketing.scans AS earlier ON earlier.establishment_id = $1 AND earlier.id = scans.conflict_with
LEFT JOIN ticketing.gates AS earlier_gates
    ON earlier_gates.establishment_id = $1 AND earlier_gates.id = earlier.gate_id
WHERE scans.establishment_id = $1 AND (scans.conflict_with IS NOT NULL OR scans.objection IS NOT NULL)
  AND scans.judged_at >= ($2::date - 1)::timestamptz AND scans.judged_at < ($2::date + 2)::timestamptz
  AND (scans.judged_at AT TIME ZONE venues.timezone)::date = $2::date
  AND NOT EXISTS (SELECT FROM ticketing.scan_undos
                  WHERE scan_undos.establishment_id = $1 AND scan_undos.scan_id = scans.id)
ORDER BY scans.judged_at, scans.id"""


class ConflictingScan(msgspec.Struct, frozen=True):
    """`gate` and `device` are names; `device` is null for who is no scanner."""

    scan_id: UUID
    at: datetime
    gate_id: UUID
    gate: str | None
    device: str | None


class FoundConflict(msgspec.Struct, frozen=True):
    """Somebody passed who should not have. `kind` is why; `earlier` the admission that `already_admitted` is about."""

    kind: Reason
    ticket_id: UUID | None
    ticket_number: int | None
    scan: ConflictingScan
    earlier: ConflictingScan | None


class Conflicts(msgspec.Struct, frozen=True):
    items: list[FoundConflict]


async def verification_keys(session: ReadSession, establishment_id: UUID) -> dict[int, Ed25519PublicKey]:
    """By key id, the retired ones too: a ticket outlives the key that signed it."""
    keys = await stored_keys(session, establishment_id)
    return {key.key_id: Ed25519PublicKey.from_public_bytes(key.public_key) for key in keys}


async def read_bearings(session: ReadSession, establishment_id: UUID) -> Bearings:
    """Two statements; who counts people inside is for inventory to say."""
    found = await session.all(
        sa.select(gates.c.id, gates.c.name, venues.c.timezone)
        .join(
            venues,
            sa.and_(venues.c.establishment_id == gates.c.establishment_id, venues.c.id == gates.c.venue_id),
        )
        .where(gates.c.establishment_id == establishment_id, venues.c.establishment_id == establishment_id)
    )
    named = await session.all(
        sa.select(devices.c.id, devices.c.name).where(devices.c.establishment_id == establishment_id)
    )
    return Bearings(
        gates={row.id: row.name for row in found},
        timezones={row.id: row.timezone for row in found},
        devices={row.id: row.name for row in named},
    )


async def conflicts_of(session: ReadSession, establishment_id: UUID, day: date) -> Conflicts:
    rows = await session.fetch(CONFLICTS, establishment_id, day)
    bearings = await read_bearings(session, establishment_id)
    return Conflicts(
        [
            FoundConflict(
                kind="already_admitted" if row["earlier_id"] else row["objection"],
                ticket_id=row["ticket_id"],
                ticket_number=row["ticket_number"],
                scan=ConflictingScan(row["id"], row["at"], row["gate_id"], row["gate"], bearings.device(row["actor"])),
                earlier=ConflictingScan(
                    row["earlier_id"],
                    row["earlier_at"],
                    row["earlier_gate_id"],
                    row["earlier_gate"],
                    bearings.device(row["earlier_actor"]),
                )
                if row["earlier_id"]
                else None,
            )
            for row in rows
        ]
    )
