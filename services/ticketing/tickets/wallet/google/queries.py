from datetime import datetime
from uuid import UUID

import msgspec
import sqlalchemy as sa

from services.kit.database import ReadSession
from services.kit.errors import NotFound
from services.kit.rows import to_struct
from services.kit.sealing import Sealer
from services.ticketing.tickets.tables import google_wallets
from services.ticketing.tickets.wallet.google.save_link import GoogleIssuer


class GoogleWalletCard(msgspec.Struct, frozen=True):
    """What is shown of an account; never the key."""

    issuer_id: str
    service_account_email: str
    created_at: datetime


async def find_card(session: ReadSession, establishment_id: UUID) -> GoogleWalletCard:
    """Raises `NotFound`."""
    row = await session.first(_of(establishment_id))
    if row is None:
        raise NotFound
    return to_struct(row, GoogleWalletCard)


async def find_issuer(session: ReadSession, sealer: Sealer, establishment_id: UUID) -> GoogleIssuer:
    """Raises `NotFound` where the establishment did not opt in."""
    row = await session.first(_of(establishment_id))
    if row is None:
        raise NotFound
    return GoogleIssuer(
        issuer_id=row.issuer_id,
        service_account_email=row.service_account_email,
        private_key=sealer.open(row.sealed_private_key, sealing_context(establishment_id)),
    )


def sealing_context(establishment_id: UUID) -> bytes:
    return b"google wallet v1" + establishment_id.bytes


def _of(establishment_id: UUID) -> "sa.Select[tuple[object, ...]]":
    return sa.select(google_wallets).where(google_wallets.c.establishment_id == establishment_id)
