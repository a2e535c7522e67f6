"""`python -m bench`: how fast an instance is on this machine, beside the most that the machine can do."""

import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
import uvloop
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench.gate import SCANNERS, TICKETS, Rush, rush, rush_in_words
from bench.generator import measure_generator
from bench.ground import Size, prepared_ground
from bench.plan import Plan, carry_out
from bench.profile import Profile
from bench.profile import as_markdown as profile_as_markdown
from bench.profile import profile as record
from bench.profile import write_page as write_profile
from bench.report import as_table, sale_in_words, write_json, write_page, write_plots
from bench.rows import ROWS
from bench.sold_out import CALLERS, PLACES, PLACES_MAX, Sale, sell_out
from parvis.errors import CannotProceed

T = TypeVar("T")

# In a file or a log there is no terminal to fit into.
TABLE_WIDTH = 120

Clients = Annotated[str, typer.Option(help="Numbers of clients, separated by commas.")]
Workers = Annotated[int, typer.Option(help="Web processes of the instance.", min=1, max=64)]

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Measures Parvis on this machine. Each command starts durable servers of its own in a temporary folder, and "
    "leaves nothing behind but the files that you ask for.",
)


def main() -> None:
    try:
        app()
    except (CannotProceed, OSError) as problem:
        console = Console(stderr=True, soft_wrap=True, highlight=False)
        console.print(f"[bold red]The benchmark cannot go on.[/] {problem}")
        sys.exit(1)


@app.command()
def run(
    *,
    rows: Annotated[str, typer.Option(help="Which rows, separated by commas.")] = ",".join(ROWS),
    clients: Clients = "1,8,32,300",
    seconds: Annotated[float, typer.Option(help="For each figure; its limit takes as long again.", min=0.5)] = 5,
    rate: Annotated[
        float | None,
        typer.Option(help="Open loop: requests a second, latency counted from when each was due. No limit, no sale."),
    ] = None,
    workers: Workers = 1,
    establishments: Annotated[int, typer.Option(help="Establishments that share the load.", min=1, max=1000)] = 1,
    tickets: Annotated[int, typer.Option(help="Tickets that each establishment sold before.", min=0)] = 0,
    ceiling: Annotated[bool, typer.Option(help="Measure the limit (pgbench) beside each figure.")] = True,
    sale: Annotated[bool, typer.Option(help="Also sell one slot out, see sold-out.")] = True,
    json: Annotated[Path | None, typer.Option(help="Write every figure, and facts of the machine, here.")] = None,
    plots: Annotated[Path | None, typer.Option(help="Draw the plots (SVG) into this folder.")] = None,
    page: Annotated[Path | None, typer.Option(help="Write the table between the marks of this page.")] = None,
) -> None:
    """The table: throughput, latency, ratio to the limit, and processor time, row by row."""
    plan = Plan(
        rows=_rows(rows),
        clients=_numbers(clients),
        seconds=seconds,
        rate=rate,
        size=Size(workers=workers, establishments=establishments, tickets=tickets),
        with_ceiling=ceiling and rate is None,
        with_sale=sale and rate is None,
    )
    report = _in_sight(lambda sight: carry_out(plan, sight), plan.figures)
    console = Console()
    if not console.is_terminal:
        console = Console(width=TABLE_WIDTH)
    console.print(as_table(report.results))
    if report.sale:
        console.print(sale_in_words(report.sale), highlight=False)
    if json:
        write_json(report, json)
    if plots:
        write_plots(report, plots)
    if page:
        write_page(report, page)


@app.command("sold-out")
def sold_out(
    *,
    callers: Annotated[int, typer.Option(help="Who all want two places.", min=1, max=5000)] = CALLERS,
    places: Annotated[int, typer.Option(help="An even number of places.", min=20, max=PLACES_MAX)] = PLACES,
    workers: Workers = 1,
) -> None:
    """Many callers on one slot until all of them were refused: is it exact, and how long does an answer take?"""

    async def sell(sight: "_Sight") -> Sale:
        async with prepared_ground(Size(workers=workers), with_ceiling=False, tell=sight.tell) as ground:
            sight.tell(f"{callers} callers on {places:,} places")
            return await sell_out(ground, callers=callers, places=places // 2 * 2)

    sale = _in_sight(sell, 1)
    Console().print(sale_in_words(sale), highlight=False)
    if not sale.exact:
        sys.exit(1)


@app.command()
def gate(
    *,
    scanners: Annotated[int, typer.Option(help="How many show the same ticket at once.", min=2, max=1000)] = SCANNERS,
    tickets: Annotated[int, typer.Option(help="One after the other.", min=1, max=20_000)] = TICKETS,
    workers: Workers = 1,
) -> None:
    """The same ticket at many scanners at the same moment: admitted once? How long does an answer take?"""

    async def come(sight: "_Sight") -> Rush:
        async with prepared_ground(Size(workers=workers), with_ceiling=False, tell=sight.tell) as ground:
            sight.tell(f"{tickets:,} tickets at {scanners} scanners each")
            return await rush(ground, scanners=scanners, tickets=tickets)

    found = _in_sight(come, 1)
    Console().print(rush_in_words(found), highlight=False)
    if not found.exact:
        sys.exit(1)


@app.command()
def profile(
    *,
    row: Annotated[str, typer.Option(help="Which request.")] = "hot",
    clients: Annotated[int, typer.Option(help="Number of clients.", min=1)] = 300,
    seconds: Annotated[int, typer.Option(help="How long py-spy watches.", min=2)] = 10,
    page: Annotated[Path | None, typer.Option(help="Write the table between the marks of this page.")] = None,
) -> None:
    """What the web process does with its time, by the part of the house."""
    chosen = _rows(row)[0]

    async def watch(sight: "_Sight") -> Profile:
        async with prepared_ground(Size(), with_ceiling=False, tell=sight.tell) as ground:
            sight.tell(f"{chosen}, watched for {seconds} s")
            return await record(ground, row=chosen, clients=clients, seconds=seconds)

    found = _in_sight(watch, 1)
    print(profile_as_markdown(found))
    if page:
        write_profile(found, page)


@app.command()
def generator(
    *,
    clients: Clients = "1,8,32,300",
    seconds: Annotated[float, typer.Option(help="For each number of clients.", min=0.5)] = 2,
) -> None:
    """What the load generator itself costs, against a server that does nothing."""
    for count in _numbers(clients):
        cost = uvloop.run(measure_generator(count, seconds))
        each = f"{cost.cpu_microseconds:5.1f} µs of processor time per request"
        print(f"{count:4} clients: {cost.per_second:9,.0f} requests/s, {each}, failed: {cost.failures or 'none'}")


class _Sight:
    """The progress bar. Drawn seldom: what it costs would be counted as the generator's."""

    def __init__(self, progress: Progress, figures: int) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=figures)

    def tell(self, text: str) -> None:
        self._progress.update(self._task, description=text, refresh=True)

    def advance(self) -> None:
        self._progress.advance(self._task)


def _in_sight(work: Callable[[_Sight], Coroutine[Any, Any, T]], figures: int) -> T:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, refresh_per_second=1) as progress:
        return uvloop.run(work(_Sight(progress, figures)))


def _rows(text: str) -> list[str]:
    names = text.split(",")
    unknown = [name for name in names if name not in ROWS]
    if unknown:
        raise typer.BadParameter(f"{', '.join(unknown)} is none of {', '.join(ROWS)}.", param_hint="--rows")
    return names


def _numbers(text: str) -> list[int]:
    numbers = [int(word) if word.isdigit() else 0 for word in text.split(",")]
    if min(numbers) < 1:
        raise typer.BadParameter("give whole numbers from 1 on, separated by commas.", param_hint="--clients")
    return numbers


if __name__ == "__main__":
    main()
