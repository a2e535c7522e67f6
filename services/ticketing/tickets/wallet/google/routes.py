"""Google Wallet, which an establishment has to choose; the link to it is one of the faces of a ticket."""

from typing import Any

from litestar import Request, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from services.kit.database import Database, WriteSession
from services.kit.idempotency import Answer, OnceOnly
from services.kit.principal import Principal
from services.kit.sealing import Sealer
from services.kit.web import ESTABLISHMENT, IdempotencyHeader, encode, idempotency_key, needs, respond
from services.ticketing.tickets.wallet.google.account import NewGoogleWallet
from services.ticketing.tickets.wallet.google.actions import remove_google_wallet, set_google_wallet
from services.ticketing.tickets.wallet.google.queries import GoogleWalletCard, find_card

GOOGLE_WALLET = f"{ESTABLISHMENT}/google-wallet"


@post(GOOGLE_WALLET, **needs("admin"), summary="Offer Google Wallet: a service outside of the European Union")
async def offer_google_wallet(
    request: Request[Any, Any, Any],
    principal: NamedDependency[Principal],
    once: NamedDependency[OnceOnly],
    sealer: NamedDependency[Sealer],
    data: JSONBody[NewGoogleWallet],
    idempotency: IdempotencyHeader = None,
) -> Response[GoogleWalletCard]:
    """Off unless you do this. From then on a visitor who clicks the button, which says that it leads to Google, hands
    that company the ticket's code and number, the offer, the venue and the time; no name, no address, no tariff and no
    price. Google keeps them under its own terms, outside of the Union: your privacy notice has to say so.
    """
    tenant = principal.tenant

    async def action(session: WriteSession) -> Answer:
        return encode(201, await set_google_wallet(session, sealer, tenant, data))

    return respond(await once.answer(tenant, await idempotency_key(request), action))


@get(GOOGLE_WALLET, **needs("admin"), summary="With which account Google Wallet is offered, if it is")
async def show_google_wallet(
    principal: NamedDependency[Principal], database: NamedDependency[Database]
) -> GoogleWalletCard:
    return await database.read(principal.tenant, lambda session: find_card(session, principal.tenant))


@delete(GOOGLE_WALLET, **needs("admin"), summary="Offer Google Wallet no more: forget the key", status_code=204)
async def withdraw_google_wallet(principal: NamedDependency[Principal], database: NamedDependency[Database]) -> None:
    await database.write(principal.tenant, lambda session: remove_google_wallet(session, principal.tenant))


handlers = [offer_google_wallet, show_google_wallet, withdraw_google_wallet]
