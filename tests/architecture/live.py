"""`parvis up --demo` as its readers start it, in a folder of its own."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from tests.parvis.up_process import clean_environment, unused_port, wait_until

READY_SECONDS = 60.0
STOP_SECONDS = 15.0


class Live(msgspec.Struct, frozen=True):
    """`folder` is the data folder, `.parvis`, as the examples name it."""

    folder: Path


@contextmanager
def live_demo(beside: Path) -> Iterator[Live]:
    """Ready at the beginning of the block, gone at its end."""
    folder, output = beside / ".parvis", beside / "up.log"
    command = [sys.executable, "-m", "parvis", "up", "--demo", "--data", str(folder), "--port", str(unused_port())]
    with output.open("w") as log:
        process = subprocess.Popen(command, env=clean_environment(), stdout=log, stderr=subprocess.STDOUT)  # noqa: S603
        try:
            wait_until(lambda: "is ready" in output.read_text() or process.poll() is not None, READY_SECONDS)
            assert process.poll() is None, output.read_text()
            yield Live(folder)
        finally:
            process.terminate()
            assert process.wait(STOP_SECONDS) == 0, output.read_text()
