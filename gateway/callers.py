"""From a request to who sent it."""

from collections.abc import Callable

import msgspec
from litestar.types import HTTPScope

from gateway.addresses import ClientAddresses
from gateway.admission import Admission, Tries
from gateway.buckets import Limiter
from gateway.identity import Identities, credential_in_header, credential_in_query
from gateway.routing import Route
from gateway.settings import GatewaySettings
from services.kit.errors import NotFound
from services.kit.principal import ANONYMOUS, Principal
from services.ticketing.contract import Authenticate, Ticketing


class Caller(msgspec.Struct, frozen=True):
    """`query` is the query string without credentials."""

    principal: Principal
    address: str
    query: bytes


class Callers:
    def __init__(
        self, settings: GatewaySettings, *, ticketing: Ticketing, limiter: Limiter, clock: Callable[[], float]
    ) -> None:
        self._limiter = limiter
        self._addresses = ClientAddresses(settings.trusted_proxies)
        self._identities = Identities(
            ticketing,
            seconds=settings.authentication_cache_seconds,
            size=settings.authentication_cache_size,
            now=clock,
        )
        self.tries = Tries(settings.limits.failed_authentications, limiter)
        self.admission = Admission(settings.limits, limiter)

    async def caller(self, scope: HTTPScope, route: Route) -> Caller:
        """Raises `Unauthenticated`, `NotFound`, `RateLimited`."""
        address = self.address(scope)
        credential, query = credential_in_header(scope["headers"]), scope["query_string"]
        if route.rule.token_in_query and scope["method"] in {"GET", "HEAD"}:
            token, query = credential_in_query(query)
            credential = credential or token
        question = Authenticate(establishment=route.establishment, credential=credential)
        return Caller(await self._principal(question, address, scope["method"]), address, query)

    async def visitor(self, scope: HTTPScope, establishment: str | None, credential: str | None = None) -> Principal:
        """Who asks for a page: somebody, or who shows the token of an order. Counted like a request of the API.

        Raises what `caller` raises.
        """
        address, method = self.address(scope), scope["method"]
        question = Authenticate(establishment=establishment, credential=credential)
        principal = await self._principal(question, address, method)
        await self.admission.admit(principal, address, method)
        return principal

    async def visitor_to(self, establishment: str | None) -> Principal:
        """Anybody. Raises `NotFound`."""
        question = Authenticate(establishment=establishment, credential=None)
        return self._identities.remembered(question) or await self._identities.principal(question)

    async def close(self) -> None:
        await self._limiter.close()

    def address(self, scope: HTTPScope) -> str:
        return self._addresses.of(scope["client"], scope["headers"])

    async def _principal(self, question: Authenticate, address: str, method: str) -> Principal:
        principal = self._identities.remembered(question)
        return principal if principal is not None else await self._ask(question, address, method)

    async def _ask(self, question: Authenticate, address: str, method: str) -> Principal:
        if question.credential is None:
            try:
                return await self._identities.principal(question)
            except NotFound:
                # Establishments that do not exist cost a trip to the database like those that do.
                await self.admission.admit(ANONYMOUS, address, method)
                raise
        if self._identities.is_familiar(question):
            return await self._identities.principal(question)
        async with self.tries.one(address):
            return await self._identities.principal(question)
