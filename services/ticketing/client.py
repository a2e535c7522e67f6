"""Ticketing in another process: the same contract over HTTP."""

from services.kit.principal import Principal
from services.kit.principal_token import PrincipalSigner
from services.kit.rpc import RemoteContract, RemoteMethod
from services.ticketing.contract import Authenticate, EstablishmentCard

METHODS = {
    "authenticate": RemoteMethod(Authenticate, Principal),
    "establishments": RemoteMethod(None, list[EstablishmentCard]),
}


class TicketingClient:
    def __init__(self, url: str, signer: PrincipalSigner) -> None:
        self._remote = RemoteContract(url, "ticketing", signer, METHODS)

    async def authenticate(self, request: Authenticate) -> Principal:
        principal: Principal = await self._remote.call("authenticate", request)
        return principal

    async def establishments(self) -> list[EstablishmentCard]:
        cards: list[EstablishmentCard] = await self._remote.call("establishments")
        return cards

    async def close(self) -> None:
        await self._remote.close()
