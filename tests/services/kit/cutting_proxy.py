"""A TCP proxy in front of PostgreSQL that loses what it is told to lose."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import sqlalchemy as sa

COMMIT = b"COMMIT\x00"


class CuttingProxy:
    """`cut_after_commit`: the COMMIT reaches the server, its answer does not come back. `cut_before_commit`: not even
    the COMMIT arrives. Each happens once.
    """

    def __init__(self, host: str, port: int) -> None:
        self.cut_after_commit = False
        self.cut_before_commit = False
        self.connections = 0
        self._server_address = (host, port)

    async def serve(self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        self.connections += 1
        from_server, to_server = await asyncio.open_connection(*self._server_address)
        last_words = asyncio.Event()
        answers = asyncio.create_task(_pass_on(from_server, to_client, last_words))
        try:
            while data := await from_client.read(65536):
                if COMMIT in data and self.cut_before_commit:
                    self.cut_before_commit = False
                    return
                if COMMIT in data and self.cut_after_commit:
                    self.cut_after_commit = False
                    last_words.set()
                to_server.write(data)
                if last_words.is_set():
                    # The server has done its work when it answers; nobody is told.
                    await answers
                    return
        finally:
            answers.cancel()
            for stream in (to_client, to_server):
                stream.transport.abort()


@asynccontextmanager
async def cutting_proxy(url: str) -> AsyncIterator[tuple[CuttingProxy, str]]:
    """The proxy, and `url` as it leads through it."""
    target = sa.make_url(url)
    proxy = CuttingProxy(target.host or "127.0.0.1", target.port or 5432)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield proxy, target.set(host="127.0.0.1", port=port).render_as_string(hide_password=False)
    finally:
        server.close()
        await server.wait_closed()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, stop: asyncio.Event) -> None:
    while data := await reader.read(65536):
        if stop.is_set():
            return
        writer.write(data)
    writer.close()
