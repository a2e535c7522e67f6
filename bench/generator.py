"""What the load generator itself costs, against a server that does nothing: run as a program, this is that server."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import repeat
from typing import cast

import msgspec
import uvloop

from bench.load import HOST, Load, drive, http_request
from parvis.embedded.ports import free_port
from parvis.supervisor.process import launch_command

BODY = b"x" * 1500
ANSWER = b"HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(BODY) + BODY
REQUEST = http_request("POST", "/v1/establishments/bench/orders", body=BODY[:300])
START_SECONDS = 10.0


class GeneratorCost(msgspec.Struct, frozen=True):
    clients: int
    per_second: float
    cpu_microseconds: float
    failures: dict[str, int]


async def measure_generator(clients: int, seconds: float) -> GeneratorCost:
    """Processor time of this process per request, system calls included."""
    with _idle_server() as port:
        await _wait_for(port)
        measured = await drive(Load(port, repeat(REQUEST), clients, seconds))
    each = measured.generator_cpu_seconds / max(1, measured.answered) * 1e6
    return GeneratorCost(clients, measured.per_second, each, dict(measured.failures))


class _Idle(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:  # noqa: ARG002 - whatever is asked
        self._transport.write(ANSWER)


@contextmanager
def _idle_server() -> Iterator[int]:
    port = free_port()
    process = subprocess.Popen(launch_command((sys.executable, "-m", __name__, str(port))))  # noqa: S603 - our own command
    try:
        yield port
    finally:
        process.terminate()
        process.wait()


async def _wait_for(port: int) -> None:
    async with asyncio.timeout(START_SECONDS):
        while True:
            with suppress(OSError):
                _, writer = await asyncio.open_connection(HOST, port)
                writer.close()
                return
            await asyncio.sleep(0.05)


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(_Idle, HOST, port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
