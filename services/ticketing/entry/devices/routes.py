import base64
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from services.kit.database import Database, WriteSession
from services.kit.errors import Invalid
from services.kit.idempotency import Answer, OnceOnly
from services.kit.ids import body_id, path_id
from services.kit.paging import Cursor, Limit, Page, after, page
from services.kit.principal import Principal
from services.kit.web import ESTABLISHMENT, IdempotencyHeader, encode, idempotency_key, needs, public, respond
from services.ticketing.entry.devices.actions import (
    DeviceName,
    DeviceStatus,
    DeviceToken,
    NewDevice,
    OfferedDevice,
    Phone,
    add_device,
    offer_pairing,
    pair_device,
    report_status,
    revoke_device,
)
from services.ticketing.entry.devices.queries import (
    DeviceCard,
    ScannerGate,
    establishment_of_code,
    list_devices,
    scanner_gates,
)
from services.ticketing.entry.devices.rules import (
    new_pairing_code,
    own_device,
    pairing_hash,
    pairing_link,
    shown,
)
from services.ticketing.establishments.queries import Establishment, Establishments
from services.ticketing.site import Site

DEVICES = f"{ESTABLISHMENT}/devices"
DEVICE = f"{DEVICES}/{{device_id:str}}"


class Pairing(msgspec.Struct, frozen=True):
    """`pairing_code` for typing, `pairing_qr` for a QR code; they work once, until `expires_at`."""

    id: UUID
    name: str
    gate_ids: list[UUID]
    may_search: bool
    pairing_code: str
    pairing_qr: str
    expires_at: datetime


class PairingRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`public_key`: 32 bytes of Ed25519 in base64url, for phones that scan offline; a turnstile needs none.

    `name` counts if whoever made the scanner gave it none.
    """

    code: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
    public_key: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{43}=?\Z")] | None = None
    name: DeviceName | None = None


class ScannerEstablishment(msgspec.Struct, frozen=True):
    id: UUID
    slug: str
    name: dict[str, str]
    timezone: str


class PairedDevice(msgspec.Struct, frozen=True):
    """`device_token` is shown only now."""

    device_id: UUID
    device_token: str
    name: str
    establishment: ScannerEstablishment
    gates: list[ScannerGate]
    may_search: bool


@post(DEVICES, **needs("admin"), summary="Make a scanner for these gates; answers the code that pairs a phone with it")
async def create_scanner(
    request: Request[Any, Any, Any],
    principal: NamedDependency[Principal],
    once: NamedDependency[OnceOnly],
    site: NamedDependency[Site],
    data: JSONBody[NewDevice],
    idempotency: IdempotencyHeader = None,
) -> Response[Pairing]:
    tenant, code = principal.tenant, new_pairing_code()

    async def action(session: WriteSession) -> Answer:
        code_hash = pairing_hash(site.secret, code)
        return encode(201, _pairing(await add_device(session, tenant, data, code_hash=code_hash), site, code))

    return respond(await once.answer(tenant, await idempotency_key(request), action))


@get(DEVICES, **needs("admin"), summary="Scanners: which gates, paired or not, when last seen and how they are")
async def list_scanners(
    principal: NamedDependency[Principal], database: NamedDependency[Database], limit: Limit = 50, cursor: Cursor = None
) -> Page[DeviceCard]:
    start = after(cursor, 1)
    last = body_id(start[0], "/cursor") if start else None
    cards = await database.read(
        principal.tenant, lambda session: list_devices(session, principal.tenant, last, limit + 1)
    )
    return page(cards, limit, lambda card: [str(card.id)])


@post(f"{DEVICE}/pairing", **needs("admin"), summary="A new pairing code; once used, the scanner's old token is void")
async def pair_again(
    request: Request[Any, Any, Any],
    principal: NamedDependency[Principal],
    once: NamedDependency[OnceOnly],
    site: NamedDependency[Site],
    device_id: FromPath[str],
    idempotency: IdempotencyHeader = None,
) -> Response[Pairing]:
    tenant, wanted, code = principal.tenant, path_id(device_id), new_pairing_code()

    async def action(session: WriteSession) -> Answer:
        code_hash = pairing_hash(site.secret, code)
        return encode(201, _pairing(await offer_pairing(session, tenant, wanted, code_hash=code_hash), site, code))

    return respond(await once.answer(tenant, await idempotency_key(request), action))


@delete(DEVICE, **needs("admin"), summary="Revoke a scanner", status_code=204)
async def delete_device(
    principal: NamedDependency[Principal], database: NamedDependency[Database], device_id: FromPath[str]
) -> None:
    revoked = path_id(device_id)
    await database.write(principal.tenant, lambda session: revoke_device(session, principal.tenant, revoked))


@put(f"{DEVICES}/self/status", **needs("entry:scan"), summary="A scanner tells how it is", status_code=204)
async def put_status(
    principal: NamedDependency[Principal], database: NamedDependency[Database], data: JSONBody[DeviceStatus]
) -> None:
    own = own_device(principal)
    await database.write(principal.tenant, lambda session: report_status(session, principal.tenant, own, data))


@post("/v1/devices/pairing", **public(), summary="Become a scanner, by the code that an admin was given")
async def pair_scanner(
    database: NamedDependency[Database],
    establishments: NamedDependency[Establishments],
    site: NamedDependency[Site],
    data: JSONBody[PairingRequest],
) -> PairedDevice:
    code_hash = pairing_hash(site.secret, data.code)
    phone = Phone(data.name, _raw_key(data.public_key))
    tenant = await database.read_instance(lambda session: establishment_of_code(session, code_hash))
    establishment = await establishments.get(tenant)

    async def pair(session: WriteSession) -> PairedDevice:
        token = await pair_device(session, tenant, phone, code_hash=code_hash, mode=site.key_mode)
        return _paired(token, establishment, await scanner_gates(session, tenant, token.gate_ids))

    return await database.write(tenant, pair)


def _raw_key(text: str | None) -> bytes | None:
    if text is None:
        return None
    raw = base64.urlsafe_b64decode(f"{text.rstrip('=')}=")
    # The last of the 43 letters has two bits too many: a key has one spelling.
    if base64.urlsafe_b64encode(raw).decode() != f"{text.rstrip('=')}=":
        raise Invalid.field("/public_key", "These are not the 32 bytes of an Ed25519 key in base64url.")
    return raw


def _pairing(offered: OfferedDevice, site: Site, code: str) -> Pairing:
    return Pairing(
        id=offered.id,
        name=offered.name,
        gate_ids=offered.gate_ids,
        may_search=offered.may_search,
        pairing_code=shown(code),
        pairing_qr=pairing_link(site.public_url, code),
        expires_at=offered.expires_at,
    )


def _paired(token: DeviceToken, establishment: Establishment, gates: list[ScannerGate]) -> PairedDevice:
    return PairedDevice(
        device_id=token.id,
        device_token=token.device_token,
        name=token.name,
        establishment=ScannerEstablishment(
            establishment.id, establishment.slug, establishment.name, establishment.timezone
        ),
        gates=gates,
        may_search=token.may_search,
    )


handlers = [create_scanner, list_scanners, pair_again, delete_device, put_status, pair_scanner]
