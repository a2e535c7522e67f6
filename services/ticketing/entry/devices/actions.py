"""Scanners: made for gates, revoked at once."""

from uuid import UUID

import msgspec
import sqlalchemy as sa

from services.kit.database import WriteSession
from services.kit.errors import Invalid, NotFound
from services.kit.ids import new_id
from services.ticketing.access.rules import new_credential
from services.ticketing.catalog.tables import gates
from services.ticketing.entry.tables import devices
from services.ticketing.ledger.actions import NewEvent, append


class DeviceToken(msgspec.Struct, frozen=True):
    id: UUID
    name: str
    gate_ids: list[UUID]
    device_token: str


async def create_device(
    session: WriteSession, establishment_id: UUID, name: str, gate_ids: list[UUID], *, mode: str
) -> DeviceToken:
    """A scanner bound to gates of its establishment. Raises `Invalid` for no gate, or one that is not there."""
    gate_ids = list(dict.fromkeys(gate_ids))
    if not gate_ids:
        raise Invalid.field("/gate_ids", "A scanner needs a gate to stand at.")
    known = await session.all(
        sa.select(gates.c.id).where(gates.c.establishment_id == establishment_id, gates.c.id.in_(gate_ids))
    )
    if len(known) != len(gate_ids):
        raise Invalid.field("/gate_ids", "At least one of these gates does not exist.")
    device_id = new_id()
    token, digest = new_credential(f"pvd_{mode}", establishment_id, device_id)
    await session.run(
        sa.insert(devices).values(
            establishment_id=establishment_id, id=device_id, name=name, gate_ids=gate_ids, secret_hash=digest
        )
    )
    await append(session, establishment_id, NewEvent("device.created", f"device:{device_id}", {"name": name}))
    return DeviceToken(id=device_id, name=name, gate_ids=gate_ids, device_token=token)


async def revoke_device(session: WriteSession, establishment_id: UUID, device_id: UUID) -> None:
    """A revoked scanner stays revoked; revoking it again changes nothing. Raises `NotFound`."""
    own = (devices.c.establishment_id == establishment_id, devices.c.id == device_id)
    revoked = await session.run(
        sa.update(devices).where(*own, devices.c.revoked_at.is_(None)).values(revoked_at=sa.func.now())
    )
    if revoked:
        await append(session, establishment_id, NewEvent("device.revoked", f"device:{device_id}", {}))
    elif await session.first(sa.select(devices.c.id).where(*own)) is None:
        raise NotFound
