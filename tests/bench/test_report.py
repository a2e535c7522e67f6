"""What a run leaves behind can be read: by machines, by people, on light and on dark pages."""

from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import pytest

from bench.machine import this_machine
from bench.measuring import Result
from bench.plots import Chart, Line, draw
from bench.report import BEGIN, END, Report, as_table, write_json, write_page, write_plots
from bench.sold_out import Filling, Sale

PLOTS = ["filling.svg", "throughput.svg"]


def result(row: str, clients: int, per_second: float, ceiling: float | None) -> Result:
    return Result(
        row=row,
        title=f"the {row} row",
        clients=clients,
        rate=None,
        requests=100,
        seconds=1.0,
        per_second=per_second,
        p50_ms=1.0,
        p99_ms=2.0,
        failures={"503": 2} if clients == 8 else {},
        cpu_microseconds={"web": 10.0, "postgresql": 5.0, "worker": 0.0, "valkey": 0.0, "generator": 8.0},
        ceiling_per_second=ceiling,
    )


@pytest.fixture
def report() -> Report:
    sale = Sale(
        callers=300,
        places=40,
        granted=40,
        tickets=40,
        refused={"409": 300},
        seconds=1.0,
        p50_ms=5.0,
        p99_ms=9.0,
        longest_ms=10.0,
        fillings=[Filling(0.5, 5.0, 8.0), Filling(1.0, 5.0, 9.0)],
    )
    results = [result("a", 1, 500, 1000), result("a", 8, 1000, 4000), result("b", 1, 300, None)]
    return Report(machine=this_machine(), options={"seconds": 1}, results=results, sale=sale)


def test_json_comes_back_as_it_was(report: Report, tmp_path: Path):
    write_json(report, tmp_path / "new" / "bench.json")
    assert msgspec.json.decode((tmp_path / "new" / "bench.json").read_bytes(), type=Report) == report


def test_page_keeps_what_people_wrote_around_the_figures(report: Report, tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text(f"Before.\n{BEGIN}\nold figures\n{END}\nAfter.\n")
    write_page(report, page)
    write_page(report, page)
    text = page.read_text()
    assert text.startswith(f"Before.\n{BEGIN}\n")
    assert text.endswith(f"{END}\nAfter.\n")
    assert "old figures" not in text
    row = next(line for line in text.splitlines() if line.startswith("| the a row | 8 |"))
    assert row == "| the a row | 8 | 1,000 | 1.0 | 2.0 | 4,000 | 0.25 | 0.25 | 10 | 5 | 8 | 2 × 503 |"
    assert "| the a row | 1 | 500 | 1.0 | 2.0 | 1,000 | 0.50 | 0.12 |" in text
    assert "| the b row | 1 | 300 | 1.0 | 2.0 | – | – | – |" in text


def test_table_has_a_line_for_each_figure_and_one_between_rows(report: Report):
    assert as_table(report.results).row_count == len(report.results) + 1


def test_plots_are_well_formed(report: Report, tmp_path: Path):
    write_plots(report, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == PLOTS
    for name in PLOTS:
        root = ET.parse(tmp_path / name).getroot()  # noqa: S314 - our own
        assert root.get("role") == "img"
        assert "prefers-color-scheme: dark" in (tmp_path / name).read_text()


@pytest.mark.parametrize("logarithmic", [False, True])
@pytest.mark.parametrize("values", [[], [None], [0.0], [7.0], [0.02, 123_456.0]])
def test_chart_is_drawn_of_any_values(values: list[float | None], logarithmic: bool):  # noqa: FBT001 - a parameter of the test
    chart = Chart("t", "x", "y", [str(number) for number in range(len(values))], [Line("<a>", values)], "", logarithmic)
    points = [float(word) for line in ET.fromstring(draw(chart)).iter() for word in _coordinates(line)]  # noqa: S314
    assert all(0 <= point <= 760 for point in points)


def _coordinates(element: ET.Element) -> list[str]:
    return element.get("points", "").replace(",", " ").split()


@pytest.mark.parametrize("change", [{"granted": 42}, {"tickets": 38}, {"refused": {"409": 299, "503": 1}}])
def test_sale_that_is_not_exact_is_called_so(report: Report, change: dict[str, object]):
    assert report.sale is not None
    assert report.sale.exact
    assert not msgspec.structs.replace(report.sale, **change).exact
