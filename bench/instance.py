"""An instance of its own to measure: `parvis up` in a folder, durable as in production, rate limits off."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import psutil

from bench.cpu import cpu_seconds_by_kind
from parvis.embedded.cluster import SUPERUSER
from parvis.embedded.data_folder import DataFolder
from parvis.embedded.ports import free_port
from parvis.embedded.postgres import postgres_url
from parvis.environment import TICKETING_ROLE
from parvis.errors import CannotProceed
from parvis.supervisor.process import launch_command

START_SECONDS = 60
STOP_SECONDS = 30
PARVIS = (sys.executable, "-P", "-m", "parvis")


@dataclass(frozen=True)
class RunningInstance:
    """`owner_url` looks past row-level security: for preparing and checking, never for what is measured."""

    data: Path
    port: int
    operator_key: str
    owner_url: str
    ticketing_url: str
    process_id: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Its processes stand still, so that what else is measured meanwhile has the machine for itself."""
        supervisor = psutil.Process(self.process_id)
        # Whoever looks after the others first, so that it does not take them for dead.
        processes = [supervisor, *supervisor.children(recursive=True)]
        try:
            for process in processes:
                with suppress(psutil.NoSuchProcess):
                    process.suspend()
            yield
        finally:
            for process in reversed(processes):
                with suppress(psutil.NoSuchProcess):
                    process.resume()

    async def settle(self) -> None:
        """Statistics of tables that were empty a moment ago, as autovacuum makes them within ten seconds."""
        connection = await asyncpg.connect(self.owner_url)
        try:
            await connection.execute("ANALYZE")
        finally:
            await connection.close()

    def cpu_seconds(self) -> dict[str, float]:
        """What its processes have used so far: web, postgresql, worker, valkey."""
        try:
            return cpu_seconds_by_kind(self.process_id)
        except psutil.NoSuchProcess as error:
            raise CannotProceed("The instance ended while it was measured.") from error


@contextmanager
def running_instance(data: Path, *, workers: int = 1) -> Iterator[RunningInstance]:
    """Raises CannotProceed, with the last words of `parvis up`, if it does not start."""
    port = free_port()
    log_file = data.with_name(f"{data.name}.log")
    command = (*PARVIS, "up", "--data", str(data), "--port", str(port), "--workers", str(workers))
    with log_file.open("wb") as log:
        # Tied to our life: killed, we leave no servers behind.
        process = subprocess.Popen(launch_command(command), env=_environment(), stdout=log, stderr=log)  # noqa: S603 - our own command
    try:
        _wait_until_ready(process, data, log_file)
        yield _reached(data, port, process.pid)
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


def _environment() -> dict[str, str]:
    """Nothing of an instance that somebody's shell may name."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PARVIS_")}
    return {**ours, "PARVIS_READ_RATE_PER_MINUTE": "0", "PARVIS_WRITE_RATE_PER_MINUTE": "0"}


def _wait_until_ready(process: "subprocess.Popen[bytes]", data: Path, log_file: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise CannotProceed(f"parvis up ended before it was ready:\n{log_file.read_text()[-2000:]}")
        if _announced_url(data):
            return
        time.sleep(0.1)
    raise CannotProceed(f"parvis up was not ready after {START_SECONDS} s:\n{log_file.read_text()[-2000:]}")


def _announced_url(data: Path) -> str | None:
    try:
        running = DataFolder(data).running()
    except CannotProceed:  # just being started
        return None
    return running.url if running else None


def _reached(data: Path, port: int, process_id: int) -> RunningInstance:
    folder = DataFolder(data)
    running, credentials = folder.running(), folder.credentials()
    if not running or not running.postgres_port:
        raise CannotProceed(f"The instance in {data} stopped.")
    return RunningInstance(
        data=data,
        port=port,
        operator_key=_operator_key(data),
        owner_url=postgres_url(SUPERUSER, credentials.postgres, running.postgres_port),
        ticketing_url=postgres_url(TICKETING_ROLE, credentials.parvis_ticketing, running.postgres_port),
        process_id=process_id,
    )


def _operator_key(data: Path) -> str:
    command = (*PARVIS, "operator-key", "--name", "Benchmark", "--data", str(data))
    done = subprocess.run(command, env=_environment(), capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    if done.returncode != 0:
        raise CannotProceed(f"parvis operator-key failed: {done.stderr}")
    return done.stdout.strip()
