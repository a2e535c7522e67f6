"""The certificate that signs an establishment's passes; the passes themselves are files of tickets."""

from typing import Any

from litestar import Request, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, SkipValidation

from services.kit.clock import Clock
from services.kit.database import Database, WriteSession
from services.kit.idempotency import Answer, OnceOnly
from services.kit.principal import Principal
from services.kit.sealing import Sealer
from services.kit.web import ESTABLISHMENT, IdempotencyHeader, encode, idempotency_key, needs, respond
from services.ticketing.tickets.wallet.actions import remove_wallet_certificate, set_wallet_certificate
from services.ticketing.tickets.wallet.certificate import NewWalletCertificate
from services.ticketing.tickets.wallet.queries import WalletCertificateCard, find_card

CERTIFICATE = f"{ESTABLISHMENT}/wallet-certificate"


@post(CERTIFICATE, **needs("admin"), summary="Give the certificate that signs tickets as Apple Wallet passes")
async def give_certificate(
    request: Request[Any, Any, Any],
    principal: NamedDependency[Principal],
    once: NamedDependency[OnceOnly],
    sealer: NamedDependency[Sealer],
    clock: NamedDependency[SkipValidation[Clock]],
    data: JSONBody[NewWalletCertificate],
    idempotency: IdempotencyHeader = None,
) -> Response[WalletCertificateCard]:
    tenant = principal.tenant

    async def action(session: WriteSession) -> Answer:
        return encode(201, await set_wallet_certificate(session, sealer, tenant, data, now=clock.now()))

    return respond(await once.answer(tenant, await idempotency_key(request), action))


@get(CERTIFICATE, **needs("admin"), summary="Whose the certificate is, and until when it signs")
async def show_certificate(
    principal: NamedDependency[Principal], database: NamedDependency[Database]
) -> WalletCertificateCard:
    return await database.read(principal.tenant, lambda session: find_card(session, principal.tenant))


@delete(CERTIFICATE, **needs("admin"), summary="No more passes: forget the certificate and its key", status_code=204)
async def remove_certificate(principal: NamedDependency[Principal], database: NamedDependency[Database]) -> None:
    await database.write(principal.tenant, lambda session: remove_wallet_certificate(session, principal.tenant))


handlers = [give_certificate, show_certificate, remove_certificate]
