"""The public API as the shop asks it: the same requests that anybody may send, and the same answers and refusals."""

import asyncio
from collections.abc import Mapping
from typing import TypeVar, cast

import msgspec
from litestar.types import ASGIApp, HTTPReceiveMessage, HTTPScope, Message

from gateway.routing import route_of
from services.kit.errors import Problem, Refused, Unavailable
from services.kit.principal import Principal
from services.kit.principal_token import Service
from services.kit.web import PRINCIPAL_IN_SCOPE

T = TypeVar("T")

OK = range(200, 300)
LEADS_ON = 303
SERVER_ERROR = 500
UNAVAILABLE = 503


class Ask(msgspec.Struct, frozen=True):
    """`path` without query; `body` becomes JSON; `key` is the Idempotency-Key."""

    method: str
    path: str
    query: str = ""
    body: object = None
    key: str | None = None


class Api:
    def __init__(self, upstreams: Mapping[Service, ASGIApp]) -> None:
        self._upstreams = upstreams

    async def get(self, principal: Principal, path: str, query: str = "", *, as_: type[T]) -> T:
        """Raises what `send` raises."""
        return await self.send(principal, Ask("GET", path, query), as_=as_)

    async def send(self, principal: Principal, ask: Ask, *, as_: type[T]) -> T:
        """The answer as a struct, of which only the fields that `as_` has are read.

        Raises the `Refused` that the service raised (code, detail, errors with pointers, remaining), or `Unavailable`.
        """
        return msgspec.json.decode(await self.read(principal, ask), type=as_)

    async def read(self, principal: Principal, ask: Ask) -> bytes:
        """The body as it is: a PDF, an image. Raises what `send` raises."""
        call = await self._ask(principal, ask)
        if call.status in OK:
            return call.answer
        raise _error(call.status, call.answer)

    async def location(self, principal: Principal, path: str) -> str:
        """Where an address leads that answers by leading on. Raises what `send` raises."""
        call = await self._ask(principal, Ask("GET", path))
        if call.status == LEADS_ON:
            return call.location.decode("latin-1")
        raise _error(call.status, call.answer)

    async def _ask(self, principal: Principal, ask: Ask) -> "_Call":
        route = route_of(ask.path)
        if route is None:
            raise LookupError(f"No service owns {ask.path}.")
        call = _Call(ask)
        await self._upstreams[route.rule.service](_scope(principal, ask, call.body), call.receive, call.send)
        return call


class _Call:
    """One request and its answer, from the client's side of ASGI."""

    def __init__(self, ask: Ask) -> None:
        self.body = b"" if ask.body is None else msgspec.json.encode(ask.body)
        self.status = SERVER_ERROR
        self.parts: list[bytes] = []
        self.location = b""
        self._asked = False

    @property
    def answer(self) -> bytes:
        return b"".join(self.parts)

    async def receive(self) -> HTTPReceiveMessage:
        if self._asked:
            # Whoever asks twice wants to know when we leave; we stay until the answer is complete.
            await asyncio.get_running_loop().create_future()
        self._asked = True
        return {"type": "http.request", "body": self.body, "more_body": False}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.location = dict(message["headers"]).get(b"location", b"")
        elif message["type"] == "http.response.body":
            self.parts.append(message.get("body", b""))


def _scope(principal: Principal, ask: Ask, body: bytes) -> HTTPScope:
    headers = [(b"host", b"gateway"), (b"accept", b"application/json"), (b"accept-encoding", b"identity")]
    if body:
        headers += [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    if ask.key is not None:
        headers.append((b"idempotency-key", ask.key.encode()))
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": ask.method,
        "scheme": "http",
        "path": ask.path,
        "raw_path": ask.path.encode(),
        "query_string": ask.query.encode(),
        "root_path": "",
        "headers": headers,
        "client": None,
        "server": None,
        "state": {},
        PRINCIPAL_IN_SCOPE: principal,
    }
    return cast("HTTPScope", scope)


def _error(status: int, body: bytes) -> Exception:
    try:
        problem = msgspec.json.decode(body, type=Problem)
    except msgspec.DecodeError:
        return RuntimeError(f"A service answered {status} without saying why.")
    if status == UNAVAILABLE:
        return Unavailable(problem.detail)
    if status >= SERVER_ERROR:
        return RuntimeError(f"A service answered {status}: {problem.code}")
    return Refused.from_problem(problem)
