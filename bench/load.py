"""A load generator that costs little: requests are bytes made beforehand, and no coroutine waits for an answer.

Closed loop: each client sends its next request when the answer to the last one is there. Open loop (`rate`):
requests fall due at even intervals, and their latency counts from that moment, whether or not a client was free.
So a server that stalls is charged for all who waited, not only for those who were being served. In rounds: all clients
send at the same moment, and again once each of them was answered.
"""

import asyncio
import gc
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from time import perf_counter, process_time
from typing import cast

HOST = "127.0.0.1"
HEAD_END = b"\r\n\r\n"
LENGTH = b"content-length: "
# After the time is over, for answers that are still on their way.
LAST_ANSWERS_SECONDS = 10.0


@dataclass(frozen=True)
class Load:
    """`requests` may end before the time does. A success has a status below 400 and `expected` in its answer.

    `rate` is in requests per second; None is the closed loop. With `leave_when_refused` a client sends no more once
    it was refused, and the run ends when all have left. `in_rounds`: a request for each client, then the next round.
    """

    port: int
    requests: Iterator[bytes]
    clients: int
    seconds: float
    rate: float | None = None
    expected: bytes = b""
    leave_when_refused: bool = False
    in_rounds: bool = False


@dataclass
class Measured:
    """Latencies in seconds, in the order in which the answers came; what failed, by its status or in words.

    `longest_round_seconds`: what it took at most until all clients of a round had sent.
    """

    latencies: "array[float]" = field(default_factory=lambda: array("d"))
    failed_latencies: "array[float]" = field(default_factory=lambda: array("d"))
    failures: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    generator_cpu_seconds: float = 0.0
    longest_round_seconds: float = 0.0

    @property
    def count(self) -> int:
        return len(self.latencies)

    @property
    def answered(self) -> int:
        return len(self.latencies) + len(self.failed_latencies)

    @property
    def per_second(self) -> float:
        return self.count / self.seconds if self.seconds else 0.0

    def percentile_ms(self, part: float) -> float:
        return percentile(self.latencies, part) * 1000


def percentile(values: "array[float]", part: float) -> float:
    """The value below which this part of all lies; 0 if there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))] if ordered else 0.0


def http_request(method: str, path: str, *, body: bytes = b"", headers: str = "") -> bytes:
    """`headers` are further lines, each with its line end."""
    lines = f"{method} {path} HTTP/1.1\r\nHost: {HOST}\r\n{headers}"
    if body:
        lines += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return f"{lines}\r\n".encode() + body


async def drive(load: Load) -> Measured:
    """Raises OSError if the server does not take the connections."""
    run = _run(load)
    clients = [await _connected(run) for _ in range(load.clients)]
    gc.collect()
    # A full collection in the middle would look like a slow answer.
    gc.disable()
    cpu_before = process_time()
    try:
        await run.through(clients)
    finally:
        gc.enable()
        run.measured.generator_cpu_seconds = process_time() - cpu_before
        for client in clients:
            client.close()
    return run.measured


def _run(load: Load) -> "_Run":
    if load.in_rounds:
        return _Rounds(load)
    return _OpenLoop(load, load.rate) if load.rate else _ClosedLoop(load)


async def _connected(run: "_Run") -> "_Client":
    loop = asyncio.get_running_loop()
    _, client = await loop.create_connection(lambda: _Client(run), HOST, run.load.port)
    return client


class _Run:
    """What the clients share: who sends next, when it is over, and what was measured."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.measured = Measured()
        self.started = self.ends = 0.0
        self._over = asyncio.Event()
        self._here = 0

    async def through(self, clients: "list[_Client]") -> None:
        self._here = len(clients)
        self.started = perf_counter()
        self.ends = self.started + self.load.seconds
        self.begin(clients)
        try:
            await asyncio.wait_for(self._over.wait(), self.load.seconds + LAST_ANSWERS_SECONDS)
        except TimeoutError:
            self.count_missing(clients)
        self.measured.seconds = perf_counter() - self.started

    def begin(self, clients: "list[_Client]") -> None:
        raise NotImplementedError

    def free(self, client: "_Client", now: float) -> None:
        """The client has its answer, and may send again."""
        raise NotImplementedError

    def count_missing(self, clients: "list[_Client]") -> None:
        self.measured.failures["no answer"] += sum(client.waits for client in clients)

    def answered(self, client: "_Client", answer: bytes) -> None:
        now = perf_counter()
        latency = now - client.due
        status = answer[9:12]
        if status < b"400" and self.load.expected in answer:
            self.measured.latencies.append(latency)
        else:
            self.measured.failed_latencies.append(latency)
            self.measured.failures[status.decode() if status >= b"400" else "refused"] += 1
            if self.load.leave_when_refused:
                self.leave(client)
                return
        self.free(client, now)

    def lost(self, client: "_Client") -> None:
        if client.waits:
            client.waits = False
            self.measured.failures["connection lost"] += 1
        self.leave(client)

    def leave(self, client: "_Client") -> None:
        client.close()
        self._here -= 1
        if self._here == 0:
            self.finish()

    def finish(self) -> None:
        self._over.set()


class _ClosedLoop(_Run):
    def begin(self, clients: "list[_Client]") -> None:
        for client in clients:
            self.free(client, perf_counter())

    def free(self, client: "_Client", now: float) -> None:
        request = next(self.load.requests, None) if now < self.ends else None
        if request is None:
            self.leave(client)
        else:
            client.send(request, now)


class _Rounds(_Run):
    def begin(self, clients: "list[_Client]") -> None:
        self._clients = clients
        self._next_round()

    def free(self, client: "_Client", now: float) -> None:  # noqa: ARG002 - all wait for the slowest
        if not any(one.waits for one in self._clients):
            self._next_round()

    def lost(self, client: "_Client") -> None:
        """Fewer than all is another measurement: it ends here."""
        super().lost(client)
        self.finish()

    def _next_round(self) -> None:
        round_ = list(islice(self.load.requests, len(self._clients)))
        began = perf_counter()
        if len(round_) < len(self._clients) or began >= self.ends:
            self.finish()
            return
        for client, request in zip(self._clients, round_, strict=True):
            client.send(request, perf_counter())
        self.measured.longest_round_seconds = max(self.measured.longest_round_seconds, perf_counter() - began)


class _OpenLoop(_Run):
    """Request number n is due n / rate after the start. It is sent then, or as soon as a client is free."""

    def __init__(self, load: Load, rate: float) -> None:
        super().__init__(load)
        self._rate = rate
        self._count = int(rate * load.seconds)
        self._sent = 0
        self._idle: list[_Client] = []
        self._loop = asyncio.get_running_loop()

    def begin(self, clients: "list[_Client]") -> None:
        self._idle = list(clients)
        self._tick()

    def free(self, client: "_Client", now: float) -> None:
        self._idle.append(client)
        self._send_what_is_due(now)

    def lost(self, client: "_Client") -> None:
        if client in self._idle:
            self._idle.remove(client)
        super().lost(client)

    def count_missing(self, clients: "list[_Client]") -> None:
        super().count_missing(clients)
        self.measured.failures["never sent"] += self._count - self._sent

    def _tick(self) -> None:
        """Timers count in milliseconds: what falls due between two of them is sent together, its delay counted."""
        now = perf_counter()
        self._send_what_is_due(now)
        if self._sent < self._count:
            self._loop.call_later(max(0.001, self._due(self._sent) - now), self._tick)

    def _send_what_is_due(self, now: float) -> None:
        while self._idle and self._sent < self._count and self._due(self._sent) <= now:
            request = next(self.load.requests, None)
            if request is None:
                self._count = self._sent
            else:
                self._idle.pop().send(request, self._due(self._sent))
                self._sent += 1
        if self._sent == self._count and len(self._idle) == self._here:
            self.finish()

    def _due(self, number: int) -> float:
        return self.started + number / self._rate


class _Client(asyncio.Protocol):
    """One kept connection with at most one request on its way. `due` is when the clock of that request began."""

    __slots__ = ("_closed", "_received", "_run", "_transport", "due", "waits")

    def __init__(self, run: _Run) -> None:
        self._run = run
        self._received = b""
        self._closed = False
        self.due = 0.0
        self.waits = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def send(self, request: bytes, due: float) -> None:
        self.due = due
        self.waits = True
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        if self._received:
            data = self._received + data
        head_end = data.find(HEAD_END)
        if head_end < 0 or len(data) < head_end + len(HEAD_END) + _body_length(data, head_end):
            self._received = data
            return
        self._received = b""
        self.waits = False
        self._run.answered(self, data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - that it is lost is enough
        if not self._closed:
            self._run.lost(self)

    def close(self) -> None:
        self._closed = True
        self._transport.close()


def _body_length(answer: bytes, head_end: int) -> int:
    at = answer.find(LENGTH, 0, head_end)
    if at < 0:
        at = answer[:head_end].lower().find(LENGTH)
    # An answer without a length has no body: 204 and 304.
    return int(answer[at + len(LENGTH) : answer.index(b"\r\n", at)]) if at >= 0 else 0
