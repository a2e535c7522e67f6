"""A service in another process, as an ASGI application."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import cast

import httpx
import structlog
from litestar.types import HTTPReceiveMessage, HTTPScope, LifeSpanReceive, LifeSpanSend, Receive, Scope, Send

from gateway.headers import is_passed_back, is_passed_on
from services.kit.errors import Unavailable
from services.kit.principal import Principal
from services.kit.principal_token import HEADER, PrincipalSigner, Service
from services.kit.web import principal_of

log = structlog.get_logger()

TIMEOUT = httpx.Timeout(connect=1.0, read=15.0, write=10.0, pool=2.0)
POOL = httpx.Limits(max_connections=200, max_keepalive_connections=100, keepalive_expiry=15.0)
# Signing costs as much as the rest of the hop; a token may be used for half of its minute.
TOKEN_REUSE_SECONDS = 30
TOKENS_KEPT = 1_000
REPEATABLE = frozenset({"GET", "HEAD"})


class ClientLeft(Exception):
    """Nobody waits for the answer any more."""


class PrincipalTokens:
    def __init__(self, signer: PrincipalSigner, audience: Service) -> None:
        self._signer = signer
        self._audience = audience
        self._tokens: dict[Principal, tuple[str, float]] = {}

    def token(self, principal: Principal) -> str:
        now = time.monotonic()
        known = self._tokens.pop(principal, None)
        if known is None or known[1] < now:
            known = (self._signer.token(principal, self._audience), now + TOKEN_REUSE_SECONDS)
        elif len(self._tokens) >= TOKENS_KEPT:
            del self._tokens[next(iter(self._tokens))]
        self._tokens[principal] = known
        return known[0]


class HttpUpstream:
    """Passes requests on over HTTP, body and answer as streams, with the principal as a signed token.

    Raises `Unavailable` when the service is down, too slow or has no connection free. Redirects are passed back,
    never followed. A client that leaves cancels the request.
    """

    def __init__(self, base_url: str, audience: Service, signer: PrincipalSigner) -> None:
        self._base_url = httpx.URL(base_url)
        self._audience = audience
        self._tokens = PrincipalTokens(signer, audience)
        self._client = httpx.AsyncClient(
            timeout=TIMEOUT,
            follow_redirects=False,
            # The environment of the process must not be able to send this traffic elsewhere.
            trust_env=False,
            transport=httpx.AsyncHTTPTransport(limits=POOL, retries=1, trust_env=False),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind: str = scope["type"]
        if kind == "lifespan":
            await self._live(cast("LifeSpanReceive", receive), cast("LifeSpanSend", send))
        else:
            await self._forward(cast("HTTPScope", scope), receive, send)

    async def _live(self, receive: LifeSpanReceive, send: LifeSpanSend) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._client.aclose()
        await send({"type": "lifespan.shutdown.complete"})

    async def _forward(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        body = _Body(receive, is_expected=_has_body(scope))
        passing = asyncio.create_task(self._pass_on(scope, body, send))
        leaving = asyncio.create_task(body.client_left())
        try:
            await asyncio.wait((passing, leaving), return_when=asyncio.FIRST_COMPLETED)
            if passing.done():
                await passing
        except ClientLeft:
            return
        finally:
            for task in (passing, leaving):
                task.cancel()
            await asyncio.gather(passing, leaving, return_exceptions=True)

    async def _pass_on(self, scope: HTTPScope, body: "_Body", send: Send) -> None:
        try:
            answer = await self._answer(scope, body)
        except httpx.TransportError as error:
            raise Unavailable("A part of this service does not answer.") from error
        try:
            await _pass_back(answer, send)
        finally:
            await answer.aclose()

    async def _answer(self, scope: HTTPScope, body: "_Body") -> httpx.Response:
        try:
            return await self._client.send(self._request(scope, body), stream=True)
        except (httpx.RemoteProtocolError, httpx.ReadError):
            # The service closed an idle connection just as we took it. Only a read may safely be sent again.
            if scope["method"] not in REPEATABLE or body.started:
                raise
            return await self._client.send(self._request(scope, body), stream=True)

    def _request(self, scope: HTTPScope, body: "_Body") -> httpx.Request:
        headers = [(name, value) for name, value in scope["headers"] if _is_carried(name)]
        headers.append((HEADER.encode(), self._tokens.token(principal_of(scope)).encode()))
        target = scope["path"].encode()
        if scope["query_string"]:
            target += b"?" + scope["query_string"]
        return self._client.build_request(
            scope["method"],
            self._base_url.copy_with(raw_path=self._base_url.raw_path.rstrip(b"/") + target),
            headers=headers,
            content=body.chunks() if body.is_expected else None,
        )


def _has_body(scope: HTTPScope) -> bool:
    return scope["method"] not in REPEATABLE or any(name == b"content-length" for name, _ in scope["headers"])


def _is_carried(name: bytes) -> bool:
    """The gateway's own request id may pass; what outsiders sent under such names was dropped long before."""
    return name == b"x-request-id" or (name != b"host" and is_passed_on(name))


async def _pass_back(answer: httpx.Response, send: Send) -> None:
    headers = [(name.lower(), value) for name, value in answer.headers.raw if is_passed_back(name)]
    await send({"type": "http.response.start", "status": answer.status_code, "headers": headers})
    async for chunk in answer.aiter_raw():
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


class _Body:
    """One reader of the client's messages for two that wait for them: the body's sender, and who minds its leaving."""

    def __init__(self, receive: Receive, *, is_expected: bool) -> None:
        self._receive = receive
        self._complete = asyncio.Event()
        self.is_expected = is_expected
        self.started = False
        if not is_expected:
            self._complete.set()

    async def chunks(self) -> AsyncIterator[bytes]:
        self.started = True
        while not self._complete.is_set():
            message = await self._next()
            if message["type"] == "http.disconnect":
                raise ClientLeft
            if not message.get("more_body", False):
                self._complete.set()
            if message.get("body"):
                yield message["body"]

    async def client_left(self) -> None:
        await self._complete.wait()
        while (await self._next())["type"] != "http.disconnect":
            pass

    async def _next(self) -> HTTPReceiveMessage:
        return cast("HTTPReceiveMessage", await self._receive())
