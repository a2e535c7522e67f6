"""The real `parvis up`, durable, as a child of the tests."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import redis

from parvis.embedded.data_folder import DataFolder
from parvis.embedded.valkey import valkey_url
from tests.parvis.up_process import REPOSITORY, STOP_SECONDS, Up, clean_environment, survivors, wait_until

READY_SECONDS = 60.0
COMMAND = (sys.executable, "-P", "-m", "parvis")
# So many that nobody is refused, and each is counted in Valkey.
ENVIRONMENT = {"PARVIS_WRITE_RATE_PER_MINUTE": "1000000", "PARVIS_READ_RATE_PER_MINUTE": "1000000"}


@contextlib.contextmanager
def real_up(folder: Path, port: int) -> Iterator[Up]:
    """Ready at the beginning of the block; at its end, however that ends, nothing of it runs."""
    log = folder.with_name("up.log")
    with log.open("ab") as written:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [*COMMAND, "up", "--data", str(folder), "--port", str(port), "--workers", "2"],
            env=clean_environment() | ENVIRONMENT,
            cwd=REPOSITORY,
            stdout=written,
            stderr=subprocess.STDOUT,
            text=True,
        )
    up = Up(process, folder, port)
    try:
        wait_until(lambda: up.is_ready or process.poll() is not None, READY_SECONDS)
        assert process.poll() is None, log.read_text()[-2000:]
        yield up
    finally:
        process.kill()
        process.wait()
        wait_until(lambda: not survivors(folder), STOP_SECONDS)


def parvis(*command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """One command about the instance in the folder."""
    return subprocess.run(  # noqa: S603 - our own command
        [*COMMAND, *command, "--data", str(folder)],
        env=clean_environment(),
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=READY_SECONDS,
        check=False,
    )


def kill_web_process(up: Up) -> None:
    """One of those that answer requests."""
    serving = up.child("everything")
    assert serving
    serving.children()[0].kill()


def kill(up: Up, word: str) -> psutil.Process:
    """SIGKILL for the child with this word in its command; returns once another one runs."""
    killed = up.child(word)
    assert killed
    killed.kill()
    wait_until(lambda: up.child(word) not in (None, killed))
    return killed


def kill_everything(up: Up) -> None:
    """The supervisor dies without a word; the kernel takes its children along."""
    os.kill(up.process.pid, signal.SIGKILL)
    up.process.wait()


def flush_valkey(folder: Path) -> None:
    data = DataFolder(folder)
    running = data.running()
    assert running
    assert running.valkey_port
    with redis.Redis.from_url(valkey_url(data.credentials().valkey, running.valkey_port)) as valkey:
        valkey.flushall()
