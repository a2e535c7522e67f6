"""Every row, every script of pgbench and the sale, once and briefly, on servers of their own as in `make bench`."""

from dataclasses import replace

from bench.ground import Size, prepared_ground
from bench.measuring import Pace, measure
from bench.rows import ROWS
from bench.sold_out import sell_out

BRIEFLY = Pace(clients=4, seconds=0.3)


async def test_every_row_and_its_limit_are_measured_and_a_sale_is_exact():
    told: list[str] = []
    async with prepared_ground(Size(establishments=2, tickets=3), with_ceiling=True, tell=told.append) as ground:
        assert ground.ceiling is not None
        beside = await measure(ground, ROWS["hot"], BRIEFLY)
        alone = replace(ground, ceiling=None)
        results = [await measure(alone, row, BRIEFLY) for row in ROWS.values()]
        paced = await measure(ground, ROWS["hot"], Pace(clients=4, seconds=0.3, rate=50))
        limits = [await ground.ceiling.measure(row.script, clients=2, seconds=1) for row in ROWS.values()]
        sale = await sell_out(ground, callers=20, places=400)
    assert told[-1] == "selling tickets: establishment 2, 0 of 3"
    assert beside.ratio
    assert [result.failures for result in results] == [{}] * len(ROWS)
    assert all(result.requests > 0 and result.cpu_microseconds["generator"] > 0 for result in results)
    assert (paced.requests, paced.failures, paced.ratio) == (15, {}, None)
    assert all(limit.per_second > 0 for limit in limits)
    assert sale.exact
