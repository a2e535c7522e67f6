"""What only raw bytes can say, to the server that runs the gateway in production."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from parvis.embedded.ports import free_port
from tests.gateway.house import MUSEUM, E

HOST = b"Host: tickets.example\r\n"
CLOSE = b"Connection: close\r\n"
READ = f"{E}/offers/1/availability".encode()
ORDER = f"{E}/orders".encode()
SEEN = f"{E}/orders/1".encode()


class Door:
    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.process = process
        self.port = port

    async def say(self, request: bytes) -> tuple[int, bytes]:
        """Status, or 0 for a connection that was closed without an answer, and all that came back."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(request)
            async with asyncio.timeout(5):
                answer = await reader.read()
        except ConnectionError:
            answer = b""
        finally:
            writer.close()
        return (int(answer.split()[1]) if answer else 0), answer


@pytest_asyncio.fixture(scope="module")
async def door() -> AsyncIterator[Door]:
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "granian", "--interface", "asgi", "--host", "127.0.0.1", "--port", str(port)),
        *("--no-log", "--workers", "1", "--http", "1", "tests.gateway.instance:gateway"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    door = Door(process, port)
    async with asyncio.timeout(20):
        while True:
            try:
                await door.say(b"GET /livez HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n")
                break
            except OSError:
                await asyncio.sleep(0.05)
    yield door
    if process.returncode is None:
        process.terminate()
        await process.wait()


async def test_plain_request_is_answered_without_a_version_of_the_server(door: Door):
    status, answer = await door.say(b"GET " + READ + b" HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n")
    servers = [line for line in answer.lower().split(b"\r\n") if line.startswith((b"server:", b"x-powered-by:"))]

    assert status == 200
    assert servers in ([], [b"server: granian"])


@pytest.mark.parametrize(
    "target",
    [
        b"//v1/establishments",
        b"/v1/../livez",
        b"/v1/%2e%2e/livez",
        b"/v1/establishments/a%2fb",
        b"/v1/%00",
        b"/v1/%ff",
        b"/v1/%",
        b"/v1/%zz",
        b"/v1/\xff",
        b"/v1/\x00",
        b"/v1/a b",
        b"*",
        b"v1",
        b"",
        b"/v1/" + b"a" * 5000,
    ],
)
async def test_weird_target_gets_a_clean_refusal(door: Door, target: bytes):
    status, _ = await door.say(b"GET " + target + b" HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n")

    assert status in {0, 400, 404, 414}


async def test_absolute_target_leads_to_the_same_resource_and_nowhere_else(door: Door):
    target = b"http://other.example" + READ
    status, answer = await door.say(b"GET " + target + b" HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n")

    assert (status, b'"establishment":"%b"' % MUSEUM.slug.encode() in answer) == (200, True)


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 56\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 56\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        b"Transfer-Encoding: xchunked\r\n",
    ],
)
async def test_doubtful_end_of_a_body_is_no_way_to_smuggle_a_request(door: Door, framing: bytes):
    head = b"POST " + ORDER + b" HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n" + framing
    smuggled = b"GET /livez HTTP/1.1\r\n" + HOST + b"\r\n"
    status, answer = await door.say(head + b"\r\n0\r\n\r\n" + smuggled)

    # The connection is closed after one answer, so nobody can take what follows for a second request.
    assert status in {0, 400, 422, 501}
    assert answer.count(b"HTTP/1.1 ") <= 1


async def test_two_lengths_are_refused(door: Door):
    request = b"POST " + ORDER + b" HTTP/1.1\r\n" + HOST + CLOSE + b"Content-Length: 2\r\nContent-Length: 20\r\n\r\n{}"
    status, _ = await door.say(request)

    assert status in {0, 400}


async def test_two_hosts_are_refused(door: Door):
    status, _ = await door.say(b"GET " + READ + b" HTTP/1.1\r\n" + HOST + HOST + CLOSE + b"\r\n")

    assert status == 400


async def test_identity_headers_on_the_wire_reach_no_service(door: Door):
    forged = b"X-User: root\r\nx_tenant: other\r\nParvis-Principal: abc\r\nX-Forwarded-For: 203.0.113.9\r\n"
    status, answer = await door.say(b"GET " + SEEN + b" HTTP/1.1\r\n" + HOST + CLOSE + forged + b"\r\n")

    assert (status, b'"actor":"visitor"' in answer, b'"client":"127.0.0.1"' in answer) == (200, True, True)
    assert not any(secret in answer for secret in (b"root", b"other", b"abc", b"203.0.113.9"))


async def test_ten_megabytes_are_refused(door: Door):
    head = b"POST " + ORDER + b" HTTP/1.1\r\n" + HOST + CLOSE + b"Content-Type: application/json\r\n"
    announced, _ = await door.say(head + b"Content-Length: 10000000\r\n\r\n")
    chunks = (b"186a0\r\n" + b" " * 100_000 + b"\r\n") * 20
    streamed, _ = await door.say(head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks)

    assert announced == 413
    # A server may close the connection on us while we are still sending.
    assert streamed in {0, 413}


async def test_process_that_is_told_to_stop_ends_its_requests_and_leaves_with_0(door: Door):
    slow = f"GET {E}/slow HTTP/1.1\r\n".encode() + HOST + CLOSE + b"\r\n"
    asking = asyncio.create_task(door.say(slow))
    await asyncio.sleep(0.1)
    door.process.send_signal(signal.SIGTERM)
    status, _ = await asking
    async with asyncio.timeout(10):
        code = await door.process.wait()

    assert (status, code) == (200, 0)
