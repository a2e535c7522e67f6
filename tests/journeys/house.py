"""Parvis as real processes on loopback ports, in each of its two shapes."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Literal, TypeAlias

import httpx
import msgspec

from parvis.settings import Settings
from tests.journeys.waiting import eventually

Shape: TypeAlias = Literal["together", "apart"]

LOOPBACK = "127.0.0.1"
STOP_SECONDS = 10
OURSELVES = (sys.executable, "-P", "-m", "parvis")


class House(msgspec.Struct, frozen=True):
    """`settings` as its processes have them; `http` asks it as somebody without a key; `logs` is what it wrote."""

    url: str
    stripe_url: str
    operator_key: str
    settings: Settings
    http: httpx.AsyncClient
    logs: Path

    def bugs(self) -> list[str]:
        """Lines of the logs that tell of an error of ours."""
        lines = [line for log in sorted(self.logs.iterdir()) for line in log.read_text().splitlines()]
        return [line for line in lines if "Traceback" in line or '"level": "error"' in line or "[error" in line]


@asynccontextmanager
async def running_house(shape: Shape, settings: Settings, operator_key: str, logs: Path) -> AsyncIterator[House]:
    """Every process of the shape and a worker; gone at the end of the block."""
    ports = {name: free_port() for name in ("gateway", "inventory", "ticketing")}
    url = f"http://{LOOPBACK}:{ports['gateway']}"
    settings = msgspec.structs.replace(settings, public_url=url)
    served = {"gateway": "everything"}
    if shape == "apart":
        served = {"inventory": "inventory", "ticketing": "ticketing", "gateway": "gateway"}
        settings = msgspec.structs.replace(
            settings,
            inventory_url=f"http://{LOOPBACK}:{ports['inventory']}",
            ticketing_url=f"http://{LOOPBACK}:{ports['ticketing']}",
        )
    environment = variables(settings)
    async with AsyncExitStack() as running:
        http = await running.enter_async_context(httpx.AsyncClient(base_url=url, trust_env=False, timeout=30))
        for name, application in served.items():
            command = ("serve", application, "--port", str(ports[name]), "--drain-seconds", "1")
            await running.enter_async_context(_process(command, environment, logs / f"{application}.log"))
        await running.enter_async_context(_process(("worker",), environment, logs / "worker.log"))
        await eventually(lambda: _is_ready(http), seconds=30)
        yield House(url, settings.stripe_api_url, operator_key, settings, http, logs)


def variables(settings: Settings) -> dict[str, str]:
    """The environment that tells a process these settings, and nothing of ours besides."""
    told = {
        f"PARVIS_{name.upper()}": str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in msgspec.structs.asdict(settings).items()
    }
    return {name: value for name, value in os.environ.items() if not name.startswith("PARVIS_")} | told


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def _process(command: tuple[str, ...], environment: Mapping[str, str], log: Path) -> AsyncIterator[None]:
    with log.open("ab") as written:
        process = await asyncio.create_subprocess_exec(
            *OURSELVES, *command, env=environment, stdout=written, stderr=asyncio.subprocess.STDOUT
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()


async def _is_ready(http: httpx.AsyncClient) -> bool:
    try:
        return (await http.get("/readyz")).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
