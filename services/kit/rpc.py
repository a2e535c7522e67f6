"""A service's contract over HTTP: each method is `POST /internal/<method>` with its struct as JSON.

The gateway routes nothing to these paths; they want the signed token of another service.
"""

from collections.abc import Mapping
from typing import Any

import httpx
import msgspec
from litestar import Request, Response, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from services.kit.errors import NotFound, Problem, Refused, Unavailable
from services.kit.principal import Principal
from services.kit.principal_token import HEADER, PrincipalSigner, Service
from services.kit.web import principal_of

SERVICE_ACTOR = "service"


class RemoteMethod(msgspec.Struct, frozen=True):
    """`request` is the type of the one argument, None where there is none; `reply` what comes back."""

    request: Any
    reply: Any


def internal_handler(contract: object, methods: Mapping[str, RemoteMethod]) -> HTTPRouteHandler:
    """The one route that serves a contract's methods to other services."""

    @post("/internal/{method:str}", status_code=200, opt={"internal": True}, include_in_schema=False)
    async def call(request: Request[Any, Any, Any], method: FromPath[str]) -> Response[bytes]:
        if principal_of(request.scope).actor != SERVICE_ACTOR or method not in methods:
            raise NotFound
        function = getattr(contract, method)
        argument = methods[method].request
        if argument is None:
            result = await function()
        else:
            result = await function(msgspec.json.decode(await request.body(), type=argument))
        return Response(msgspec.json.encode(result), media_type="application/json")

    return call


class RemoteContract:
    """The calling side. Refusals come back as the errors they were; anything unclear is `Unavailable`."""

    def __init__(
        self,
        url: str,
        audience: Service,
        signer: PrincipalSigner,
        methods: Mapping[str, RemoteMethod],
        *,
        timeout_seconds: float = 10,
    ) -> None:
        self._http = httpx.AsyncClient(
            base_url=url,
            timeout=httpx.Timeout(timeout_seconds, connect=2),
            limits=httpx.Limits(max_connections=64, max_keepalive_connections=64),
            follow_redirects=False,
            trust_env=False,
        )
        self._audience = audience
        self._signer = signer
        self._methods = methods

    async def call(self, method: str, argument: object = None) -> Any:  # noqa: ANN401 - typed by the caller's contract
        token = self._signer.token(Principal(actor=SERVICE_ACTOR), self._audience)
        body = b"" if argument is None else msgspec.json.encode(argument)
        try:
            response = await self._http.post(f"/internal/{method}", content=body, headers={HEADER: token})
        except httpx.HTTPError as error:
            raise Unavailable(f"The service {self._audience} does not answer.") from error
        if response.status_code != httpx.codes.OK:
            raise _error(self._audience, response)
        try:
            return msgspec.json.decode(response.content, type=self._methods[method].reply)
        except msgspec.DecodeError as error:
            raise Unavailable(f"The service {self._audience} speaks of something else.") from error

    async def close(self) -> None:
        await self._http.aclose()


def _error(audience: Service, response: httpx.Response) -> Exception:
    if response.is_client_error:
        try:
            return Refused.from_problem(msgspec.json.decode(response.content, type=Problem))
        except msgspec.DecodeError:
            pass
    return Unavailable(f"The service {audience} answered {response.status_code}.")
