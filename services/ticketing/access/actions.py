from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
import sqlalchemy as sa

from services.kit.database import WriteSession
from services.kit.errors import Invalid, NotFound
from services.kit.ids import new_id
from services.kit.principal import Scope
from services.ticketing.access.rules import INSTANCE, new_credential
from services.ticketing.access.tables import api_keys, operator_keys
from services.ticketing.ledger.actions import NewEvent, append

KeyName = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class NewApiKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: KeyName
    scopes: Annotated[list[Scope], msgspec.Meta(min_length=1, max_length=10)]
    expires_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


class ApiKeySecret(msgspec.Struct, frozen=True):
    """The only time that `secret` is shown: only its hash is kept."""

    id: UUID
    name: str
    scopes: list[str]
    secret: str
    expires_at: datetime | None = None


async def create_api_key(
    session: WriteSession, establishment_id: UUID, new: NewApiKey, *, now: datetime, mode: str
) -> ApiKeySecret:
    if "operator" in new.scopes:
        raise Invalid.field("/scopes", "The scope operator is given by the instance, not by an establishment.")
    if new.expires_at is not None and new.expires_at <= now:
        raise Invalid.field("/expires_at", "This moment is past.")
    key_id = new_id()
    secret, digest = new_credential(f"pvs_{mode}", establishment_id, key_id)
    scopes: list[str] = sorted(set(new.scopes))
    await session.run(
        sa.insert(api_keys).values(
            establishment_id=establishment_id,
            id=key_id,
            name=new.name,
            scopes=scopes,
            secret_hash=digest,
            expires_at=new.expires_at,
        )
    )
    await append(
        session,
        establishment_id,
        NewEvent("api_key.created", f"api_key:{key_id}", {"name": new.name, "scopes": scopes}),
    )
    return ApiKeySecret(id=key_id, name=new.name, scopes=scopes, secret=secret, expires_at=new.expires_at)


async def revoke_api_key(session: WriteSession, establishment_id: UUID, key_id: UUID) -> None:
    """A revoked key stays revoked; revoking it again changes nothing. Raises `NotFound`."""
    own = (api_keys.c.establishment_id == establishment_id, api_keys.c.id == key_id)
    revoked = await session.run(
        sa.update(api_keys).where(*own, api_keys.c.revoked_at.is_(None)).values(revoked_at=sa.func.now())
    )
    if revoked:
        await append(session, establishment_id, NewEvent("api_key.revoked", f"api_key:{key_id}", {}))
    elif await session.first(sa.select(api_keys.c.id).where(*own)) is None:
        raise NotFound


async def create_operator_key(session: WriteSession, name: str, *, mode: str) -> str:
    """A key of the instance itself, shown once. Made on the command line only."""
    key_id = new_id()
    secret, digest = new_credential(f"pvs_{mode}", INSTANCE, key_id)
    await session.run(sa.insert(operator_keys).values(id=key_id, name=name, secret_hash=digest))
    return secret
