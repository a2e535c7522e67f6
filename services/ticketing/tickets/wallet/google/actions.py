"""An establishment's choice to offer Google Wallet: made, changed, taken back. Its public profile says so."""

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from services.kit.database import WriteSession
from services.kit.sealing import Sealer
from services.ticketing.establishments.tables import establishments
from services.ticketing.ledger.actions import NewEvent, append
from services.ticketing.tickets.tables import google_wallets
from services.ticketing.tickets.wallet.google.account import NewGoogleWallet, check_account
from services.ticketing.tickets.wallet.google.queries import GoogleWalletCard, find_card, sealing_context


async def set_google_wallet(
    session: WriteSession, sealer: Sealer, establishment_id: UUID, new: NewGoogleWallet
) -> GoogleWalletCard:
    """In the place of the one before. Raises `Invalid`."""
    values = {
        "issuer_id": new.issuer_id,
        "service_account_email": new.service_account_email,
        "sealed_private_key": sealer.seal(check_account(new), sealing_context(establishment_id)),
    }
    await session.run(
        insert(google_wallets)
        .values(establishment_id=establishment_id, **values)
        .on_conflict_do_update(index_elements=["establishment_id"], set_=values)
    )
    await _publish(session, establishment_id, offered=True)
    await append(
        session,
        establishment_id,
        NewEvent("google_wallet.set", f"establishment:{establishment_id}", {"issuer_id": new.issuer_id}),
    )
    return await find_card(session, establishment_id)


async def remove_google_wallet(session: WriteSession, establishment_id: UUID) -> None:
    """The key is gone for good; what visitors saved stays with Google. Raises `NotFound`."""
    await find_card(session, establishment_id)
    await session.run(sa.delete(google_wallets).where(google_wallets.c.establishment_id == establishment_id))
    await _publish(session, establishment_id, offered=False)
    await append(session, establishment_id, NewEvent("google_wallet.removed", f"establishment:{establishment_id}", {}))


async def _publish(session: WriteSession, establishment_id: UUID, *, offered: bool) -> None:
    await session.run(
        sa.update(establishments).where(establishments.c.id == establishment_id).values(google_wallet=offered)
    )
