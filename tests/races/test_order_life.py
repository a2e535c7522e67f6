"""Fifty lives of two hundred steps; and products that break one promise each, which must be caught."""

import pytest
from hypothesis.errors import Flaky

from parvis.settings import Settings
from parvis.verify import verify
from services.kit.idempotency import Answer, IdempotencyKey
from services.kit.principal import Principal
from services.ticketing.orders.desk import OrderDesk
from services.ticketing.orders.requests import NewOrder
from tests.races.order_life import OrderLife
from tests.races.rounds import drop_checks
from tests.races.stage import EXAMPLES, STEPS, play, stage
from tests.races.test_last_places import UnlockedInventory

CAUGHT = (AssertionError, Flaky)


def test_order_lives_as_the_model_says(settings: Settings):
    with stage(settings) as made:
        play(OrderLife, made)
        assert made.steps >= EXAMPLES * STEPS
        assert made.run(verify(settings)) == []


def test_key_that_is_forgotten_is_noticed(settings: Settings, monkeypatch: pytest.MonkeyPatch):
    create = OrderDesk.create

    async def forgetful(desk: OrderDesk, principal: Principal, new: NewOrder, _: IdempotencyKey | None) -> Answer:
        return await create(desk, principal, new, None)

    monkeypatch.setattr(OrderDesk, "create", forgetful)
    with stage(settings) as made, pytest.raises(CAUGHT):
        play(OrderLife, made)


def test_hold_that_is_settled_twice_is_noticed(settings: Settings):
    with stage(settings) as made:
        made.run(made.owner.execute("ALTER TABLE ticketing.settlements DROP CONSTRAINT pk_settlements"))
        with pytest.raises(CAUGHT):
            play(OrderLife, made)


def test_places_given_twice_are_noticed(settings: Settings):
    """Without lock and CHECK."""
    with stage(settings, UnlockedInventory) as made:
        made.run(drop_checks(made.owner))
        with pytest.raises(CAUGHT):
            play(OrderLife, made)
