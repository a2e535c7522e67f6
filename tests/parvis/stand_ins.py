"""Small programs in the place of the real ones: what is tested with them does not care what a gateway does.

`python -m tests.parvis.stand_ins parvis up …` is the real command line with these programs behind it.
"""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

import asyncpg

from parvis.cli import main
from parvis.commands.serve import serve
from parvis.composition import Programs

OURSELVES = (sys.executable, "-m", "tests.parvis.stand_ins")
PROGRAMS = Programs(
    migrate=(*OURSELVES, "migrate"),
    demo=(*OURSELVES, "demo"),
    stripe=(*OURSELVES, "stripe"),
    worker=(*OURSELVES, "worker"),
    gateway=(*OURSELVES, "gateway"),
)

Message = MutableMapping[str, Any]  # ASGI messages are JSON-like and untyped
Application = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]


def make_application() -> Application:
    """`/orders` stores a row and answers how many there are; `/slow` takes a second, `/in-flight` counts."""
    pool: list[asyncpg.Pool] = []
    in_flight: list[str] = []

    async def application(
        scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        if scope["type"] == "lifespan":
            await receive()
            pool.append(await asyncpg.create_pool(os.environ["PARVIS_DATABASE_URL"], min_size=1, max_size=2))
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        in_flight.append(scope["path"])
        body = await _answer(scope["path"], pool[0], in_flight)
        in_flight.remove(scope["path"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": json.dumps(body).encode()})

    return application


async def _answer(path: str, pool: asyncpg.Pool, in_flight: list[str]) -> object:
    if path == "/slow":
        await asyncio.sleep(1)
    if path == "/orders":
        await pool.execute("INSERT INTO orders DEFAULT VALUES")
    if path == "/in-flight":
        return len(in_flight)
    return await pool.fetchval("SELECT count(*) FROM orders")


async def migrate() -> None:
    connection = await asyncpg.connect(os.environ["PARVIS_DATABASE_URL"])
    await connection.execute("CREATE TABLE IF NOT EXISTS orders (id bigserial PRIMARY KEY)")
    await connection.close()


def demo() -> None:
    keys = ("PARVIS_STRIPE_API_KEY", "PARVIS_STRIPE_API_URL", "PARVIS_STRIPE_WEBHOOK_SECRET", "PARVIS_PUBLIC_URL")
    (Path(os.environ["PARVIS_DATA"]) / "demo.json").write_text(json.dumps({key: os.environ[key] for key in keys}))


async def listen(port: int) -> None:
    async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", port) as server:
        await server.serve_forever()


def option(name: str) -> str:
    return sys.argv[sys.argv.index(name) + 1]


if __name__ == "__main__":
    match sys.argv.pop(1):
        case "parvis":
            main(PROGRAMS)
        case "migrate":
            asyncio.run(migrate())
        case "demo":
            demo()
        case "stripe":
            asyncio.run(listen(int(option("--port"))))
        case "worker":
            asyncio.run(asyncio.sleep(3600))
        case "gateway":
            serve(
                "tests.parvis.stand_ins:make_application",
                host=option("--host"),
                port=int(option("--port")),
                workers=int(option("--workers")),
                drain_seconds=int(option("--drain-seconds")),
            )
