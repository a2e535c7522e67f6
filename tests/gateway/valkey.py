"""A Valkey that a test may kill and bring back."""

import asyncio
import contextlib
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import RedisError

from parvis.embedded.binaries import valkey_server
from parvis.embedded.ports import free_port


class Valkey:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            str(valkey_server()),
            *("--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self._folder), "--save", ""),
            stdout=asyncio.subprocess.DEVNULL,
        )
        async with asyncio.timeout(10), Redis.from_url(self.url) as client:
            while True:
                with contextlib.suppress(RedisError, OSError):
                    await client.ping()
                    return
                await asyncio.sleep(0.01)

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
