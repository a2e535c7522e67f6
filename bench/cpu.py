"""Processor time: the figure that stays when other programs make a machine slow.

The kernel counts it in hundredths of a second, so a measurement should last for seconds.
"""

from pathlib import Path

import psutil

# A word of the command line, and the kind of process that has it.
KINDS = {"postgres": "postgresql", "serve": "web", "worker": "worker", "valkey-server": "valkey"}


def tree_cpu_seconds(process_id: int) -> float:
    """Of this process and of all that it started, also of those that have ended."""
    process = psutil.Process(process_id)
    ended = -1.0
    while ended != _of_ended(process):
        # When one ends between two looks it would be counted twice, or not at all.
        ended = _of_ended(process)
        used = ended + _own(process) + sum(_own(child) for child in process.children(recursive=True))
    return used


def cpu_seconds_by_kind(process_id: int) -> dict[str, float]:
    """Of what this process started, and of what those started, apart from what is of no kind."""
    used = dict.fromkeys(KINDS.values(), 0.0)
    for child in psutil.Process(process_id).children():
        kind = _kind(child)
        if kind:
            used[kind] += tree_cpu_seconds(child.pid)
    return used


def _own(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return times.user + times.system


def _of_ended(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.children_user + times.children_system


def _kind(process: psutil.Process) -> str | None:
    """Valkey writes one long word over its command line: `valkey-server address:port`."""
    names = [Path(word.split(" ")[0]).name for word in process.cmdline()[:5]]
    return next((kind for word, kind in KINDS.items() if word in names), None)
