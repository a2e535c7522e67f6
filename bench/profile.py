"""Where the web process spends an order: samples of its main thread (py-spy), by the part of the house they lie in."""

import asyncio
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import msgspec
import psutil

from bench.cpu import tree_cpu_seconds
from bench.ground import Ground
from bench.load import Load, drive
from bench.rows import ROWS
from parvis.errors import CannotProceed

BEGIN, END = "<!-- profile: begin -->", "<!-- profile: end -->"
SAMPLES_PER_SECOND = 200
WAITING = "waiting"
# What a frame's file tells, the innermost frame first. Order matters within one frame only.
PARTS = (
    ("services/ticketing/tickets/", "signing tickets, and what is in them"),
    ("services/kit/database.py", "PostgreSQL: its driver and transactions"),
    ("services/kit/watched.py", "PostgreSQL: its driver and transactions"),
    ("asyncpg/", "PostgreSQL: its driver and transactions"),
    ("sqlalchemy/", "PostgreSQL: its driver and transactions"),
    ("services/ticketing/orders/posting", "books: numbers, rows, events, the stored answer"),
    ("services/ticketing/ledger", "books: numbers, rows, events, the stored answer"),
    ("services/kit/bulk.py", "books: numbers, rows, events, the stored answer"),
    ("services/kit/event_chain.py", "books: numbers, rows, events, the stored answer"),
    ("services/ticketing/orders/views.py", "the answer"),
    ("services/ticketing/access", "the answer"),
    ("services/ticketing/", "prices, drafts, the order of steps"),
    ("services/inventory/", "places"),
    ("services/kit/batching.py", "batches"),
    ("services/kit/", "into a service and out: body, key, access, errors"),
    ("gateway/", "gateway: who asks, limits, headers, metrics"),
)
ELSEWHERE = "web server and event loop (granian, uvloop)"


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """`parts` are shares of the samples in which the thread ran; `busy` is the share of all samples that these are."""

    row: str
    clients: int
    per_second: float
    web_microseconds: float
    busy: float
    parts: dict[str, float]


async def profile(ground: Ground, *, row: str, clients: int, seconds: int) -> Profile:
    """Raises CannotProceed without py-spy, or where it may not look into a process."""
    command = shutil.which("py-spy", path=str(Path(sys.executable).parent))
    if command is None:
        raise CannotProceed("py-spy is not installed; it is in the development dependencies.")
    port, requests = ground.instance.port, await ROWS[row].prepare(ground, 5_000 * seconds)
    await drive(Load(port, requests, clients, 1.0))
    worker = _web_worker(ground.instance.process_id)
    used = tree_cpu_seconds(worker)
    with tempfile.TemporaryDirectory() as folder:
        stacks = Path(folder) / "stacks"
        arguments = ("-r", str(SAMPLES_PER_SECOND), "-d", str(seconds), "-t", "-f", "raw", "-o", str(stacks))
        spy = await asyncio.create_subprocess_exec(
            command, "record", "--pid", str(worker), *arguments, stdout=asyncio.subprocess.DEVNULL
        )
        measured = await drive(Load(port, requests, clients, seconds + 1.0))
        if await spy.wait() != 0:
            raise CannotProceed("py-spy could not look into the web process: run the benchmark as root.")
        counts = by_part(stacks.read_text().splitlines())
    ran = sum(counts.values()) - counts[WAITING]
    return Profile(
        row=ROWS[row].title,
        clients=clients,
        per_second=measured.per_second,
        web_microseconds=(tree_cpu_seconds(worker) - used) / max(1, measured.answered) * 1e6,
        busy=ran / max(1, sum(counts.values())),
        parts={part: count / max(1, ran) for part, count in counts.most_common() if part != WAITING},
    )


def by_part(stacks: Iterable[str]) -> Counter[str]:
    """`stacks` as py-spy writes them: frames from the outermost on, separated by semicolons, then a count."""
    counts: Counter[str] = Counter()
    for line in stacks:
        frames, _, count = line.rpartition(" ")
        if "MainThread" in frames:
            counts[_part(frames.split(";"))] += int(count)
    return counts


def as_markdown(found: Profile) -> str:
    facts = (
        f"{found.row}, {found.clients} clients, {found.per_second:,.0f} a second while being watched, "
        f"{found.web_microseconds:,.0f} µs of the web process each; "
        f"its main thread was busy {found.busy:.0%} of the time."
    )
    lines = [
        facts,
        "",
        "| what the main thread did | share |",
        "|---|---:|",
        *(f"| {part} | {share:.0%} |" for part, share in found.parts.items()),
    ]
    return "\n".join(lines)


def write_page(found: Profile, page: Path) -> None:
    text = page.read_text()
    before, _, rest = text.partition(BEGIN)
    page.write_text(f"{before}{BEGIN}\n\n{as_markdown(found)}\n\n{END}{rest.partition(END)[2]}")


def _part(frames: list[str]) -> str:
    for frame in reversed(frames):
        for file, part in PARTS:
            if file in frame:
                return part
    # The event loop's own C code has no frame: between two callbacks it stands where it was started.
    return WAITING if "_spawn_asgi" in frames[-1] else ELSEWHERE


def _web_worker(process_id: int) -> int:
    """The one with the most threads: beside Python's, the server's own."""
    found = [
        process for process in psutil.Process(process_id).children(recursive=True) if "serve" in process.cmdline()[:6]
    ]
    return max(found, key=lambda process: process.num_threads()).pid
