"""Does it answer? Each question costs one connection, and gets one sentence when the answer is no."""

import asyncio
import contextlib
from urllib.parse import urlsplit

from parvis.errors import CannotProceed

ANSWER_SECONDS = 5.0


async def answers_http(host: str, port: int, path: str) -> bool:
    """Whether a GET is answered with 200."""
    with contextlib.suppress(OSError, TimeoutError):
        return b" 200 " in await asyncio.wait_for(_status_line(host, port, path), ANSWER_SECONDS)
    return False


async def answers_http_at(url: str) -> bool:
    parts = urlsplit(url)
    return await answers_http(parts.hostname or "", parts.port or 80, parts.path)


async def listens(host: str, port: int) -> bool:
    with contextlib.suppress(OSError, TimeoutError):
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, port), ANSWER_SECONDS)
        writer.close()
        return True
    return False


async def check_postgres(variable: str, url: str) -> None:
    """`CannotProceed`, with the variable and the address but no password, unless one can log in."""
    # Imported here: 0.1 s that only those who bring their own servers spend.
    import asyncpg

    try:
        connection = await asyncpg.connect(url, timeout=ANSWER_SECONDS)
        await connection.close()
    except (OSError, TimeoutError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as problem:
        raise CannotProceed(_sentence(variable, url, "PostgreSQL", problem)) from problem


async def check_valkey(variable: str, url: str) -> None:
    """`CannotProceed`, with the variable and the address but no password, unless it answers a PING."""
    # Imported here: 0.2 s that only those who bring their own servers spend.
    from redis.asyncio import from_url
    from redis.exceptions import RedisError

    try:
        async with from_url(url, socket_connect_timeout=ANSWER_SECONDS, socket_timeout=ANSWER_SECONDS) as client:
            await client.ping()
    except (OSError, ValueError, RedisError) as problem:
        raise CannotProceed(_sentence(variable, url, "Valkey", problem)) from problem


async def _status_line(host: str, port: int, path: str) -> bytes:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        return await reader.readline()
    finally:
        writer.close()


def _sentence(variable: str, url: str, server: str, problem: Exception) -> str:
    address = urlsplit(url).netloc.rpartition("@")[2] or "no address"
    reason = str(problem) or "no answer in time"
    return f"{variable} names no {server} that answers at {address}: {reason}"
