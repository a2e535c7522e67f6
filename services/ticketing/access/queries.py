import hmac
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa

from services.kit.database import ReadSession
from services.kit.errors import Unauthenticated
from services.kit.principal import Principal
from services.kit.rows import to_struct
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
        sa.select(api_keys, _ended(api_keys)).where(
            api_keys.c.establishment_id == credential.establishment_id, api_keys.c.id == credential.id
        )
    )
    check_credential(row, credential)
    scopes: frozenset[str] = frozenset(row.scopes if row else ())
    return Principal(actor=f"key:{credential.id}", establishment_id=credential.establishment_id, scopes=scopes)


async def operator_principal(session: ReadSession, credential: Credential) -> Principal:
    """Who a key of the instance is. Raises `Unauthenticated`."""
    row = await session.first(
        sa.select(operator_keys, _ended(operator_keys)).where(operator_keys.c.id == credential.id)
    )
    check_credential(row, credential)
    return Principal(actor=f"operator:{credential.id}", scopes=frozenset({"operator"}))


async def list_api_keys(
    session: ReadSession, establishment_id: UUID, after: UUID | None, limit: int
) -> list[ApiKeyCard]:
    statement = sa.select(api_keys).where(api_keys.c.establishment_id == establishment_id)
    if after is not None:
        statement = statement.where(api_keys.c.id > after)
    rows = await session.all(statement.order_by(api_keys.c.id).limit(limit))
    return [to_struct(row, ApiKeyCard) for row in rows]


def check_credential(row: sa.Row[Any] | None, credential: Credential) -> None:
    # One comparison whether or not the key exists: the time of the answer tells nothing.
    known = row.secret_hash if row else b"\0" * 32
    matches = hmac.compare_digest(known, secret_hash(credential.secret))
    if row is None or not matches or row.ended:
        raise Unauthenticated(REFUSED)


def _ended(table: sa.Table) -> sa.ColumnElement[bool]:
    """Revoked, or expired by the database's clock."""
    expired = sa.func.coalesce(table.c.expires_at <= sa.func.now(), sa.false())
    return sa.or_(table.c.revoked_at.is_not(None), expired).label("ended")
