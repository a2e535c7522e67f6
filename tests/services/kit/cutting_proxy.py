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
        self._pumps: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            from_server, to_server = await asyncio.open_connection(*self._server_address)
        except OSError:
            writer.close()
            return
        answers = asyncio.create_task(_pump(from_server, writer))
        self._pumps.add(answers)
        answers.add_done_callback(self._pumps.discard)
        while data := await reader.read(65536):
            if COMMIT in data and self.cut_before_commit:
                self.cut_before_commit = False
                break
            lost = COMMIT in data and self.cut_after_commit
            if lost:
                self.cut_after_commit = False
                answers.cancel()
            to_server.write(data)
            await to_server.drain()
            if lost:
                # The server has done its work when it answers; nobody is told.
                await from_server.read(1)
                break
        writer.close()
        to_server.close()


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


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
    writer.close()
