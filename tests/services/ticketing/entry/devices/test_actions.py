from uuid import UUID, uuid4

import asyncpg
import pytest
from msgspec.structs import replace

from services.kit.database import Database
from services.kit.errors import Invalid, NotFound, Unauthenticated
from services.kit.principal import Principal
from services.ticketing.access.rules import Credential, read_credential
from services.ticketing.entry.devices.actions import DeviceToken, create_device, revoke_device
from services.ticketing.entry.devices.queries import device_principal
from tests.services.ticketing.rows import Museum, ledger, make_museum


async def paired(database: Database, museum: Museum, *gate_ids: UUID) -> DeviceToken:
    return await database.write(
        museum.establishment_id,
        lambda session: create_device(session, museum.establishment_id, "Hall", list(gate_ids), mode="test"),
    )


async def principal(database: Database, credential: Credential) -> Principal:
    return await database.read(credential.establishment_id, lambda session: device_principal(session, credential))


async def test_device_is_known_by_its_token_with_its_gates(ticketing_database: Database, museum: Museum):
    device = await paired(ticketing_database, museum, museum.gate_id, museum.gate_id, museum.far_gate_id)
    assert device.gate_ids == [museum.gate_id, museum.far_gate_id]
    credential = read_credential(device.device_token)
    assert credential.kind == "device"
    assert await principal(ticketing_database, credential) == Principal(
        actor=f"device:{device.id}",
        establishment_id=museum.establishment_id,
        scopes=frozenset({"entry:scan"}),
        gate_ids=frozenset({museum.gate_id, museum.far_gate_id}),
    )


async def test_device_with_another_secret_or_of_another_museum_is_unknown(
    ticketing_database: Database, owner: asyncpg.Connection, museum: Museum
):
    other = await make_museum(owner, uuid4())
    credential = read_credential((await paired(ticketing_database, museum, museum.gate_id)).device_token)
    for wrong in (
        replace(credential, secret="guess"),
        replace(credential, id=uuid4()),
        replace(credential, establishment_id=other.establishment_id),
    ):
        with pytest.raises(Unauthenticated):
            await principal(ticketing_database, wrong)


async def test_device_needs_gates_of_its_museum(
    ticketing_database: Database, owner: asyncpg.Connection, museum: Museum
):
    other = await make_museum(owner, uuid4())
    for gate_ids in ([], [museum.gate_id, other.gate_id], [uuid4()]):
        with pytest.raises(Invalid):
            await paired(ticketing_database, museum, *gate_ids)
    assert await owner.fetchval("SELECT count(*) FROM ticketing.devices") == 0


async def test_revoked_device_is_unknown_from_then_on(
    ticketing_database: Database, owner: asyncpg.Connection, museum: Museum
):
    device = await paired(ticketing_database, museum, museum.gate_id)
    for _ in range(2):
        await ticketing_database.write(
            museum.establishment_id, lambda session: revoke_device(session, museum.establishment_id, device.id)
        )
    with pytest.raises(Unauthenticated):
        await principal(ticketing_database, read_credential(device.device_token))
    events = await ledger(owner, museum.establishment_id)
    assert [event.type for event in events] == ["device.created", "device.revoked"]


async def test_revoking_the_device_of_another_museum_finds_nothing(
    ticketing_database: Database, owner: asyncpg.Connection, museum: Museum
):
    other = await make_museum(owner, uuid4())
    device = await paired(ticketing_database, museum, museum.gate_id)
    with pytest.raises(NotFound):
        await ticketing_database.write(
            other.establishment_id, lambda session: revoke_device(session, other.establishment_id, device.id)
        )
    assert (await principal(ticketing_database, read_credential(device.device_token))).gate_ids == {museum.gate_id}
