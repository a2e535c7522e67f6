"""On what was measured: a figure means nothing without it."""

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import psutil

from parvis.embedded.binaries import postgres_programs

ROOT = Path(__file__).parents[1]


class Machine(msgspec.Struct, frozen=True):
    measured_at: str
    commit: str
    processor: str
    cores: int
    memory_gib: float
    kernel: str
    python: str
    postgresql: str
    load_before: float
    """Processes that wanted a core in the minute before: on a quiet machine close to 0."""


def this_machine() -> Machine:
    return Machine(
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
        commit=_commit(),
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1,
        memory_gib=round(psutil.virtual_memory().total / 2**30, 1),
        kernel=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        postgresql=_said(str(postgres_programs() / "postgres"), "--version").split()[-1],
        load_before=round(os.getloadavg()[0], 2),
    )


def _commit() -> str:
    """With a plus if files differ from it; unknown in a copy without history."""
    commit = _said("git", "rev-parse", "--short", "HEAD")
    changed = _said("git", "status", "--porcelain", "--untracked-files=no") if commit else ""
    return f"{commit}{'+' if changed else ''}" if commit else "unknown"


def _processor() -> str:
    described = Path("/proc/cpuinfo")
    lines = described.read_text().splitlines() if described.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _said(*command: str) -> str:
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
