"""The load generator counts what happened: against servers of a few lines whose every answer is known."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import cycle, repeat

import pytest

from bench.generator import measure_generator
from bench.load import HOST, Load, drive, http_request

QUESTION = http_request("GET", "/")
FINE = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine"
UNCHANGED = b"HTTP/1.1 304 Not Modified\r\n\r\n"
BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
STALL_SECONDS = 0.3


@asynccontextmanager
async def server(reply: Callable[[asyncio.StreamWriter], object]) -> AsyncIterator[int]:
    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1000):
            done = reply(writer)
            if asyncio.iscoroutine(done):
                await done
        writer.close()

    listening = await asyncio.start_server(converse, HOST, 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1]


async def test_closed_loop_counts_answers_by_status():
    answers = cycle([FINE, BUSY, UNCHANGED])
    async with server(lambda writer: writer.write(next(answers))) as port:
        measured = await drive(Load(port, repeat(QUESTION, 30), clients=1, seconds=5))
    assert measured.count == 20
    assert measured.failures == {"503": 10}
    assert measured.answered == 30


async def test_answer_that_comes_in_pieces_is_one():
    async def slowly(writer: asyncio.StreamWriter) -> None:
        for piece in (FINE[:10], FINE[10:-2], FINE[-2:]):
            writer.write(piece)
            await asyncio.sleep(0.01)

    async with server(slowly) as port:
        measured = await drive(Load(port, repeat(QUESTION, 4), clients=2, seconds=5))
    assert (measured.count, measured.failures) == (4, {})
    assert min(measured.latencies) >= 0.02


async def test_answer_without_what_was_expected_is_refused():
    async with server(lambda writer: writer.write(FINE)) as port:
        measured = await drive(Load(port, repeat(QUESTION, 3), clients=1, seconds=5, expected=b"admitted"))
    assert (measured.count, measured.failures) == (0, {"refused": 3})


async def test_refused_client_leaves_and_the_others_go_on():
    answers = iter([FINE, BUSY, FINE, BUSY])
    async with server(lambda writer: writer.write(next(answers))) as port:
        measured = await drive(Load(port, repeat(QUESTION), clients=2, seconds=5, leave_when_refused=True))
    assert (measured.count, measured.failures) == (2, {"503": 2})


async def test_connection_that_breaks_is_counted():
    async with server(lambda writer: writer.transport.abort()) as port:
        measured = await drive(Load(port, repeat(QUESTION), clients=3, seconds=5))
    assert (measured.count, measured.failures) == (0, {"connection lost": 3})


@pytest.mark.parametrize(("rate", "late"), [(None, 1), (100.0, 30)])
async def test_open_loop_charges_a_stall_to_all_who_were_due(rate: float | None, late: int):
    """One stall of 0.3 s: a closed loop with one client shows it once, in truth 30 requests fell due meanwhile."""
    waits = iter([STALL_SECONDS])

    async def stall_once(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(next(waits, 0))
        writer.write(FINE)

    async with server(stall_once) as port:
        measured = await drive(Load(port, repeat(QUESTION), clients=1, seconds=0.4, rate=rate))
    waited = [latency for latency in measured.latencies if latency > 0.02]
    assert measured.failures == {}
    if rate is None:
        assert len([latency for latency in waited if latency >= STALL_SECONDS]) == late
    else:
        # A busy machine makes more of them late, never fewer than those of the last twentieth of a second.
        assert measured.count == 40
        assert len(waited) >= late - 5


async def test_requests_that_end_early_end_an_open_loop():
    async with server(lambda writer: writer.write(FINE)) as port:
        measured = await drive(Load(port, repeat(QUESTION, 5), clients=2, seconds=5, rate=1000))
    assert (measured.count, measured.failures) == (5, {})
    assert measured.seconds < 4


async def test_generator_costs_little():
    cost = await measure_generator(clients=32, seconds=0.3)
    assert cost.failures == {}
    # 8 µs with uvloop on a quiet core; here plain asyncio, other tests beside it, and factors for slow machines.
    assert 0 < cost.cpu_microseconds < 500
