"""The listening side of the hub, in the event loop that decides."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.embed import Server

from parvis.embedded.ports import is_free
from parvis.errors import CannotProceed
from parvis.gate_hub.app import HubApp

START_ATTEMPTS: Final = 200
START_PAUSE_SECONDS: Final = 0.02
BACKLOG: Final = 1024
CONNECTIONS: Final = 4096


class Listening(msgspec.Struct, frozen=True):
    """Without a certificate in plain http."""

    host: str
    port: int
    certificate: Path | None = None
    key: Path | None = None


@asynccontextmanager
async def serving(app: HubApp, listening: Listening) -> AsyncIterator[asyncio.Task[None]]:
    """Yields what ends when the server does. Raises `CannotProceed` when the port is taken."""
    _check(listening)
    server = Server(
        app,
        address=listening.host,
        port=listening.port,
        interface=Interfaces.ASGI,
        websockets=False,
        backlog=BACKLOG,
        backpressure=CONNECTIONS,
        log_level=LogLevels.error,
        ssl_cert=listening.certificate,
        ssl_key=listening.key,
    )
    task = asyncio.create_task(server.serve())
    try:
        await _wait_until_live(listening, task)
        yield task
    finally:
        server.stop()  # type: ignore[no-untyped-call]  # granian leaves it unannotated
        await task


def _check(listening: Listening) -> None:
    where = f"{listening.host}:{listening.port}"
    try:
        # granian shares a port with whoever else shares it.
        free = is_free(listening.host, listening.port)
    except OSError as error:
        raise CannotProceed(f"The hub cannot listen on {where}: {error.strerror}.") from error
    if not free:
        raise CannotProceed(f"Another program listens on {where}: choose another port with --port.")
    if listening.certificate is None:
        return
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(listening.certificate, listening.key)
    except (OSError, ssl.SSLError) as error:
        raise CannotProceed(f"Certificate and key do not go together: {error.strerror or error}.") from error


async def _wait_until_live(listening: Listening, task: asyncio.Task[None]) -> None:
    for _ in range(START_ATTEMPTS):
        if task.done():
            break
        try:
            _, writer = await asyncio.open_connection(listening.host, listening.port)
        except OSError:
            await asyncio.sleep(START_PAUSE_SECONDS)
        else:
            writer.close()
            return
    raise CannotProceed(f"The hub did not start on {listening.host}:{listening.port}.")
