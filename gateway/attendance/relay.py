"""A stream of attendance, from the service to the page: numbers come in, the part of the page that changes goes out."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, cast

import msgspec
from litestar.types import ASGIApp, HTTPReceiveMessage, HTTPScope, Message, Receive, Send

from gateway.exchange import Exchange
from services.kit.errors import Problem, Refused, Unavailable
from services.kit.principal import Principal
from services.kit.web import PRINCIPAL_IN_SCOPE

OK: Final = 200
UNAVAILABLE: Final = 503
END_OF_EVENT: Final = b"\n\n"
DATA: Final = b"data: "
# A proxy that collects answers before passing them on is asked not to.
HEADERS: Final = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"x-accel-buffering", b"no")]


class Source(msgspec.Struct, frozen=True):
    """Where the numbers come from. `path` and `query` are those of the public API."""

    service: ASGIApp
    principal: Principal
    path: str
    query: str


class Relay:
    """`draw` makes of the data of an event what the page shows; `is_over` ends the stream."""

    def __init__(self, outgoing: Send, draw: Callable[[bytes], Awaitable[str]], is_over: Callable[[], bool]) -> None:
        self._outgoing = outgoing
        self._draw = draw
        self._is_over = is_over
        self._status = 0
        self._rest = b""
        self._over = asyncio.Event()

    async def run(self, exchange: Exchange, source: Source, leaving: asyncio.Event) -> None:
        """Until the service ends it, the reader leaves, the session is over or this process is `leaving`.

        Raises what the service refuses with, before anything is sent.
        """
        receive = until(exchange.receive, leaving, self._over)
        await source.service(_scope(exchange.scope, source), receive, self._send)
        if self._status != OK:
            raise _refusal(self._status, self._rest)
        await self._outgoing({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            if self._status == OK:
                await self._outgoing({"type": "http.response.start", "status": OK, "headers": HEADERS})
        elif message["type"] == "http.response.body":
            self._rest += message["body"]
            if self._status == OK:
                await self._pass_on()
            if not message.get("more_body", False):
                # The service ended it, and waits for us to leave.
                self._over.set()

    async def _pass_on(self) -> None:
        *events, self._rest = self._rest.split(END_OF_EVENT)
        for event in events:
            if self._is_over():
                self._over.set()
                return
            head, found, data = event.partition(DATA)
            body = head + _lines(await self._draw(data)) if found else event
            await self._outgoing({"type": "http.response.body", "body": body + END_OF_EVENT, "more_body": True})


def until(receive: Receive, *ends: asyncio.Event) -> Receive:
    """As if the client left when one of `ends` comes: what streams to it stops."""

    async def received() -> HTTPReceiveMessage:
        message = asyncio.ensure_future(cast("Awaitable[HTTPReceiveMessage]", receive()))
        ending = [asyncio.ensure_future(end.wait()) for end in ends]
        try:
            await asyncio.wait((message, *ending), return_when=asyncio.FIRST_COMPLETED)
            return message.result() if message.done() else {"type": "http.disconnect"}
        finally:
            for task in (message, *ending):
                task.cancel()

    return received


def _lines(html: str) -> bytes:
    """No empty line may stand in an event, and each line says that it is data."""
    return b"\n".join(DATA + line.encode() for line in html.splitlines() if line.strip())


def _scope(scope: HTTPScope, source: Source) -> HTTPScope:
    asked: dict[str, object] = {
        **scope,
        "path": source.path,
        "raw_path": source.path.encode(),
        "query_string": source.query.encode(),
        "headers": [(b"host", b"gateway"), (b"accept", b"text/event-stream")],
        "root_path": "",
        "state": {},
        PRINCIPAL_IN_SCOPE: source.principal,
    }
    return cast("HTTPScope", asked)


def _refusal(status: int, body: bytes) -> Exception:
    try:
        problem = msgspec.json.decode(body, type=Problem)
    except msgspec.DecodeError:
        return Unavailable("A part of this service does not answer.")
    return Unavailable(problem.detail) if status >= UNAVAILABLE else Refused.from_problem(problem)
