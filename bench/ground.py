"""Where measurements take place: an instance with establishments in it, and the limit to compare with."""

import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench.ceiling.pgbench import Ceiling, running_ceiling
from bench.instance import RunningInstance, running_instance
from bench.museum import Museum, buy_tickets, found_museums

TICKETS_AT_ONCE = 5_000


@dataclass(frozen=True)
class Ground:
    instance: RunningInstance
    museums: list[Museum]
    ceiling: Ceiling | None = None


class Size(msgspec.Struct, frozen=True):
    """`tickets` are those that each establishment has sold before anything is measured."""

    workers: int = 1
    establishments: int = 1
    tickets: int = 0


@asynccontextmanager
async def prepared_ground(size: Size, *, with_ceiling: bool, tell: Callable[[str], None]) -> AsyncIterator[Ground]:
    """In a temporary folder; all is stopped and gone at the end of the block. `tell` hears what is being done."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="parvis-bench-")))
        tell("starting an instance")
        instance = stack.enter_context(running_instance(folder / "data", workers=size.workers))
        ceiling = None
        if with_ceiling:
            tell("starting the server for pgbench")
            ceiling = await stack.enter_async_context(running_ceiling(folder / "ceiling"))
        tell("founding establishments")
        museums = await found_museums(instance, size.establishments)
        for number, museum in enumerate(museums, 1):
            for sold in range(0, size.tickets, TICKETS_AT_ONCE):
                tell(f"selling tickets: establishment {number}, {sold:,} of {size.tickets:,}")
                await buy_tickets(instance, museum, min(TICKETS_AT_ONCE, size.tickets - sold))
        yield Ground(instance, museums, ceiling)
