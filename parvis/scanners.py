"""Pairing a phone from the command line: what an admin else does through the API."""

from uuid import UUID

import msgspec

from parvis.errors import CannotProceed
from parvis.settings import Settings
from services.kit.database import Database, WriteSession
from services.kit.errors import Refused
from services.ticketing.catalog.queries import find_venues
from services.ticketing.entry.devices.actions import NewDevice, OfferedDevice, add_device, offer_pairing
from services.ticketing.entry.devices.rules import new_pairing_code, pairing_hash, pairing_link
from services.ticketing.establishments.queries import find_establishment, list_establishments


class WaitingScanner(msgspec.Struct, frozen=True):
    """`link` pairs the phone that opens it, once and within ten minutes."""

    id: UUID
    link: str


async def make_scanner(
    settings: Settings, establishment: str, *, name: str, may_search: bool = False
) -> WaitingScanner:
    """A scanner for all gates of the establishment with this slug or id. Raises `CannotProceed`."""
    code = new_pairing_code()

    async def make(session: WriteSession, tenant: UUID) -> OfferedDevice:
        gate_ids = [gate.id for venue in await find_venues(session, tenant) for gate in venue.gates]
        new = NewDevice(gate_ids=gate_ids, name=name, may_search=may_search)
        return await add_device(session, tenant, new, code_hash=pairing_hash(settings.secret_bytes(), code))

    database = Database(settings.ticketing_database_url, pool_size=1)
    try:
        found = await database.read_instance(lambda session: find_establishment(session, establishment))
        if found is None:
            raise CannotProceed(f"There is no establishment {establishment}.")
        offered = await database.write(found.id, lambda session: make(session, found.id))
    except Refused as refused:
        raise CannotProceed(refused.detail or refused.title) from refused
    finally:
        await database.close()
    return WaitingScanner(offered.id, pairing_link(settings.public_url, code))


async def only_establishment(settings: Settings) -> str:
    """Raises `CannotProceed` unless there is exactly one."""
    database = Database(settings.ticketing_database_url, pool_size=1)
    try:
        slugs = [card.slug for card in await database.read_instance(list_establishments)]
    finally:
        await database.close()
    if len(slugs) != 1:
        raise CannotProceed(f"Say for which establishment: {', '.join(slugs) or 'there is none yet'}.")
    return slugs[0]


async def pair_again(settings: Settings, establishment_id: UUID, device_id: UUID) -> WaitingScanner | None:
    """A new code for a scanner that is there; None if it was revoked or is gone."""
    code = new_pairing_code()
    database = Database(settings.ticketing_database_url, pool_size=1)
    try:
        await database.write(
            establishment_id,
            lambda session: offer_pairing(
                session, establishment_id, device_id, code_hash=pairing_hash(settings.secret_bytes(), code)
            ),
        )
    except Refused:
        return None
    finally:
        await database.close()
    return WaitingScanner(device_id, pairing_link(settings.public_url, code))
