import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from granian.constants import Interfaces
from granian.server.embed import Server
from litestar import Litestar

from parvis.stand_in.stripe.app import create_stripe_stand_in
from parvis.stand_in.stripe.settings import StripeStandInSettings

_LOOPBACK = "127.0.0.1"
_START_ATTEMPTS = 200
_START_PAUSE_SECONDS = 0.02


@asynccontextmanager
async def serve_stripe_stand_in(settings: StripeStandInSettings, *, port: int = 0) -> AsyncIterator[str]:
    """Serves in this event loop, on loopback only, and yields the address.

    Port 0 takes a free one. Raises OSError when the port is taken.
    """
    async with serve_on_loopback(create_stripe_stand_in(settings), port=port) as url:
        yield url


@asynccontextmanager
async def serve_on_loopback(app: Litestar, *, port: int = 0) -> AsyncIterator[str]:
    """For any small app that answers `GET /livez`."""
    port = _free_port(port)
    server = Server(
        app,
        address=_LOOPBACK,
        port=port,
        interface=Interfaces.ASGI,
        websockets=False,
        log_enabled=False,
    )
    serving = asyncio.create_task(server.serve())
    url = f"http://{_LOOPBACK}:{port}"
    try:
        await _wait_until_live(url, serving)
        yield url
    finally:
        server.stop()  # type: ignore[no-untyped-call]  # granian leaves it unannotated
        await serving


def _free_port(port: int) -> int:
    # granian shares a port with whoever else shares it; this plain bind is what notices a second server.
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((_LOOPBACK, port))
        return int(probe.getsockname()[1])


async def _wait_until_live(url: str, serving: asyncio.Task[None]) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        for _ in range(_START_ATTEMPTS):
            if serving.done():
                break
            try:
                await client.get(f"{url}/livez")
            except httpx.TransportError:
                await asyncio.sleep(_START_PAUSE_SECONDS)
            else:
                return
    raise RuntimeError(f"Nothing started at {url}.")
