import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import pytest_asyncio
from granian.constants import Interfaces
from granian.server.embed import Server

from parvis.asgi import make_everything
from parvis.embedded.servers import EmbeddedServers
from parvis.establishments import operator_key
from parvis.settings import Settings
from tests.journeys.house import LOOPBACK, House, free_port
from tests.journeys.museum import Museum, found_museum
from tests.journeys.waiting import eventually
from tests.parvis.gate_hub.house import Line, RunningHub, running_hub
from tests.services.conftest import cloned


@pytest_asyncio.fixture(scope="session")
async def house(servers: EmbeddedServers, template: str) -> AsyncIterator[House]:
    """An instance in this process, on a port."""
    async with cloned(servers, template, f"hub_{uuid4().hex}") as instance:
        port = free_port()
        settings = instance.settings(
            read_rate_per_minute=0, write_rate_per_minute=0, public_url=f"http://{LOOPBACK}:{port}"
        )
        async with _served(settings, port) as http:
            key = await operator_key(settings, "Gates")
            yield House(settings.public_url, "", key, settings, http, Path())


@pytest_asyncio.fixture
async def museum(house: House) -> Museum:
    return await found_museum(house, payment_methods=["free"])


@pytest_asyncio.fixture
async def line(house: House) -> AsyncIterator[Line]:
    async with Line(httpx.URL(house.url).port or 0).laid() as line:
        yield line


@pytest_asyncio.fixture
async def hub(museum: Museum, line: Line, tmp_path: Path) -> AsyncIterator[RunningHub]:
    async with running_hub(museum, tmp_path / "hub", line.url) as hub:
        yield hub


@asynccontextmanager
async def _served(settings: Settings, port: int) -> AsyncIterator[httpx.AsyncClient]:
    server = Server(make_everything(settings), address=LOOPBACK, port=port, interface=Interfaces.ASGI, websockets=False)
    async with httpx.AsyncClient(base_url=settings.public_url, trust_env=False, timeout=60) as http:
        task = asyncio.create_task(server.serve())

        async def is_ready() -> bool:
            try:
                return (await http.get("/readyz")).status_code == httpx.codes.OK
            except httpx.TransportError:
                return False

        await eventually(is_ready)
        yield http
        server.stop()
        await task
