from datetime import datetime
from uuid import UUID

import msgspec
import sqlalchemy as sa

from services.kit.database import ReadSession
from services.kit.errors import NotFound
from services.kit.rows import to_struct
from services.kit.sealing import Sealer
from services.ticketing.tickets.tables import wallet_certificates
from services.ticketing.tickets.wallet.package import WalletSigner


class WalletCertificateCard(msgspec.Struct, frozen=True):
    """What is shown of a certificate: whose it is and until when it signs; never the key."""

    pass_type_id: str
    team_id: str
    subject: str
    expires_at: datetime


async def find_card(session: ReadSession, establishment_id: UUID) -> WalletCertificateCard:
    """Raises `NotFound`."""
    row = await session.first(_of(establishment_id))
    if row is None:
        raise NotFound
    return to_struct(row, WalletCertificateCard)


async def find_signer(session: ReadSession, sealer: Sealer, establishment_id: UUID, *, now: datetime) -> WalletSigner:
    """Raises `NotFound`, also when the certificate is no longer good."""
    row = await session.first(_of(establishment_id))
    if row is None or row.expires_at <= now:
        raise NotFound
    return WalletSigner(
        certificate_pem=row.certificate_pem,
        intermediate_pem=row.intermediate_pem,
        private_key=sealer.open(row.sealed_private_key, sealing_context(establishment_id)),
        pass_type_id=row.pass_type_id,
        team_id=row.team_id,
    )


def sealing_context(establishment_id: UUID) -> bytes:
    return b"wallet certificate v1" + establishment_id.bytes


def _of(establishment_id: UUID) -> "sa.Select[tuple[object, ...]]":
    return sa.select(wallet_certificates).where(wallet_certificates.c.establishment_id == establishment_id)
