"""Where a state machine lives: its steps are not asynchronous, what they call is. All on real PostgreSQL."""

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import asyncpg
import hypothesis
import uvloop
from hypothesis import HealthCheck, Phase
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from parvis.settings import Settings
from services.inventory.in_process import InProcessInventory
from services.kit.database import Database
from services.kit.errors import Refused

T = TypeVar("T")
EXAMPLES = 50
STEPS = 200


class Stage:
    """Two inventories as of two processes, the books, and an owner who looks. Kept for all examples."""

    def __init__(self, settings: Settings, inventory_type: type[InProcessInventory]) -> None:
        self._loop = uvloop.new_event_loop()
        self.inventory_database = Database(settings.inventory_database_url)
        self.ticketing_database = Database(settings.ticketing_database_url)
        self.inventories = [
            inventory_type(self.inventory_database),
            inventory_type(Database(settings.inventory_database_url)),
        ]
        self.owner = self.run(asyncpg.connect(settings.database_url))
        self.steps = 0

    def run(self, step: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(step)

    def outcome(self, step: Coroutine[Any, Any, T]) -> T | type[Refused]:
        """What the step answers, or how it was refused."""
        return self.run(_outcome(step))

    def at_once(self, *steps: Coroutine[Any, Any, T]) -> list[T | type[Refused]]:
        return self.run(_together(steps))

    def close(self) -> None:
        for inventory in self.inventories:
            self.run(inventory.close())
        self.run(self.ticketing_database.close())
        self.run(self.owner.close())
        self._loop.close()


@contextmanager
def stage(settings: Settings, inventory_type: type[InProcessInventory] = InProcessInventory) -> Iterator[Stage]:
    made = Stage(settings, inventory_type)
    try:
        yield made
    finally:
        made.close()


def play(machine: type[RuleBasedStateMachine], made: Stage) -> None:
    """Every step of every example. Raises `AssertionError` where the product differs from the model.

    What it then prints, plays the same steps again. They are not made fewer: that would take minutes.
    """
    run_state_machine_as_test(
        type(machine.__name__, (machine,), {"stage": made}),
        settings=hypothesis.settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            print_blob=True,
            report_multiple_bugs=False,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
        # Left alone, hypothesis makes some lives shorter.
        _min_steps=STEPS - 1,
    )


async def _outcome(step: Coroutine[Any, Any, T]) -> T | type[Refused]:
    try:
        return await step
    except Refused as refused:
        return type(refused)


async def _together(steps: Sequence[Coroutine[Any, Any, T]]) -> list[T | type[Refused]]:
    return list(await asyncio.gather(*(_outcome(step) for step in steps)))
