"""What a run leaves behind: a table to look at, JSON to compare, plots and a page to publish."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich.box import SIMPLE_HEAD
from rich.table import Table

from bench.machine import Machine
from bench.measuring import Result
from bench.plots import Chart, Line, draw
from bench.sold_out import Sale

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
COLUMNS = (
    "clients",
    "per s",
    "p50 ms",
    "p99 ms",
    "limit/s",
    "ratio",
    "of best",
    "web µs",
    "PG µs",
    "load µs",
    "failed",
)
KINDS = ("web", "postgresql", "generator")
LEGEND = (
    "limit: pgbench with as many clients; ratio: to that; of best: to the highest limit of the request, at any number "
    "of clients; µs: processor time per request of the web process, PostgreSQL and the load generator"
)
THROUGHPUT, FILLING = "throughput.svg", "filling.svg"


class Report(msgspec.Struct, frozen=True, kw_only=True):
    machine: Machine
    options: dict[str, float | int | str | None]
    results: list[Result]
    sale: Sale | None = None


def as_table(results: Sequence[Result]) -> Table:
    table = Table("request", *COLUMNS, box=SIMPLE_HEAD, caption=LEGEND, caption_justify="left", padding=(0, 1, 0, 0))
    for column in table.columns:
        column.no_wrap = True
    for column in table.columns[1:-1]:
        column.justify = "right"
    for number, result in enumerate(results):
        first = number == 0 or results[number - 1].row != result.row
        if first and number:
            table.add_row()
        table.add_row(result.title if first else "", *_cells(result, results))
    return table


def sale_in_words(sale: Sale) -> str:
    verdict = "exact" if sale.exact else "NOT EXACT"
    refused = ", ".join(f"{count:,} × {status}" for status, count in sorted(sale.refused.items())) or "nobody"
    return (
        f"{sale.callers} callers on one slot of {sale.places:,} places until sold out: {verdict} "
        f"({sale.granted:,} places granted, {sale.tickets:,} tickets, refused: {refused}) in {sale.seconds:.1f} s; "
        f"p50 {sale.p50_ms:.0f} ms, p99 {sale.p99_ms:.0f} ms, longest {sale.longest_ms:.0f} ms."
    )


def write_json(report: Report, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(msgspec.json.format(msgspec.json.encode(report)) + b"\n")


def write_plots(report: Report, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if report.results:
        (folder / THROUGHPUT).write_text(draw(throughput_chart(report.results)))
    if report.sale:
        (folder / FILLING).write_text(draw(filling_chart(report.sale)))


def write_page(report: Report, page: Path) -> None:
    """Between the two marks of the page; what people wrote around them stays."""
    text = page.read_text()
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    page.write_text(f"{before}{BEGIN}\n\n{as_markdown(report)}\n{END}{after}")


def as_markdown(report: Report) -> str:
    machine = report.machine
    facts = (
        f"{machine.measured_at}, commit {machine.commit}. {machine.cores} cores ({machine.processor}), "
        f"{machine.memory_gib} GiB, {machine.kernel}, Python {machine.python}, PostgreSQL {machine.postgresql}; "
        f"load in the minute before: {machine.load_before}. "
        + ", ".join(f"{name} {value}" for name, value in report.options.items() if value is not None)
        + "."
    )
    lines = [facts, "", f"| request | {' | '.join(COLUMNS)} |", f"|---|{'---:|' * len(COLUMNS)}"]
    lines += [f"| {result.title} | {' | '.join(_cells(result, report.results))} |" for result in report.results]
    lines += ["", f"{LEGEND[0].upper()}{LEGEND[1:]}.", ""]
    lines += [f"![Requests per second against clients]({_beside(THROUGHPUT)})", ""]
    if report.sale:
        lines += [sale_in_words(report.sale), "", f"![Latency while one slot fills]({_beside(FILLING)})", ""]
    return "\n".join(lines)


def throughput_chart(results: Sequence[Result]) -> Chart:
    clients = sorted({result.clients for result in results})
    measured = {(result.row, result.clients): result for result in results}
    lines = []
    for row, title in {result.row: result.title for result in results}.items():
        found = [measured.get((row, count)) for count in clients]
        ours = [result.per_second if result else None for result in found]
        ceiling = [result.ceiling_per_second if result else None for result in found]
        lines.append(Line(title, ours, ceiling))
    return Chart(
        title="Requests per second, generator and servers on one machine",
        x_title="clients",
        y_title="requests per second",
        places=[str(count) for count in clients],
        lines=lines,
        note="dashed: pgbench, the limit",
        logarithmic=True,
    )


def filling_chart(sale: Sale) -> Chart:
    return Chart(
        title=f"{sale.callers} callers on one slot of {sale.places:,} places until sold out",
        x_title="part of the places that are sold",
        y_title="milliseconds",
        places=[f"{filling.filled:.0%}" for filling in sale.fillings],
        lines=[
            Line("p99", [filling.p99_ms for filling in sale.fillings]),
            Line("p50", [filling.p50_ms for filling in sale.fillings]),
        ],
    )


def _cells(result: Result, results: Sequence[Result]) -> list[str]:
    used = result.cpu_microseconds
    best = max((other.ceiling_per_second or 0 for other in results if other.row == result.row), default=0)
    return [
        str(result.clients),
        f"{result.per_second:,.0f}",
        f"{result.p50_ms:.1f}",
        f"{result.p99_ms:.1f}",
        f"{result.ceiling_per_second:,.0f}" if result.ceiling_per_second else "–",
        f"{result.ratio:.2f}" if result.ratio else "–",
        f"{result.per_second / best:.2f}" if best else "–",
        *(f"{used[kind]:,.0f}" for kind in KINDS),
        ", ".join(f"{count} × {status}" for status, count in sorted(result.failures.items())) or "none",
    ]


def _beside(name: str) -> str:
    return f"performance/{name}"
