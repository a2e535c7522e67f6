"""Answers without an end, asked by who wants only to know whether there is one."""

import asyncio

from litestar.types import ASGIApp, Message, Receive, Scope, Send

from gateway.attendance.relay import until

STREAM = b"text/event-stream"


class LeavesStreams:
    """Leaves a stream of events after its first part, so that the client hears of an end."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        visit = _Visit(send)
        await self._app(scope, until(receive, visit.left), visit.send)
        await visit.end()


class _Visit:
    def __init__(self, send: Send) -> None:
        self._send = send
        self._streams = False
        self._ended = False
        self.left = asyncio.Event()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._streams = any(
                name == b"content-type" and value.startswith(STREAM) for name, value in message["headers"]
            )
        elif message["type"] == "http.response.body":
            self._ended = not message.get("more_body", False)
            if self._streams:
                self.left.set()
        await self._send(message)

    async def end(self) -> None:
        if self._streams and not self._ended:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
