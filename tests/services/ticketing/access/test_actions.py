"""Keys of an establishment: what is kept of them, who they are, and when they end."""

from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest

from services.kit.database import Database
from services.kit.errors import Invalid, NotFound, Unauthenticated
from services.kit.principal import Principal, Scope
from services.ticketing.access.actions import (
    ApiKeySecret,
    NewApiKey,
    create_api_key,
    create_operator_key,
    revoke_api_key,
)
from services.ticketing.access.queries import ApiKeyCard, key_principal, list_api_keys, operator_principal
from services.ticketing.access.rules import Credential, read_credential, secret_hash
from tests.conftest import Instance
from tests.services.ticketing.rows import ledger, make_museum
from tests.services.ticketing.statements import counted

NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)
Owner = asyncpg.Connection


@pytest.fixture
def instance(shared_instance: Instance) -> Instance:
    return shared_instance


@pytest.fixture
async def tenant(owner: Owner, establishment_id: UUID) -> UUID:
    await make_museum(owner, establishment_id)
    return establishment_id


async def made(database: Database, tenant: UUID, *scopes: Scope, expires_at: datetime | None = None) -> ApiKeySecret:
    new = NewApiKey(name="Till", scopes=list(scopes) or ["orders:read"], expires_at=expires_at)
    return await database.write(tenant, partial(create_api_key, establishment_id=tenant, new=new, now=NOW, mode="test"))


async def who(database: Database, secret: str) -> Principal:
    credential = read_credential(secret)
    return await database.read(credential.establishment_id, partial(key_principal, credential=credential))


async def revoke(database: Database, tenant: UUID, key_id: UUID) -> None:
    await database.write(tenant, partial(revoke_api_key, establishment_id=tenant, key_id=key_id))


async def test_key_is_who_it_was_made_for(ticketing_database: Database, tenant: UUID):
    key = await made(ticketing_database, tenant, "orders:write", "orders:read", "orders:read")
    assert key.scopes == ["orders:read", "orders:write"]
    assert key.secret.startswith("pvs_test_")
    assert await who(ticketing_database, key.secret) == Principal(
        actor=f"key:{key.id}", establishment_id=tenant, scopes=frozenset({"orders:read", "orders:write"})
    )


async def test_only_the_hash_of_a_secret_is_kept(ticketing_database: Database, owner: Owner, tenant: UUID):
    key = await made(ticketing_database, tenant)
    secret = read_credential(key.secret).secret
    row = await owner.fetchrow("SELECT * FROM ticketing.api_keys WHERE id = $1", key.id)
    assert row["secret_hash"] == secret_hash(secret)
    events = await ledger(owner, tenant)
    assert [event.type for event in events] == ["api_key.created"]
    for text in (repr(dict(row)), repr(events)):
        assert secret not in text


async def test_key_with_another_secret_is_nobody(ticketing_database: Database, tenant: UUID):
    key = await made(ticketing_database, tenant)
    for wrong in (
        msgspec.structs.replace(read_credential(key.secret), secret="x" * 32),
        msgspec.structs.replace(read_credential(key.secret), id=uuid4()),
    ):
        with pytest.raises(Unauthenticated):
            await ticketing_database.read(tenant, partial(key_principal, credential=wrong))


async def test_key_that_names_another_establishment_is_nobody(ticketing_database: Database, owner: Owner, tenant: UUID):
    """Its id and secret are right; they are another establishment's."""
    key = read_credential((await made(ticketing_database, tenant)).secret)
    other = uuid4()
    await make_museum(owner, other)
    moved = msgspec.structs.replace(key, establishment_id=other)
    with pytest.raises(Unauthenticated):
        await ticketing_database.read(other, partial(key_principal, credential=moved))


async def test_key_ends_when_it_expires(ticketing_database: Database, owner: Owner, tenant: UUID):
    key = await made(ticketing_database, tenant, expires_at=NOW + HOUR)
    await who(ticketing_database, key.secret)
    await owner.execute("UPDATE ticketing.api_keys SET expires_at = now() WHERE id = $1", key.id)
    with pytest.raises(Unauthenticated):
        await who(ticketing_database, key.secret)


async def test_revoked_key_is_nobody_and_stays_so(ticketing_database: Database, owner: Owner, tenant: UUID):
    key, other = await made(ticketing_database, tenant), await made(ticketing_database, tenant)
    for _ in range(2):
        await revoke(ticketing_database, tenant, key.id)
        with pytest.raises(Unauthenticated):
            await who(ticketing_database, key.secret)
    await who(ticketing_database, other.secret)
    types = [event.type for event in await ledger(owner, tenant)]
    assert types == ["api_key.created", "api_key.created", "api_key.revoked"]


async def test_key_of_another_establishment_cannot_be_revoked(ticketing_database: Database, owner: Owner, tenant: UUID):
    key = await made(ticketing_database, tenant)
    other = uuid4()
    await make_museum(owner, other)
    for unknown in (key.id, uuid4()):
        with pytest.raises(NotFound):
            await revoke(ticketing_database, other, unknown)
    await who(ticketing_database, key.secret)


async def test_establishment_gives_no_operator_rights(ticketing_database: Database, tenant: UUID):
    with pytest.raises(Invalid) as refused:
        await made(ticketing_database, tenant, "admin", "operator")
    assert [error.pointer for error in refused.value.errors] == ["#/scopes"]


async def test_key_that_is_over_before_it_begins_is_refused(ticketing_database: Database, tenant: UUID):
    with pytest.raises(Invalid) as refused:
        await made(ticketing_database, tenant, expires_at=NOW)
    assert [error.pointer for error in refused.value.errors] == ["#/expires_at"]


async def test_operator_key_is_the_instances(ticketing_database: Database, owner: Owner):
    secret = await ticketing_database.write_instance(partial(create_operator_key, name="CLI", mode="live"))
    credential = read_credential(secret)

    async def is_operator(wanted: Credential) -> Principal:
        return await ticketing_database.read_instance(partial(operator_principal, credential=wanted))

    assert await is_operator(credential) == Principal(actor=f"operator:{credential.id}", scopes=frozenset({"operator"}))
    with pytest.raises(Unauthenticated):
        await is_operator(msgspec.structs.replace(credential, secret="x" * 32))
    await owner.execute("UPDATE ticketing.operator_keys SET revoked_at = now() WHERE id = $1", credential.id)
    with pytest.raises(Unauthenticated):
        await is_operator(credential)


async def listed(database: Database, tenant: UUID, after: UUID | None = None, limit: int = 10) -> list[ApiKeyCard]:
    return await database.read(tenant, lambda session: list_api_keys(session, tenant, after, limit))


async def test_keys_are_listed_without_secrets_in_one_statement(
    ticketing_database: Database, owner: Owner, tenant: UUID
):
    other = uuid4()
    await make_museum(owner, other)
    await made(ticketing_database, other)
    counts, keys = [], []
    for more in (1, 2):
        keys += [await made(ticketing_database, tenant) for _ in range(more)]
        with counted(ticketing_database) as statements:
            cards = await listed(ticketing_database, tenant)
        counts.append(len(statements))
    assert counts == [1, 1]
    assert [card.id for card in cards] == [key.id for key in keys]
    assert [card.id for card in await listed(ticketing_database, tenant, keys[0].id, 1)] == [keys[1].id]
    assert "secret" not in msgspec.to_builtins(cards[0])
