"""Fifty lives of two hundred steps; and products that break one promise each, which must be caught."""

import pytest
from hypothesis.errors import Flaky

from parvis.settings import Settings
from parvis.verify import verify
from services.inventory.holds import actions
from tests.races.hold_life import HoldLife
from tests.races.rounds import drop_checks
from tests.races.stage import EXAMPLES, STEPS, play, stage
from tests.races.test_last_places import UnlockedInventory

CAUGHT = (AssertionError, Flaky)


def test_hold_lives_as_the_model_says(settings: Settings):
    with stage(settings) as made:
        play(HoldLife, made)
        assert made.steps >= EXAMPLES * STEPS
        assert made.run(verify(settings)) == []


def test_places_that_return_twice_are_noticed(settings: Settings, monkeypatch: pytest.MonkeyPatch):
    """Without the primary key of place_returns."""
    monkeypatch.setattr(actions, "REMEMBER_RETURN", "/* negative control */ SELECT $1::uuid, $2::uuid AS id, $3::uuid")
    with stage(settings) as made, pytest.raises(CAUGHT):
        play(HoldLife, made)


def test_places_given_twice_are_noticed(settings: Settings):
    """Without lock and CHECK."""
    with stage(settings, UnlockedInventory) as made:
        made.run(drop_checks(made.owner))
        with pytest.raises(CAUGHT):
            play(HoldLife, made)
