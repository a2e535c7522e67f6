"""Scanners: made for gates, paired by a code that works once, revoked at once."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
import sqlalchemy as sa

from services.kit.database import WriteSession
from services.kit.errors import Conflict, Invalid, NotFound, Unauthenticated
from services.kit.ids import new_id
from services.ticketing.access.queries import REFUSED
from services.ticketing.access.rules import new_credential
from services.ticketing.catalog.tables import gates
from services.ticketing.entry.devices.rules import PAIRING_LIFETIME, UnknownPairingCode
from services.ticketing.entry.tables import devices, pairing_codes
from services.ticketing.ledger.actions import NewEvent, append

DeviceName = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
NAMELESS = "Scanner"


class NewDevice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`may_search`: its staff may look visitors up by name."""

    gate_ids: Annotated[list[UUID], msgspec.Meta(min_length=1, max_length=50)]
    name: DeviceName | None = None
    may_search: bool = False


class DeviceToken(msgspec.Struct, frozen=True):
    """The only time that `device_token` is shown: only its hash is kept."""

    id: UUID
    name: str
    gate_ids: list[UUID]
    device_token: str
    may_search: bool = False


class OfferedDevice(msgspec.Struct, frozen=True):
    """A scanner that waits to be paired."""

    id: UUID
    name: str
    gate_ids: list[UUID]
    may_search: bool
    expires_at: datetime


class DeviceStatus(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a scanner tells about itself; `pending_uploads` are scans that the server has not seen."""

    pending_uploads: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
    app_version: Annotated[str, msgspec.Meta(min_length=1, max_length=50)]
    battery_percent: Annotated[int, msgspec.Meta(ge=0, le=100)] | None = None


class Phone(msgspec.Struct, frozen=True):
    """What wants to be a scanner. `public_key` is raw Ed25519, None for a turnstile."""

    name: str | None
    public_key: bytes | None


async def create_device(
    session: WriteSession, establishment_id: UUID, name: str, gate_ids: list[UUID], *, mode: str
) -> DeviceToken:
    """A scanner that has its token from the start, for programs that run beside the instance.

    Raises `Invalid` for no gate, or one that is not there.
    """
    device_id, known = new_id(), await _known_gates(session, establishment_id, gate_ids)
    token, digest = new_credential(f"pvd_{mode}", establishment_id, device_id)
    await _insert(session, establishment_id, device_id, name=name, gate_ids=known, secret_hash=digest)
    return DeviceToken(id=device_id, name=name, gate_ids=known, device_token=token)


async def add_device(
    session: WriteSession, establishment_id: UUID, new: NewDevice, *, code_hash: bytes
) -> OfferedDevice:
    """A scanner that waits to be paired. Raises `Invalid` for a gate that is not there."""
    device_id, known = new_id(), await _known_gates(session, establishment_id, new.gate_ids)
    name = new.name or NAMELESS
    await _insert(session, establishment_id, device_id, name=name, gate_ids=known, may_search=new.may_search)
    return await offer_pairing(session, establishment_id, device_id, code_hash=code_hash)


async def offer_pairing(
    session: WriteSession, establishment_id: UUID, device_id: UUID, *, code_hash: bytes
) -> OfferedDevice:
    """A code for this scanner, in place of one that it still had. Its old token works until the code is used.

    Raises `NotFound`, and `Conflict` for a scanner that was revoked.
    """
    row = await session.first(
        sa.select(devices).where(devices.c.establishment_id == establishment_id, devices.c.id == device_id)
    )
    if row is None:
        raise NotFound
    if row.revoked_at is not None:
        raise Conflict("This scanner was revoked: make a new one.")
    await _forget_codes(session, establishment_id, device_id)
    offered = await session.first(
        sa.insert(pairing_codes)
        .values(
            code_hash=code_hash,
            establishment_id=establishment_id,
            device_id=device_id,
            expires_at=sa.func.now() + PAIRING_LIFETIME,
        )
        .returning(pairing_codes.c.expires_at)
    )
    expires_at = offered.expires_at if offered else row.created_at
    return OfferedDevice(row.id, row.name, row.gate_ids, row.may_search, expires_at)


async def pair_device(
    session: WriteSession, establishment_id: UUID, phone: Phone, *, code_hash: bytes, mode: str
) -> DeviceToken:
    """The code is used up, and the scanner has a new token; one that it had before is worth nothing from now on.

    Of two phones with one code, one gets the scanner. Raises `UnknownPairingCode`.
    """
    used = await session.first(
        sa.delete(pairing_codes)
        .where(
            pairing_codes.c.code_hash == code_hash,
            pairing_codes.c.establishment_id == establishment_id,
            pairing_codes.c.expires_at > sa.func.now(),
        )
        .returning(pairing_codes.c.device_id)
    )
    if used is None:
        raise UnknownPairingCode
    token, digest = new_credential(f"pvd_{mode}", establishment_id, used.device_id)
    own = (devices.c.establishment_id == establishment_id, devices.c.id == used.device_id)
    paired = await session.first(
        sa.update(devices)
        .where(*own, devices.c.revoked_at.is_(None))
        .values(secret_hash=digest, public_key=phone.public_key, paired_at=sa.func.now(), last_seen_at=sa.func.now())
        .returning(devices.c.name, devices.c.gate_ids, devices.c.may_search)
    )
    if paired is None:
        raise UnknownPairingCode
    name = paired.name
    if phone.name and name == NAMELESS:
        name = phone.name
        await session.run(sa.update(devices).where(*own).values(name=name))
    subject = f"device:{used.device_id}"
    await append(session, establishment_id, NewEvent("device.paired", subject, {"name": name}))
    return DeviceToken(used.device_id, name, paired.gate_ids, token, paired.may_search)


async def report_status(session: WriteSession, establishment_id: UUID, device_id: UUID, status: DeviceStatus) -> None:
    """Raises `Unauthenticated` for a scanner that was revoked."""
    seen = await session.run(
        sa.update(devices)
        .where(
            devices.c.establishment_id == establishment_id, devices.c.id == device_id, devices.c.revoked_at.is_(None)
        )
        .values(
            last_seen_at=sa.func.now(),
            battery_percent=status.battery_percent,
            pending_uploads=status.pending_uploads,
            app_version=status.app_version,
        )
    )
    if not seen:
        raise Unauthenticated(REFUSED)


async def revoke_device(session: WriteSession, establishment_id: UUID, device_id: UUID) -> None:
    """A revoked scanner stays revoked; revoking it again changes nothing. Raises `NotFound`."""
    own = (devices.c.establishment_id == establishment_id, devices.c.id == device_id)
    revoked = await session.run(
        sa.update(devices).where(*own, devices.c.revoked_at.is_(None)).values(revoked_at=sa.func.now())
    )
    if revoked:
        await _forget_codes(session, establishment_id, device_id)
        await append(session, establishment_id, NewEvent("device.revoked", f"device:{device_id}", {}))
    elif await session.first(sa.select(devices.c.id).where(*own)) is None:
        raise NotFound


async def _known_gates(session: WriteSession, establishment_id: UUID, gate_ids: list[UUID]) -> list[UUID]:
    """Each once. Raises `Invalid`."""
    wanted = list(dict.fromkeys(gate_ids))
    if not wanted:
        raise Invalid.field("/gate_ids", "A scanner needs a gate to stand at.")
    known = await session.all(
        sa.select(gates.c.id).where(gates.c.establishment_id == establishment_id, gates.c.id.in_(wanted))
    )
    if len(known) != len(wanted):
        raise Invalid.field("/gate_ids", "At least one of these gates does not exist.")
    return wanted


async def _insert(session: WriteSession, establishment_id: UUID, device_id: UUID, **values: object) -> None:
    await session.run(sa.insert(devices).values(establishment_id=establishment_id, id=device_id, **values))
    event = NewEvent("device.created", f"device:{device_id}", {"name": values["name"]})
    await append(session, establishment_id, event)


async def _forget_codes(session: WriteSession, establishment_id: UUID, device_id: UUID) -> None:
    """Those of this scanner, and all that nobody used in time."""
    own = sa.and_(pairing_codes.c.establishment_id == establishment_id, pairing_codes.c.device_id == device_id)
    await session.run(sa.delete(pairing_codes).where(sa.or_(own, pairing_codes.c.expires_at < sa.func.now())))
