"""A server on loopback that answers every request with the same bytes, however wrong they are."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class CannedServer:
    """`answer` is the whole answer; with `pause_seconds` it leaves byte by byte. `requests` are head and body."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.answer = http_answer(200, b"{}")
        self.pause_seconds = 0.0
        self.connections = 0
        self.requests: list[tuple[str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def canned_server(tls: ssl.SSLContext | None = None) -> AsyncIterator[CannedServer]:
    canned = CannedServer(0)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        canned.connections += 1
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = int(_header(head, "content-length") or 0)
            canned.requests.append((head, (await reader.readexactly(length)).decode()))
            await _send(writer, canned)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client had enough
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    canned.port = server.sockets[0].getsockname()[1]
    try:
        yield canned
    finally:
        server.close()
        await server.wait_closed()


def http_answer(status: int, body: bytes, *headers: str) -> bytes:
    lines = (f"HTTP/1.1 {status} Canned", f"Content-Length: {len(body)}", "Connection: close", *headers)
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def _send(writer: asyncio.StreamWriter, canned: CannedServer) -> None:
    if not canned.pause_seconds:
        writer.write(canned.answer)
        await writer.drain()
        return
    for byte in canned.answer:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(canned.pause_seconds)


def _header(head: str, name: str) -> str:
    for line in head.splitlines():
        found, _, value = line.partition(":")
        if found.lower() == name:
            return value.strip()
    return ""
