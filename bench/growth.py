"""Does an order, a scan or a look at what is free cost more once an instance has grown?

    .venv/bin/python -m bench.growth --help

Each size is a durable instance of its own, filled by COPY. All of them run at the same time and are measured in
turns, at a modest fixed load, so that whatever else the machine does hits them alike; what counts is the processor
time of PostgreSQL and the web process per request, and the median latency. Flat is at most 1.2 times the smallest.
"""

import asyncio
import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter
from typing import Annotated
from uuid import UUID

import msgspec
import typer
import uvloop
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from typer import Option

from bench.growth_filling import Museum as FilledMuseum
from bench.growth_filling import Size, database_bytes, fill
from bench.growth_load import Grown, Pace, measure_idle, measure_in_turns
from bench.growth_report import FLAT, Filling, Report, costs, table, write_page
from bench.growth_rows import TICKETS_PER_ORDER
from bench.instance import running_instance
from bench.machine import this_machine
from bench.museum import Museum, found_museums
from parvis.instance import reached
from parvis.settings import from_environment
from parvis.verify import verify

SIZES = "1:10000,100:1000000,1000:5000000"
# Of the day before: a client may repeat what it asked.
KEYS = 20_000
BYTES_PER_TICKET = 3_000
# Checking reads every row and computes every hash.
VERIFIED_TICKETS_MAX = 1_000_000

TABLE_WIDTH = 120

# Beside the table, which may go to a file.
errors = Console(stderr=True)


def main(
    *,
    sizes: Annotated[str, Option(help="establishments:tickets, separated by commas, the smallest first.")] = SIZES,
    rounds: Annotated[int, Option(help="How often each size is measured.", min=1)] = 11,
    seconds: Annotated[float, Option(help="How long each measurement takes.", min=0.5)] = 3,
    idle_seconds: Annotated[float, Option(help="How long nothing is asked; 0 leaves it out.", min=0)] = 65,
    folder: Annotated[Path | None, Option(help="Where the databases are made; else among temporary files.")] = None,
    json: Annotated[Path | None, Option(help="Write every figure, and facts of the machine, here.")] = None,
    page: Annotated[Path | None, Option(help="Write the figures between the marks of this page, and the plot.")] = None,
    check: Annotated[bool, Option(help="Fail if something costs more than it may.")] = False,
) -> None:
    """Measure how the cost of a request grows with the instance."""
    pace = Pace(rounds=rounds, seconds=seconds, idle_seconds=idle_seconds)
    wanted = [_size(text, pace) for text in sizes.split(",")]
    with tempfile.TemporaryDirectory(dir=folder) as place:
        report = _report(Path(place), wanted, pace)
    console = Console()
    if not console.is_terminal:
        console = Console(width=TABLE_WIDTH)
    console.print(table(report))
    if json:
        json.write_bytes(msgspec.json.format(msgspec.json.encode(report)) + b"\n")
    if page:
        write_page(report, page)
    if check and not report.is_flat:
        sys.exit(f"Something costs more than {FLAT:g} times as much, or failed.")


def _report(place: Path, sizes: list[Size], pace: Pace) -> Report:
    _check_space(place, sizes)
    machine, fillings, grown = this_machine(), [], []
    with ExitStack() as running:
        for size in sizes:
            data = place / f"{size.establishments}-{size.tickets}"
            museum, codes, filling = _filled(data, size)
            fillings.append(filling)
            grown.append(Grown(size, running.enter_context(running_instance(data)), museum, codes))
        errors.print(f"Measuring, {pace.rounds} rounds: about {_minutes(grown, pace):.0f} minutes.")
        samples = uvloop.run(measure_in_turns(grown, pace))
        idle = uvloop.run(measure_idle(grown, pace.idle_seconds))
    return Report(machine, costs(samples), idle, fillings)


def _size(text: str, pace: Pace) -> Size:
    establishments, tickets = (int(number) for number in text.split(":"))
    return Size(establishments, tickets, orders_for_today=-(-pace.scans // TICKETS_PER_ORDER), keys=KEYS)


def _check_space(folder: Path, sizes: list[Size]) -> None:
    wanted = sum(size.tickets for size in sizes) * BYTES_PER_TICKET
    free = shutil.disk_usage(folder).free
    if wanted > free:
        sys.exit(
            f"{wanted / 1e9:.0f} GB are needed in {folder}, {free / 1e9:.0f} GB are free: choose --sizes or --folder."
        )


def _filled(data: Path, size: Size) -> tuple[Museum, list[str], Filling]:
    """A stopped instance of that size."""
    with running_instance(data) as instance:
        [museum] = asyncio.run(found_museums(instance))
    return asyncio.run(_fill(data, size, museum))


async def _fill(data: Path, size: Size, museum: Museum) -> tuple[Museum, list[str], Filling]:
    """With nothing but the database running: a worker would mend what is half filled."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    title = f"{size.establishments:,} establishments, {size.tickets:,} tickets"
    async with reached(data) as environment:
        settings, started = from_environment(environment), perf_counter()
        with Progress(*columns, console=errors) as progress:
            task = progress.add_task(title, total=size.tickets)
            filled = FilledMuseum(museum.id, UUID(museum.venue_id), UUID(museum.gate_id))
            codes = await fill(
                settings, size, filled, lambda orders: progress.advance(task, orders * TICKETS_PER_ORDER)
            )
        filling = Filling(size, perf_counter() - started, await database_bytes(settings) / 1e9)
        errors.print(f"  filled in {filling.seconds:.0f} s, {filling.gigabytes:.1f} GB")
        if size.tickets <= VERIFIED_TICKETS_MAX and (faults := await verify(settings)):
            sys.exit(f"What was filled is not sound: {faults[:3]}")
    return museum, codes, filling


def _minutes(grown: list[Grown], pace: Pace) -> float:
    return (len(grown) * 3 * (pace.rounds * pace.seconds + 1) + pace.idle_seconds) / 60


if __name__ == "__main__":
    typer.run(main)
