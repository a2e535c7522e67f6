"""What growth costs, in a table, in the documentation and in a picture."""

from collections.abc import Sequence
from pathlib import Path
from statistics import median

import msgspec
from rich.table import Table

from bench.growth_filling import Size
from bench.growth_load import RATES, Idle, Sample
from bench.machine import Machine
from bench.plots import Chart, Line, draw

FLAT = 1.2
BEGIN, END = "<!-- growth: begin -->", "<!-- growth: end -->"
TITLES = {"order": "order of 2 tickets", "scan": "scan of a ticket", "availability": "availability of 50 slots"}


class Cost(msgspec.Struct, frozen=True):
    """Medians over the rounds. Ratios are to the smallest size, round by round alike."""

    row: str
    size: Size
    cpu_microseconds: float
    postgresql_microseconds: float
    web_microseconds: float
    p50_ms: float
    cpu_ratio: float
    p50_ratio: float
    failures: int


class Filling(msgspec.Struct, frozen=True):
    """How long it took to fill, and how much room the database takes."""

    size: Size
    seconds: float
    gigabytes: float


class Report(msgspec.Struct, frozen=True):
    machine: Machine
    costs: list[Cost]
    idle: list[Idle]
    fillings: list[Filling]

    @property
    def is_flat(self) -> bool:
        return all(cost.cpu_ratio <= FLAT and not cost.failures for cost in self.costs)


def costs(samples: Sequence[Sample]) -> list[Cost]:
    """The first size that was measured is the smallest."""
    sizes = sorted({sample.size for sample in samples}, key=lambda size: size.tickets)
    return [_cost(row, size, sizes[0], samples) for row in RATES for size in sizes]


def table(report: Report) -> Table:
    """For the eye; `*` marks what is not flat."""
    shown = Table("request", "establishments", "tickets", "CPU µs", "PostgreSQL", "web", "p50 ms", "CPU ×", "p50 ×")
    for cost in report.costs:
        size = cost.size
        mark = "" if cost.cpu_ratio <= FLAT else " *"
        failed = f" ({cost.failures} failed)" if cost.failures else ""
        shown.add_row(
            TITLES[cost.row] + failed,
            f"{size.establishments:,}",
            f"{size.tickets:,}",
            f"{cost.cpu_microseconds:,.0f}",
            f"{cost.postgresql_microseconds:,.0f}",
            f"{cost.web_microseconds:,.0f}",
            f"{cost.p50_ms:.2f}",
            f"{cost.cpu_ratio:.2f}{mark}",
            f"{cost.p50_ratio:.2f}",
        )
    return shown


def write_page(report: Report, page: Path) -> None:
    """Between the marks of the page, and a picture in the folder of its name. Raises ValueError without marks."""
    text = page.read_text()
    if BEGIN not in text or END not in text:
        raise ValueError(f"{page} has no place for the figures: it needs {BEGIN} and {END}.")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    folder = page.with_suffix("")
    folder.mkdir(exist_ok=True)
    (folder / "growth.svg").write_text(picture(report.costs))
    page.write_text(f"{before}{BEGIN}\n\n{_figures(report)}\n\n{END}{after}")


def picture(found: Sequence[Cost]) -> str:
    """Processor time per request, relative to the smallest size."""
    sizes = sorted({cost.size for cost in found}, key=lambda size: size.tickets)
    lines = [Line(TITLES[row], [cost.cpu_ratio for cost in found if cost.row == row]) for row in RATES]
    return draw(
        Chart(
            title="Processor time of a request as the instance grows",
            x_title="tickets, in as many establishments",
            y_title="times the smallest",
            places=[f"{size.tickets:,} in {size.establishments:,}" for size in sizes],
            lines=[*lines, Line("what is still called flat", [FLAT] * len(sizes))],
        )
    )


def _cost(row: str, size: Size, smallest: Size, samples: Sequence[Sample]) -> Cost:
    own = [sample for sample in samples if (sample.row, sample.size) == (row, size)]
    least = [sample for sample in samples if (sample.row, sample.size) == (row, smallest)]
    cpu, p50 = median(sample.cost_microseconds for sample in own), median(sample.p50_ms for sample in own)
    return Cost(
        row=row,
        size=size,
        cpu_microseconds=cpu,
        postgresql_microseconds=median(sample.cpu_microseconds["postgresql"] for sample in own),
        web_microseconds=median(sample.cpu_microseconds["web"] for sample in own),
        p50_ms=p50,
        cpu_ratio=cpu / median(sample.cost_microseconds for sample in least),
        p50_ratio=p50 / median(sample.p50_ms for sample in least),
        failures=sum(sum(sample.failures.values()) for sample in own),
    )


def _figures(report: Report) -> str:
    machine = report.machine
    lines = [
        "| request | establishments | tickets | CPU µs | of it PostgreSQL | p50 ms | CPU | p50 |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {TITLES[cost.row]} | {cost.size.establishments:,} | {cost.size.tickets:,} | {cost.cpu_microseconds:,.0f} "
        f"| {cost.postgresql_microseconds:,.0f} | {cost.p50_ms:.2f} | {cost.cpu_ratio:.2f} × | {cost.p50_ratio:.2f} × |"
        for cost in report.costs
    ]
    lines += ["", "![Processor time of a request as the instance grows](performance/growth.svg)", ""]
    lines += [
        f"- {filling.size.tickets:,} tickets: filled in {filling.seconds:.0f} s, {filling.gigabytes:.1f} GB on disk."
        for filling in report.fillings
    ]
    lines += [
        f"- {idle.size.establishments:,} establishments and nobody there: "
        f"{idle.cpu_milliseconds['postgresql']:.1f} ms of processor time per second in PostgreSQL, "
        f"{idle.cpu_milliseconds['worker']:.1f} ms in the worker."
        for idle in report.idle
    ]
    where = f"{machine.processor}, {machine.cores} cores, PostgreSQL {machine.postgresql}, Python {machine.python}"
    when = f"{machine.measured_at}, commit {machine.commit}, load before {machine.load_before}"
    return "\n".join([*lines, "", f"Measured {when}, on {where}."])
