"""An establishment's pass certificate: set, changed, taken away. Its last day stands in the public profile too."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from services.kit.database import WriteSession
from services.kit.sealing import Sealer
from services.ticketing.establishments.tables import establishments
from services.ticketing.ledger.actions import NewEvent, append
from services.ticketing.tickets.tables import wallet_certificates
from services.ticketing.tickets.wallet.certificate import NewWalletCertificate, check_certificate
from services.ticketing.tickets.wallet.queries import WalletCertificateCard, find_card, sealing_context


async def set_wallet_certificate(
    session: WriteSession, sealer: Sealer, establishment_id: UUID, new: NewWalletCertificate, *, now: datetime
) -> WalletCertificateCard:
    """In the place of the one before. Raises `Invalid`."""
    checked = check_certificate(new, now)
    values = {
        "pass_type_id": new.pass_type_id,
        "team_id": new.team_id,
        "certificate_pem": new.certificate_pem,
        "intermediate_pem": new.intermediate_pem,
        "sealed_private_key": sealer.seal(checked.private_key, sealing_context(establishment_id)),
        "subject": checked.subject,
        "expires_at": checked.expires_at,
    }
    await session.run(
        insert(wallet_certificates)
        .values(establishment_id=establishment_id, **values)
        .on_conflict_do_update(index_elements=["establishment_id"], set_=values)
    )
    await _publish(session, establishment_id, checked.expires_at)
    await append(
        session,
        establishment_id,
        NewEvent("wallet_certificate.set", f"establishment:{establishment_id}", {"subject": checked.subject}),
    )
    return await find_card(session, establishment_id)


async def remove_wallet_certificate(session: WriteSession, establishment_id: UUID) -> None:
    """The key is gone for good; passes on phones stay as they are. Raises `NotFound`."""
    await find_card(session, establishment_id)
    await session.run(sa.delete(wallet_certificates).where(wallet_certificates.c.establishment_id == establishment_id))
    await _publish(session, establishment_id, None)
    await append(
        session,
        establishment_id,
        NewEvent("wallet_certificate.removed", f"establishment:{establishment_id}", {}),
    )


async def _publish(session: WriteSession, establishment_id: UUID, until: datetime | None) -> None:
    await session.run(
        sa.update(establishments).where(establishments.c.id == establishment_id).values(wallet_until=until)
    )
