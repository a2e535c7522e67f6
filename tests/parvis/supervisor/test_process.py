import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from parvis.errors import CannotProceed
from parvis.supervisor.process import Process, Program, always_ready
from parvis.supervisor.supervisor import Supervisor
from tests.parvis.up_process import wait_until

IGNORES_SIGTERM = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
)

SAYS_GOODBYE = (
    "import signal, sys, time\n"
    "signal.signal(signal.SIGTERM, lambda *_: (print('stopped'), sys.exit()))\n"
    "print('up', flush=True)\n"
    "time.sleep(60)\n"
)


async def test_process_is_started_read_and_stopped():
    lines: list[str] = []
    process = Process(_program("print('é'); print('second', flush=True); import time; time.sleep(60)", lines=lines))
    await process.start()
    await _eventually(lambda: lines == ["é", "second"])
    await process.stop()
    assert await process.wait() == -signal.SIGTERM


async def test_process_that_does_not_heed_is_killed():
    lines: list[str] = []
    process = Process(_program(IGNORES_SIGTERM, lines=lines))
    await process.start()
    await _eventually(lambda: lines == ["up"])
    await process.stop()
    assert await process.wait() == -signal.SIGKILL


async def test_process_that_ends_before_it_is_ready_is_quoted():
    process = Process(_program("print('no such table'); raise SystemExit(3)", ready=_never))
    with pytest.raises(CannotProceed, match=r"^test stopped at once: no such table$"):
        await process.start()


async def test_process_that_is_not_ready_in_time_is_stopped():
    process = Process(_program("import time; time.sleep(60)", ready=_never, ready_within_seconds=0.2))
    with pytest.raises(CannotProceed, match=r"^test was not ready after 0.2 seconds.$"):
        await process.start()
    assert await process.wait() == -signal.SIGTERM


async def test_run_returns_after_success_and_quotes_a_failure():
    await Process(_program("print('fine')")).run()
    with pytest.raises(CannotProceed, match=r"^test failed: no$"):
        await Process(_program("print('no'); raise SystemExit(1)")).run()


async def test_very_long_line_arrives_in_pieces():
    lines: list[str] = []
    await Process(_program("print('x' * 300_000)", lines=lines)).run()
    assert "".join(lines) == "x" * 300_000


async def test_program_that_does_not_exist_is_named():
    program = Program("test", ("/no/such/program",), environment={}, ready=_never, write_line=lambda _, __: None)
    with pytest.raises(CannotProceed, match="cannot run /no/such/program: No such file or directory"):
        await Process(program).start()


def test_child_dies_with_its_parent(tmp_path: Path):
    """The parent is a process of its own that starts a child and then kills itself."""
    marker = tmp_path / "child.pid"
    child = f"import os, time; open({str(marker)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    parent = (
        "import os, subprocess, sys, time, pathlib\n"
        "from parvis.supervisor.process import launch_command\n"
        f"subprocess.Popen(launch_command((sys.executable, '-c', {child!r})))\n"
        f"while not (marker := pathlib.Path({str(marker)!r})).exists() or not marker.read_text(): time.sleep(0.01)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    assert subprocess.run([sys.executable, "-c", parent], check=False).returncode == -signal.SIGKILL  # noqa: S603
    wait_until(lambda: not _alive(int(marker.read_text())))


async def test_supervisor_starts_again_what_ends_and_stops_in_reverse_order():
    reports: list[str] = []
    ends: list[str] = []
    async with Supervisor(reports.append) as supervisor:
        parts = [
            Process(_program(SAYS_GOODBYE, name=name, write_line=lambda name, line: ends.append(f"{name} {line}")))
            for name in ("first", "second", "third")
        ]
        await supervisor.start(parts[0])
        await supervisor.start(parts[1])
        await supervisor.start(parts[2], outlives=parts[1])
        await _eventually(lambda: len(ends) == 3)
        victim = Process(_program("import time; time.sleep(60)", name="victim"))
        await supervisor.start(victim)
        killed = victim.pid
        assert killed
        os.kill(killed, signal.SIGKILL)
        await _eventually(lambda: victim.pid != killed)
        await _eventually(lambda: reports[-1] == "victim runs again")
    assert reports == ["victim ended (signal 9); starting it again in 0.1 s", "victim runs again"]
    assert ends[3:] == ["second stopped", "third stopped", "first stopped"]


async def test_supervisor_waits_longer_for_what_keeps_failing():
    reports: list[str] = []
    async with Supervisor(reports.append) as supervisor:
        await supervisor.start(Process(_program("raise SystemExit(4)")))
        await _eventually(lambda: len(reports) >= 5)
    ends = [report for report in reports if "ended" in report]
    assert ends[:3] == [f"test ended (exit code 4); starting it again in {pause} s" for pause in ("0.1", "0.2", "0.4")]


def _program(
    code: str,
    *,
    name: str = "test",
    lines: list[str] | None = None,
    ready: Callable[[], Awaitable[bool]] = always_ready,
    ready_within_seconds: float = 10.0,
    write_line: Callable[[str, str], None] | None = None,
) -> Program:
    received = lines if lines is not None else []
    return Program(
        name=name,
        command=(sys.executable, "-c", code),
        environment=dict(os.environ),
        ready=ready,
        ready_within_seconds=ready_within_seconds,
        stop_signals=((signal.SIGTERM, 0.3),),
        write_line=write_line or (lambda _, line: received.append(line)),
    )


async def _never() -> bool:
    return False


async def _eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - it waits for another process
            await asyncio.sleep(0.01)


def _alive(process_id: int) -> bool:
    try:
        return psutil.Process(process_id).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
