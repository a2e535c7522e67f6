"""`parvis up` as a child of the tests, with the stand-in programs behind it."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from parvis.embedded.data_folder import DataFolder
from parvis.errors import CannotProceed
from parvis.supervisor import leftovers

COMMAND = (sys.executable, "-m", "tests.parvis.stand_ins", "parvis", "up")
READY_SECONDS = 30.0
STOP_SECONDS = 10.0
REPOSITORY = Path(__file__).parents[2]


@dataclass
class Up:
    process: subprocess.Popen[str]
    folder: Path
    port: int

    def get(self, path: str) -> object:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
            return json.load(answer)

    @property
    def is_ready(self) -> bool:
        """Whether it says of itself that it is."""
        with contextlib.suppress(CannotProceed):
            running = DataFolder(self.folder).running()
            return running is not None and running.pid == self.process.pid and running.url is not None
        return False

    def answers(self) -> bool:
        with contextlib.suppress(OSError):
            return isinstance(self.get("/readyz"), int)
        return False

    def child(self, word: str) -> psutil.Process | None:
        """The child of the supervisor with this word in its command line; None between its end and its next start."""
        for child in psutil.Process(self.process.pid).children():
            with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                words = [part.rpartition("/")[2] for part in " ".join(child.cmdline()).split()]
                if word in words and "launch.py" not in words:
                    return child
        return None

    def kill(self, word: str) -> psutil.Process:
        wait_until(lambda: self.child(word) is not None)
        child = self.child(word)
        assert child
        child.kill()
        return child

    def stop(self) -> str:
        """SIGTERM; what it wrote. Fails if it does not exit with 0 within ten seconds, or leaves something behind."""
        self.process.terminate()
        output, _ = self.process.communicate(timeout=STOP_SECONDS)
        assert self.process.returncode == 0, output
        assert survivors(self.folder) == set()
        return output


def run_up(folder: Path, *options: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """An `up` that is expected to give up by itself."""
    return subprocess.run(  # noqa: S603 - our own command
        [*COMMAND, "--data", str(folder), *options],
        env={**clean_environment(), **(environment or {})},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=READY_SECONDS,
        check=False,
    )


@contextlib.contextmanager
def running_up(
    folder: Path, *options: str, environment: dict[str, str] | None = None, before: tuple[str, ...] = ()
) -> Iterator[Up]:
    """Ready at the beginning of the block, gone at its end however that ends. `before` is put before the command."""
    up = start_up(folder, *options, environment=environment, before=before)
    try:
        wait_until(lambda: up.is_ready or up.process.poll() is not None, READY_SECONDS)
        assert up.process.poll() is None, up.process.communicate()[0]
        yield up
    finally:
        up.process.kill()
        # Shown by pytest beside a test that failed.
        print(up.process.communicate()[0])  # noqa: T201
        wait_until(lambda: not survivors(folder), STOP_SECONDS)


def start_up(
    folder: Path, *options: str, environment: dict[str, str] | None = None, before: tuple[str, ...] = ()
) -> Up:
    port = unused_port()
    process = subprocess.Popen(  # noqa: S603 - our own command
        [*before, *COMMAND, "--data", str(folder), "--port", str(port), *options],
        env={**clean_environment(), **(environment or {})},
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return Up(process, folder, port)


def survivors(folder: Path) -> set[int]:
    return leftovers.marked(folder.resolve()) | leftovers.working_in(DataFolder(folder).postgres)


def wait_until(condition: Callable[[], bool], seconds: float = READY_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PARVIS_")}
