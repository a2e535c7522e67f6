"""The only door of an instance: who are you, may you enter, then the service that owns the path."""

import asyncio
import time
from collections.abc import Callable, Mapping
from secrets import token_hex
from typing import cast

import msgspec
import structlog
from litestar.types import ASGIApp, HTTPScope, LifeSpanReceive, LifeSpanSend, Receive, Scope, Send

from gateway.attendance.app import AttendancePages
from gateway.attendance.relay import until
from gateway.buckets import Limiter
from gateway.callers import Callers
from gateway.errors import OtherMethodsOnly
from gateway.exchange import Exchange, Incoming, Outgoing, check_length
from gateway.forwarding import ClientLeft
from gateway.headers import API_METHODS, CORS, PREFLIGHT, OutgoingHeaders, incoming
from gateway.lifespan import Applications, StartError
from gateway.metrics import RequestMetrics
from gateway.openapi import ApiDocument
from gateway.own_pages import OwnPages
from gateway.probes import Readiness
from gateway.replies import Headers, Reply, bug, refusal, send_reply, unavailable
from gateway.routing import Route, check_path, route_of
from gateway.settings import GatewaySettings
from gateway.shop.app import ShopPages
from gateway.shop.shop import Shop
from services.kit.errors import NotFound, Refused, Unavailable
from services.kit.principal_token import Service
from services.kit.telemetry import UNAVAILABLE
from services.kit.web import PRINCIPAL_IN_SCOPE
from services.ticketing.contract import Ticketing

log = structlog.get_logger()

METHODS = frozenset(API_METHODS.decode().split(", "))
REFUSED_STATUS = range(400, 429)


def create_gateway(
    settings: GatewaySettings,
    *,
    ticketing: Ticketing,
    upstreams: Mapping[Service, ASGIApp],
    limiter: Limiter,
    clock: Callable[[], float] = time.monotonic,
) -> "Gateway":
    """`upstreams` are started in their order and stopped in the opposite one; `clock` counts seconds."""
    names = {str(name): app for name, app in upstreams.items()}
    readiness = Readiness(ticketing, names, timeout_seconds=settings.readiness_timeout_seconds, now=clock)
    document = ApiDocument(names, settings.public_url)
    callers = Callers(settings, ticketing=ticketing, limiter=limiter, clock=clock)
    return Gateway(
        settings,
        pages=OwnPages(settings, document=document, readiness=readiness),
        faces=Faces(
            shop=ShopPages(Shop(settings, ticketing=ticketing, upstreams=upstreams), callers),
            attendance=AttendancePages(settings, callers, upstreams),
        ),
        callers=callers,
        upstreams=upstreams,
    )


class Faces(msgspec.Struct, frozen=True):
    """Pages for people, each over the public API."""

    shop: ShopPages
    attendance: AttendancePages


class Gateway:
    """An ASGI application."""

    def __init__(
        self,
        settings: GatewaySettings,
        *,
        pages: OwnPages,
        faces: Faces,
        callers: Callers,
        upstreams: Mapping[Service, ASGIApp],
    ) -> None:
        self._settings = settings
        self._document = pages.document
        self._pages = pages
        self._shop = faces.shop
        self._attendance = faces.attendance
        self._callers = callers
        self._upstreams = upstreams
        self._headers = OutgoingHeaders(settings.public_url)
        self._metrics = RequestMetrics()
        self._in_flight = 0
        self._became_idle = asyncio.Event()
        self._leaving = asyncio.Event()

    def drain(self) -> None:
        """From now on not ready, so that no new requests are sent here; those that come are still served. Streams end:
        whoever reads them comes back, to a process that stays.
        """
        self._pages.draining = True
        self._leaving.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind: str = scope["type"]
        if kind == "http":
            await self._serve(cast("HTTPScope", scope), receive, send)
        elif kind == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": ""})
        else:
            await self._live(cast("LifeSpanReceive", receive), cast("LifeSpanSend", send))

    async def _live(self, receive: LifeSpanReceive, send: LifeSpanSend) -> None:
        applications = Applications({str(name): app for name, app in self._upstreams.items()})
        await receive()
        try:
            await applications.start()
        except StartError as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self.drain()
        await self._wait_until_idle()
        await applications.stop()
        await self._callers.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _wait_until_idle(self) -> None:
        try:
            async with asyncio.timeout(self._settings.drain_seconds):
                while self._in_flight:
                    self._became_idle.clear()
                    await self._became_idle.wait()
        except TimeoutError:
            log.warning("requests_left_behind", count=self._in_flight)

    async def _serve(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        started_at = time.perf_counter()
        request_id = token_hex(16)
        structlog.contextvars.bind_contextvars(request_id=request_id)
        more: Headers = ((b"x-request-id", request_id.encode()),)
        if scope["path"].startswith("/v1"):
            more += CORS
        outgoing = Outgoing(send, self._headers, more, without_body=scope["method"] == "HEAD")
        exchange = Exchange(scope, receive, outgoing)
        self._in_flight += 1
        try:
            await self._answer(exchange)
        except Exception as error:  # noqa: BLE001 - whatever it was, the caller must get an answer
            await _refuse(exchange, error)
        finally:
            self._in_flight -= 1
            if not self._in_flight:
                self._became_idle.set()
            seconds = time.perf_counter() - started_at
            self._metrics.count(exchange.service, scope["method"], outgoing.status, self._template(exchange), seconds)

    async def _answer(self, exchange: Exchange) -> None:
        scope, outgoing = exchange.scope, exchange.outgoing
        check_path(scope["path"], scope.get("raw_path") or b"")
        found = self._pages.find(scope["path"])
        if found is not None:
            exchange.route, own = found
            if scope["method"] not in {"GET", "HEAD"}:
                raise OtherMethodsOnly(headers=((b"allow", b"GET, HEAD"),))
            await send_reply(outgoing, await own(scope))
            return
        if self._attendance.owns(scope["path"]):
            await self._attendance.answer(exchange, self._leaving)
            return
        route = route_of(scope["path"])
        if route is None:
            await send_reply(outgoing, await self._shop.reply(exchange))
            return
        exchange.service, exchange.route = route.rule.service, route.rule.path
        if scope["method"] == "OPTIONS":
            await send_reply(outgoing, await self._options(scope["path"]))
        elif scope["method"] not in METHODS:
            raise OtherMethodsOnly(headers=((b"allow", await self._allow(scope["path"])),))
        elif route.rule.guessable:
            async with self._callers.tries.one(self._callers.address(scope)) as attempt:
                await self._forward(exchange, route)
                attempt.failed = outgoing.status in REFUSED_STATUS
        else:
            await self._forward(exchange, route)

    async def _options(self, path: str) -> Reply:
        try:
            headers = (*PREFLIGHT, (b"allow", await self._allow(path)))
        except Unavailable:
            # A browser that asks first must not be kept from asking: it will hear soon enough what is away.
            headers = PREFLIGHT
        return Reply(status=204, body=b"", headers=headers)

    async def _allow(self, path: str) -> bytes:
        """Raises `NotFound` for a path without a resource, `Unavailable` while no service can tell."""
        resource = (await self._document.document()).resources.find(path)
        if resource is None:
            raise NotFound
        return resource.allow

    def _template(self, exchange: Exchange) -> str:
        """What metrics call the path: a service in this process leaves its own word for it in the scope."""
        if exchange.inner is None:
            return exchange.route
        template = cast("Mapping[str, object]", exchange.inner).get("path_template")
        if isinstance(template, str):
            return template
        resource = self._document.known_resource(exchange.scope["path"])
        return resource.template if resource else exchange.route

    async def _forward(self, exchange: Exchange, route: Route) -> None:
        scope, outgoing = exchange.scope, exchange.outgoing
        headers = incoming(scope["headers"])
        check_length(scope, self._settings.max_body_bytes)
        caller = await self._callers.caller(scope, route)
        outgoing.more += await self._callers.admission.admit(caller.principal, caller.address, scope["method"])
        headers.append(outgoing.more[0])
        inner = scope.copy()
        inner["headers"] = headers
        inner["query_string"] = caller.query
        inner["client"] = (caller.address, 0)
        inner["root_path"] = ""
        inner["state"] = {}
        inner[PRINCIPAL_IN_SCOPE] = caller.principal  # type: ignore[literal-required]  # ASGI lets servers add keys
        receive = until(exchange.receive, self._leaving) if route.rule.is_stream else exchange.receive
        if scope["method"] == "HEAD":
            inner["method"] = "GET"
        elif scope["method"] != "GET":
            receive = Incoming(
                receive,
                limit_bytes=self._settings.max_body_bytes,
                timeout_seconds=self._settings.body_timeout_seconds,
            )
        exchange.inner = inner
        await self._upstreams[route.rule.service](inner, receive, outgoing)


async def _refuse(exchange: Exchange, error: Exception) -> None:
    """Answers with the problem, unless the answer has begun: then breaking off is all that is left to say."""
    if isinstance(error, ClientLeft):
        return
    if isinstance(error, Refused):
        log.info("refused", service=exchange.service, code=error.code)
        reply = refusal(error)
    elif isinstance(error, Unavailable):
        UNAVAILABLE.labels("gateway").inc()
        log.warning("unavailable", service=exchange.service, detail=error.detail, cause=repr(error.__cause__))
        reply = unavailable(error)
    else:
        log.error("bug", service=exchange.service, error=type(error).__name__, exc_info=error)
        reply = bug()
    if exchange.outgoing.has_started:
        raise error
    await send_reply(exchange.outgoing, reply)
