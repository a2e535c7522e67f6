"""The example of docs/gate.md, as it stands there, against a real socket."""

import asyncio
import re
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import uvicorn
from litestar.types import ASGIApp

from gateway.lifespan import Lifespan
from parvis.asgi import make_everything
from parvis.embedded.servers import EmbeddedServers
from parvis.establishments import operator_key
from tests.journeys.house import House
from tests.journeys.museum import Museum, found_museum
from tests.journeys.visitor import buy, line
from tests.services.conftest import cloned
from tests.services.ticketing.entry.at_the_gate import offer_scanner

PAGE = Path(__file__).parents[5] / "docs" / "gate.md"
LINES_MAX = 30


@asynccontextmanager
async def listening(app: ASGIApp) -> AsyncIterator[str]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", ws="none"))
        running = asyncio.create_task(server._serve(sockets=[listener]))
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        await running


@asynccontextmanager
async def served_museum(servers: EmbeddedServers, template: str) -> AsyncIterator[Museum]:
    async with cloned(servers, template, f"turnstile_{uuid4().hex}") as instance:
        settings = instance.settings(read_rate_per_minute=0, write_rate_per_minute=0)
        key = await operator_key(settings, "Turnstile")
        app = make_everything(settings)
        lifespan = Lifespan("turnstile", app)
        await lifespan.start()
        async with listening(app) as url, httpx.AsyncClient(base_url=url, trust_env=False) as http:
            yield await found_museum(House(url, "", key, settings, http, Path()))
        await lifespan.stop()


async def turnstile(url: str, pairing_code: str, codes: list[str]) -> tuple[list[str], str]:
    """What it printed, and what it complained of."""
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len([text for text in example.splitlines() if text.strip()]) <= LINES_MAX
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", example, url, pairing_code),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    printed, complaints = await process.communicate("".join(f"{code}\n" for code in codes).encode())
    return printed.decode().splitlines(), complaints.decode()


async def test_the_documented_turnstile_opens_and_stays_closed(servers: EmbeddedServers, template: str):
    async with served_museum(servers, template) as museum:
        # Entry opens a day before.
        order = await buy(museum, line((await museum.slots())[0], museum.free_id, 2))
        offered = await offer_scanner(museum)
        first, second = order.tickets
        codes = [first.code, first.code, second.short_code, "rubbish"]
        printed, complaints = await turnstile(museum.house.url, offered["pairing_code"], codes)
        assert (printed, complaints) == (
            ["OPEN", "CLOSED already_admitted", "OPEN", "CLOSED unknown_ticket"],
            "",
        )
        printed, complaints = await turnstile(museum.house.url, offered["pairing_code"], codes)
        assert printed == []
        assert "unknown_pairing_code" in complaints
