"""Answers that the gateway makes itself, and questions that it asks a service."""

import asyncio
from typing import cast

import msgspec
from litestar.types import ASGIApp, HTTPReceiveMessage, HTTPScope, Message, Send

from gateway.errors import RefusedWithHeaders
from services.kit.errors import Problem, Refused, Unauthenticated, Unavailable, problem_type

Headers = tuple[tuple[bytes, bytes], ...]

JSON = b"application/json"
HTML = b"text/html; charset=utf-8"
PROBLEM = b"application/problem+json"


class Reply(msgspec.Struct, frozen=True):
    status: int
    body: bytes
    media_type: bytes = JSON
    headers: Headers = ()


async def send_reply(send: Send, reply: Reply) -> None:
    length = str(len(reply.body)).encode()
    headers = [*reply.headers, (b"content-length", length)]
    if reply.body:
        headers.append((b"content-type", reply.media_type))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body, "more_body": False})


def refusal(error: Refused) -> Reply:
    headers: Headers = ()
    if isinstance(error, RefusedWithHeaders):
        headers = error.headers
    elif isinstance(error, Unauthenticated):
        headers = ((b"www-authenticate", b"Bearer"),)
    return Reply(status=error.status, body=msgspec.json.encode(error.problem()), media_type=PROBLEM, headers=headers)


def unavailable(error: Unavailable) -> Reply:
    body = Problem(
        type=problem_type("unavailable"),
        title="Try again in a moment",
        status=503,
        code="unavailable",
        detail=error.detail,
    )
    headers = ((b"retry-after", str(error.retry_after_seconds).encode()),)
    return Reply(status=503, body=msgspec.json.encode(body), media_type=PROBLEM, headers=headers)


def bug() -> Reply:
    body = Problem(type=problem_type("internal"), title="Something broke on our side", status=500, code="internal")
    return Reply(status=500, body=msgspec.json.encode(body), media_type=PROBLEM)


async def ask(app: ASGIApp, path: str) -> Reply:
    """A GET that the gateway itself sends to a service, as nobody in particular."""
    status = 500
    parts: list[bytes] = []
    asked = False

    async def receive() -> HTTPReceiveMessage:
        nonlocal asked
        if asked:
            # Whoever asks twice wants to know when we leave; we stay until the answer is complete.
            await asyncio.get_running_loop().create_future()
        asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        elif message["type"] == "http.response.body":
            parts.append(message.get("body", b""))

    await app(_question(path), receive, send)
    return Reply(status=status, body=b"".join(parts))


def _question(path: str) -> HTTPScope:
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"gateway"), (b"accept", b"application/json")],
        "client": None,
        "server": None,
        "state": {},
    }
    return cast("HTTPScope", scope)
