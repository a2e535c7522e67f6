"""One request and its answer, as they pass the gateway."""

import asyncio

from litestar.types import HTTPReceiveMessage, HTTPScope, Message, Receive, Send

from gateway.errors import BodyTooSlow
from gateway.headers import OutgoingHeaders
from gateway.replies import Headers
from services.kit.errors import Malformed
from services.kit.web import TooLarge


class Outgoing:
    """Takes an answer from a service or from the gateway and sends it with what every answer carries."""

    def __init__(self, send: Send, headers: OutgoingHeaders, more: Headers, *, without_body: bool) -> None:
        self._send = send
        self._headers = headers
        self._without_body = without_body
        self._is_over = False
        self.more = more
        self.status = 0

    @property
    def has_started(self) -> bool:
        return self.status != 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = self._headers.complete(message["headers"], self.more)
            await self._send({"type": "http.response.start", "status": self.status, "headers": headers})
        elif not self._without_body:
            await self._send(message)
        elif not self._is_over:
            self._is_over = True
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})


class Incoming:
    """Gives a service the body of a request, as far as it is neither too long nor too slow."""

    def __init__(self, receive: Receive, *, limit_bytes: int, timeout_seconds: float) -> None:
        self._receive = receive
        self._limit_bytes = limit_bytes
        self._deadline = asyncio.get_running_loop().time() + timeout_seconds
        self._received_bytes = 0
        self._is_complete = False

    async def __call__(self) -> HTTPReceiveMessage:
        """Raises `TooLarge` and `BodyTooSlow` into the service, which answers with them like with errors of its own."""
        if self._is_complete:
            return await self._next()
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._next()
        except TimeoutError:
            raise BodyTooSlow from None
        if message["type"] == "http.request":
            self._received_bytes += len(message.get("body", b""))
            if self._received_bytes > self._limit_bytes:
                raise too_large(self._limit_bytes)
            self._is_complete = not message.get("more_body", False)
        return message

    async def _next(self) -> HTTPReceiveMessage:
        message: HTTPReceiveMessage = await self._receive()  # type: ignore[assignment]  # no websocket comes here
        return message


class Exchange:
    """`service` and `route` are what metrics and logs say about it: never a path as a stranger wrote it."""

    def __init__(self, scope: HTTPScope, receive: Receive, outgoing: Outgoing) -> None:
        self.scope = scope
        self.receive = receive
        self.outgoing = outgoing
        self.service = "gateway"
        self.route = "none"
        self.inner: HTTPScope | None = None


def too_large(limit_bytes: int) -> TooLarge:
    return TooLarge(f"A body may have {limit_bytes} bytes at most.")


def check_length(scope: HTTPScope, limit_bytes: int) -> None:
    """Raises `TooLarge` before a byte of the body is read, `Malformed` for a length that is no number."""
    for name, value in scope["headers"]:
        if name == b"content-length":
            if not value.isdigit():
                raise Malformed("Content-Length is not a number.")
            if len(value) > 12 or int(value) > limit_bytes:  # noqa: PLR2004 - no need to read longer numbers
                raise too_large(limit_bytes)
