from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from jinja2 import Environment
from jinja2.nodes import Call, Const, Name

from gateway.attendance import app, rendering
from gateway.attendance.answers import Quarter
from gateway.attendance.plot import QUARTER_WIDTH, plot
from gateway.attendance.words import FRENCH

NINE = datetime(2027, 5, 1, 7, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
# Phrases that code chooses, and kinds of conflicts as the API names them.
TOLD_BY_CODE = {"Your session is over. Please sign in again."}
KINDS = {"already_admitted", "cancelled", "wrong_gate", "not_paid", "too_early", "too_late", "full_inside"}
KINDS |= {"forged", "unknown_ticket"}


def test_plot_goes_from_hour_to_hour():
    drawn = plot([Quarter(NINE + 3 * QUARTER, 4, 6), Quarter(NINE + 4 * QUARTER, 0, 0)], "Europe/Paris")
    assert drawn is not None
    assert (drawn.width, [hour.hour for hour in drawn.hours]) == (8 * QUARTER_WIDTH, [9, 10])
    assert drawn.scale == [10, 5, 0]
    assert [(bar.x, bar.y, bar.height) for bar in drawn.bars] == [(32, 60, 40)]
    assert drawn.line == "M0 100V100h10V100h10V100h10V40h10V100h10V100h10V100h10V100h10V100"
    assert drawn.busiest.admitted == 4


def test_quarters_of_every_time_zone_stand_under_their_hour():
    drawn = plot([Quarter(NINE, 1, 1)], "Asia/Kathmandu")
    assert drawn is not None
    assert [(hour.hour, hour.minute) for hour in drawn.hours] == [(12, 0)]


@pytest.mark.parametrize(("quarters", "labels"), [(4, 1), (48, 12), (49, 7), (96, 12), (400, 18)])
def test_labels_never_stand_too_close(quarters: int, labels: int):
    drawn = plot([Quarter(NINE + place * QUARTER, 1, 2) for place in range(quarters)], "Europe/Paris")
    assert drawn is not None
    assert len(drawn.hours) == labels


def test_nothing_is_drawn_of_nobody():
    assert plot([], "Europe/Paris") is None


def test_every_phrase_has_its_french_and_no_other():
    used = set(TOLD_BY_CODE) | {rendering.KINDS.get(kind, kind.replace("_", " ")) for kind in KINDS}
    used.add(rendering.KINDS["wrong_establishment"])
    environment = Environment(autoescape=True)
    for template in (Path(rendering.__file__).parent / "templates").iterdir():
        for call in environment.parse(template.read_text()).find_all(Call):
            if isinstance(call.node, Name) and call.node.name == "_":
                assert isinstance(call.args[0], Const)
                used.add(call.args[0].value)
    source = Path(app.__file__).read_text()
    used |= {phrase for phrase in FRENCH if f'fault = "{phrase}"' in source}
    assert used == FRENCH.keys()
