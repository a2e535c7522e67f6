from collections.abc import Collection
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
import sqlalchemy as sa

from services.kit.database import ReadSession
from services.kit.errors import Unauthenticated
from services.kit.principal import Principal
from services.kit.rows import to_struct
from services.ticketing.access.queries import REFUSED, check_credential
from services.ticketing.access.rules import Credential
from services.ticketing.catalog.tables import gates
from services.ticketing.entry.devices.rules import UnknownPairingCode
from services.ticketing.entry.tables import devices, pairing_codes

KEYS_AT_A_TIME: Final = 50


class DeviceCard(msgspec.Struct, frozen=True):
    """A scanner as lists show it. Battery, uploads that wait and version are what it last told of itself."""

    id: UUID
    name: str
    gate_ids: list[UUID]
    may_search: bool
    created_at: datetime
    paired_at: datetime | None
    revoked_at: datetime | None
    last_seen_at: datetime | None
    battery_percent: int | None
    pending_uploads: int | None
    app_version: str | None


class DeviceKey(msgspec.Struct, frozen=True):
    """What a scanner signs with, for the others, and where it may stand. `public_key` is raw Ed25519."""

    id: UUID
    name: str
    public_key: bytes
    gate_ids: list[UUID]


class ScannerGate(msgspec.Struct, frozen=True):
    id: UUID
    name: str
    venue_id: UUID


async def device_principal(session: ReadSession, credential: Credential) -> Principal:
    """Who a scanner is, and at which gates. Raises `Unauthenticated`."""
    row = await session.first(
        sa.select(devices, devices.c.revoked_at.is_not(None).label("ended")).where(
            devices.c.establishment_id == credential.establishment_id,
            devices.c.id == credential.id,
            devices.c.secret_hash.is_not(None),
        )
    )
    check_credential(row, credential)
    may_search = row is not None and row.may_search
    return Principal(
        actor=f"device:{credential.id}",
        establishment_id=credential.establishment_id,
        scopes=frozenset({"entry:scan", "entry:search"} if may_search else {"entry:scan"}),
        gate_ids=frozenset(row.gate_ids if row else ()),
    )


async def check_paired(session: ReadSession, establishment_id: UUID, device_id: UUID | None) -> None:
    """Who was revoked a moment ago may still be remembered by the gateway. Raises `Unauthenticated`."""
    if device_id is None:
        return
    found = await session.first(
        sa.select(devices.c.id).where(
            devices.c.establishment_id == establishment_id, devices.c.id == device_id, devices.c.revoked_at.is_(None)
        )
    )
    if found is None:
        raise Unauthenticated(REFUSED)


async def list_devices(
    session: ReadSession, establishment_id: UUID, after: UUID | None, limit: int
) -> list[DeviceCard]:
    """The revoked ones too: their scans are still in the books."""
    return [to_struct(row, DeviceCard) for row in await session.all(_page(establishment_id, after, limit))]


async def scanner_gates(session: ReadSession, establishment_id: UUID, gate_ids: Collection[UUID]) -> list[ScannerGate]:
    """These gates, in order of id."""
    rows = await session.all(
        sa.select(gates.c.id, gates.c.name, gates.c.venue_id)
        .where(gates.c.establishment_id == establishment_id, gates.c.id.in_(gate_ids))
        .order_by(gates.c.id)
    )
    return [ScannerGate(row.id, row.name, row.venue_id) for row in rows]


async def device_keys(session: ReadSession, establishment_id: UUID) -> list[DeviceKey]:
    """Of all scanners that may scan now and have a key, in order of id."""
    # In pages: asked for all, the server would rather read through those of every establishment.
    rows = page = await session.all(_page(establishment_id, None, KEYS_AT_A_TIME))
    while len(page) == KEYS_AT_A_TIME:
        page = await session.all(_page(establishment_id, page[-1].id, KEYS_AT_A_TIME))
        rows = [*rows, *page]
    return [
        DeviceKey(row.id, row.name, row.public_key, row.gate_ids)
        for row in rows
        if row.public_key and row.revoked_at is None
    ]


async def establishment_of_code(session: ReadSession, code_hash: bytes) -> UUID:
    """Whose scanner a pairing code is for, as far as it is good. Raises `UnknownPairingCode`."""
    found: UUID | None = await session.scalar(
        sa.select(pairing_codes.c.establishment_id).where(
            pairing_codes.c.code_hash == code_hash, pairing_codes.c.expires_at > sa.func.now()
        )
    )
    if found is None:
        raise UnknownPairingCode
    return found


def _page(establishment_id: UUID, after: UUID | None, limit: int) -> sa.Select[Any]:
    statement = sa.select(devices).where(devices.c.establishment_id == establishment_id)
    if after is not None:
        statement = statement.where(devices.c.id > after)
    return statement.order_by(devices.c.id).limit(limit)
