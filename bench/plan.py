"""A whole run: every row at every number of clients, then one slot until it is sold out."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from bench.ground import Size, prepared_ground
from bench.machine import this_machine
from bench.measuring import Pace, Result, measure
from bench.report import Report
from bench.rows import ROWS
from bench.sold_out import sell_out


class Listener(Protocol):
    """Somebody who waits for the end."""

    def tell(self, text: str) -> None:
        """What is being done now."""

    def advance(self) -> None:
        """One more figure is there."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """`rate` (requests per second) is the open loop; without it each client asks again once it was answered."""

    rows: Sequence[str]
    clients: Sequence[int]
    seconds: float
    rate: float | None = None
    size: Size = Size()
    with_ceiling: bool = True
    with_sale: bool = True

    @property
    def figures(self) -> int:
        return len(self.rows) * len(self.clients)


async def carry_out(plan: Plan, listener: Listener) -> Report:
    machine = this_machine()
    async with prepared_ground(plan.size, with_ceiling=plan.with_ceiling, tell=listener.tell) as ground:
        results: list[Result] = []
        for row in (ROWS[name] for name in plan.rows):
            for clients in plan.clients:
                listener.tell(f"{row.title}, {clients} clients")
                results.append(await measure(ground, row, Pace(clients, plan.seconds, plan.rate)))
                listener.advance()
        sale = None
        if plan.with_sale:
            listener.tell("one slot until sold out")
            sale = await sell_out(ground)
        listener.tell("stopping")
    options: dict[str, float | None] = {"seconds": plan.seconds, "rate": plan.rate}
    return Report(machine=machine, options=options | msgspec.structs.asdict(plan.size), results=results, sale=sale)
