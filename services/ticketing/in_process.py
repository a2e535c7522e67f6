"""Ticketing in the same process: opens the transaction and calls the query."""

import hmac
from functools import partial

import msgspec

from services.kit.database import Database
from services.kit.errors import NotFound, Unauthenticated
from services.kit.principal import Principal
from services.ticketing.access.queries import key_principal, operator_principal
from services.ticketing.access.rules import INSTANCE, Credential, order_token, read_credential
from services.ticketing.contract import Authenticate, EstablishmentCard
from services.ticketing.entry.devices.queries import device_principal
from services.ticketing.establishments.queries import Establishment, find_establishment, list_establishments
from services.ticketing.site import Site


class InProcessTicketing:
    def __init__(self, database: Database, site: Site) -> None:
        self._database = database
        self._site = site

    async def authenticate(self, request: Authenticate) -> Principal:
        # The credential first: whoever shows a wrong one learns nothing about the establishment of the URL.
        principal = await self._identify(request.credential)
        if request.establishment is None:
            return principal
        reference = request.establishment
        establishment = await self._database.read_instance(lambda session: find_establishment(session, reference))
        if establishment is None:
            raise NotFound
        return _in_establishment(principal, establishment)

    async def establishments(self) -> list[EstablishmentCard]:
        return await self._database.read_instance(list_establishments)

    async def _identify(self, text: str | None) -> Principal:
        if text is None:
            return Principal()
        credential = read_credential(text)
        if credential.kind == "order":
            return self._order_principal(credential, text)
        if credential.kind == "device":
            device = partial(device_principal, credential=credential)
            return await self._database.read(credential.establishment_id, device)
        key = partial(key_principal, credential=credential)
        if credential.establishment_id == INSTANCE:
            return await self._database.read_instance(partial(operator_principal, credential=credential))
        return await self._database.read(credential.establishment_id, key)

    def _order_principal(self, credential: Credential, text: str) -> Principal:
        expected = order_token(self._site.secret, credential.establishment_id, credential.id)
        if not hmac.compare_digest(expected.encode(), text.encode()):
            raise Unauthenticated("This token is not valid.")
        return Principal(
            actor=f"order:{credential.id}",
            establishment_id=credential.establishment_id,
            order_id=credential.id,
        )


def _in_establishment(principal: Principal, establishment: Establishment) -> Principal:
    """Raises `NotFound` for a credential of another establishment: existence is private."""
    if principal.establishment_id not in (None, establishment.id):
        raise NotFound
    return msgspec.structs.replace(principal, establishment_id=establishment.id, establishment_slug=establishment.slug)
