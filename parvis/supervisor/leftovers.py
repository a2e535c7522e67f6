"""What an earlier run left behind: processes that outlive a supervisor which was killed without a goodbye.

The kernel tells them to stop (`launch.die_with_parent`), but a last request or checkpoint may take them a moment, and a
process whose own parent was killed may linger. Starting beside them would mean two writers in one folder. Where there
is no /proc (macOS) nothing is found, and the servers' own locks remain.
"""

import contextlib
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from parvis.supervisor.process import attempts

MARK = "PARVIS_CHILD_OF"
PROCESSES = Path("/proc")
KILL_WITHIN_SECONDS = 2.0


def marked(folder: Path) -> set[int]:
    """Processes that a Parvis started for this data folder, at any depth: the mark is in their environment."""
    wanted = f"{MARK}={folder}".encode()
    return {pid for pid in _others() if wanted in _environment(pid).split(b"\0")}


def working_in(folder: Path) -> set[int]:
    """Processes whose current folder is this one: PostgreSQL overwrites its environment, but works in its folder."""
    return {pid for pid in _others() if _current_folder(pid) == str(folder)}


async def wait_until_gone(find: Callable[[], set[int]], patience_seconds: float) -> None:
    """Wait for all that `find` finds; what is still there when patience ends is killed."""
    async for _ in attempts(patience_seconds):
        if not find():
            return
    send(signal.SIGKILL, find())
    async for _ in attempts(KILL_WITHIN_SECONDS):
        if not find():
            return


def send(number: signal.Signals, process_ids: Iterable[int]) -> None:
    for process_id in process_ids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(process_id, number)


def _others() -> Iterator[int]:
    if PROCESSES.is_dir():
        ids = (int(entry.name) for entry in PROCESSES.iterdir() if entry.name.isdigit())
        yield from (process_id for process_id in ids if process_id != os.getpid())


def _environment(process_id: int) -> bytes:
    try:
        return (PROCESSES / str(process_id) / "environ").read_bytes()
    except OSError:
        return b""


def _current_folder(process_id: int) -> str:
    try:
        return str((PROCESSES / str(process_id) / "cwd").readlink())
    except OSError:
        return ""
