import hmac
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa

from services.kit.database import ReadSession
from services.kit.errors import Unauthenticated
from services.kit.principal import Principal
from services.ticketing.access.rules import Credential, secret_hash
from services.ticketing.access.tables import api_keys, operator_keys

REFUSED = "This key is unknown, expired or revoked."


class ApiKeyCard(msgspec.Struct, frozen=True):
    """A key as lists show it: everything but its secret."""

    id: UUID
    name: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


async def key_principal(session: ReadSession, credential: Credential) -> Principal:
    """Who a key of an establishment is. Raises `Unauthenticated`."""
    row = await session.first(
        sa.select(api_keys, sa.func.now().label("now")).where(
            api_keys.c.establishment_id == credential.establishment_id, api_keys.c.id == credential.id
        )
    )
    check_credential(row, credential)
    scopes: frozenset[str] = frozenset(row.scopes if row else ())
    return Principal(actor=f"key:{credential.id}", establishment_id=credential.establishment_id, scopes=scopes)


async def operator_principal(session: ReadSession, credential: Credential) -> Principal:
    """Who a key of the instance is. Raises `Unauthenticated`."""
    row = await session.first(
        sa.select(operator_keys, sa.func.now().label("now")).where(operator_keys.c.id == credential.id)
    )
    check_credential(row, credential)
    return Principal(actor=f"operator:{credential.id}", scopes=frozenset({"operator"}))


async def list_api_keys(session: ReadSession, establishment_id: UUID, after: UUID | None, limit: int) -> list[ApiKeyCard]:
    statement = sa.select(api_keys).where(api_keys.c.establishment_id == establishment_id)
    if after is not None:
        statement = statement.where(api_keys.c.id > after)
    rows = await session.all(statement.order_by(api_keys.c.id).limit(limit))
    return [msgspec.convert(row._mapping, ApiKeyCard) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name for it


def check_credential(row: sa.Row[Any] | None, credential: Credential) -> None:
    # One comparison whether or not the key exists: the time of the answer tells nothing.
    known = row.secret_hash if row else b"\0" * 32
    matches = hmac.compare_digest(known, secret_hash(credential.secret))
    if row is None or not matches or row.revoked_at is not None:
        raise Unauthenticated(REFUSED)
    expires_at = row._mapping.get("expires_at")  # noqa: SLF001 - SQLAlchemy's public name for it
    if expires_at is not None and expires_at <= row.now:
        raise Unauthenticated(REFUSED)
