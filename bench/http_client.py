"""A load generator that is not the bottleneck: HTTP/1.1 with kept connections, and nothing that is not needed here."""

import asyncio
from collections.abc import Awaitable, Callable
from time import perf_counter

import msgspec


class Reply(msgspec.Struct, frozen=True):
    status: int
    body: bytes
    seconds: float


class Connection:
    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port

    async def open(self) -> "Connection":
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        return self

    async def send(self, method: str, path: str, body: bytes = b"", headers: str = "") -> Reply:
        """`headers` are further lines, each with its line end."""
        started = perf_counter()
        head = f"{method} {path} HTTP/1.1\r\nHost: {self._host}\r\nContent-Length: {len(body)}\r\n"
        if body:
            head += "Content-Type: application/json\r\n"
        self._writer.write(f"{head}{headers}\r\n".encode() + body)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        status = int(answer[9:12])
        length = 0
        for line in answer.split(b"\r\n"):
            if line[:15].lower() == b"content-length:":
                length = int(line[15:])
        content = await self._reader.readexactly(length) if length else b""
        return Reply(status, content, perf_counter() - started)

    def close(self) -> None:
        self._writer.close()


class Measured(msgspec.Struct, frozen=True):
    """Seconds of each request that succeeded, how many did not, and how long it all took."""

    latencies: list[float]
    failures: dict[int, int]
    seconds: float

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.seconds

    def percentile_ms(self, part: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * part))] * 1000 if ordered else 0.0


async def closed_loop(
    port: int, clients: int, seconds: float, one: Callable[[Connection], Awaitable[Reply]]
) -> Measured:
    """Each client sends its next request when the answer to the last one is there."""
    latencies: list[float] = []
    failures: dict[int, int] = {}
    connections = [await Connection("127.0.0.1", port).open() for _ in range(clients)]
    end = perf_counter() + seconds
    started = perf_counter()

    async def client(connection: Connection) -> None:
        while perf_counter() < end:
            reply = await one(connection)
            if reply.status < 400:
                latencies.append(reply.seconds)
            else:
                failures[reply.status] = failures.get(reply.status, 0) + 1

    await asyncio.gather(*(client(connection) for connection in connections))
    for connection in connections:
        connection.close()
    return Measured(latencies, failures, perf_counter() - started)
