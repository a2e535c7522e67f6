"""The judge of refusals, judged."""

from uuid import uuid4

import pytest

from tests.races.history import Call, Move, false_refusals

SLOT = uuid4()


def refused(places: int, asked_at: float, answered_at: float) -> Call:
    return Call(uuid4(), SLOT, places, asked_at, answered_at, granted=False)


# Ten places free; six are taken at second 2, three more at 4; five come back at 6.
MOVES = [Move(6, -5), Move(2, 6), Move(4, 3)]


@pytest.mark.parametrize(
    "call",
    [
        refused(11, 0, 1),
        refused(5, 2, 3),
        refused(5, 1, 2),
        refused(5, 0, 9),
        refused(2, 3, 5),
        refused(4, 5, 7),
        refused(7, 7, 8),
    ],
)
def test_refusal_is_lawful_if_places_were_missing_at_some_moment(call: Call):
    assert false_refusals([call], 10, MOVES) == []


@pytest.mark.parametrize(
    ("call", "free"),
    [(refused(10, 0, 1), 10), (refused(4, 0, 3), 4), (refused(1, 3, 7), 1), (refused(6, 6, 8), 6)],
)
def test_refusal_while_enough_was_free_is_false(call: Call, free: int):
    assert false_refusals([call], 10, MOVES) == [f"{call.places} places were refused while at least {free} were free"]


def test_grant_needs_no_excuse():
    granted = Call(uuid4(), SLOT, 1, 0, 1, granted=True)
    assert false_refusals([granted], 10, MOVES) == []
