import asyncio
import contextlib
import signal
from collections.abc import Mapping
from pathlib import Path

from parvis.embedded import binaries
from parvis.embedded.data_folder import FILE_MODE, FOLDER_MODE
from parvis.embedded.ports import LOOPBACK, start_on_port
from parvis.supervisor.process import Process, Program

START_SECONDS = 10.0
ANSWER_SECONDS = 1.0
MEMORY_MEGABYTES = 64


def valkey_url(password: str, port: int) -> str:
    return f"redis://:{password}@{LOOPBACK}:{port}/0"


class ValkeyServer:
    """The embedded Valkey of a data folder. It keeps nothing on disk: what it holds may be lost at any moment."""

    name = "valkey"

    def __init__(self, folder: Path, password: str, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.log_file = folder.with_name("valkey.log")
        self.port = 0
        self._password = password
        self._environment = environment
        self._process: Process | None = None

    async def start(self) -> None:
        self.folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
        self.log_file.touch(FILE_MODE)
        await start_on_port(self.port, self._start_process)

    async def wait(self) -> int:
        return await self._process.wait() if self._process else 0

    async def stop(self) -> None:
        if self._process:
            await self._process.stop()

    async def _start_process(self, port: int) -> None:
        self.port = port
        self._process = Process(self._program())
        await self._process.start()

    def _program(self) -> Program:
        return Program(
            name=self.name,
            command=(str(binaries.valkey_server()), str(self._write_configuration())),
            environment=self._environment,
            ready=self._answers,
            ready_within_seconds=START_SECONDS,
            stop_signals=((signal.SIGTERM, 1.0),),
            log_file=self.log_file,
        )

    def _write_configuration(self) -> Path:
        """In a file, because everybody on the machine can read the command line of a process."""
        file = self.folder / "valkey.conf"
        file.touch(FILE_MODE)
        settings = (
            f"bind {LOOPBACK}",
            f"port {self.port}",
            f"dir {_quoted(self.folder)}",
            f"requirepass {self._password}",
            'save ""',
            "appendonly no",
            f"maxmemory {MEMORY_MEGABYTES}mb",
            "maxmemory-policy allkeys-lru",
            "tcp-keepalive 60",
            "loglevel warning",
        )
        file.write_text("\n".join(settings) + "\n", encoding="utf-8")
        return file

    async def _answers(self) -> bool:
        with contextlib.suppress(OSError, TimeoutError):
            return await asyncio.wait_for(self._ping(), ANSWER_SECONDS)
        return False

    async def _ping(self) -> bool:
        reader, writer = await asyncio.open_connection(LOOPBACK, self.port)
        try:
            writer.write(f"AUTH {self._password}\r\nPING\r\n".encode())
            return [await reader.readline(), await reader.readline()] == [b"+OK\r\n", b"+PONG\r\n"]
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


def _quoted(path: Path) -> str:
    text = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
