import asyncio
import os
import signal
import sys
from collections.abc import Iterator

import pytest

from services.kit.errors import Unavailable
from services.ticketing.tickets.documents.document import TicketDocument
from services.ticketing.tickets.documents.pool import RenderPool


@pytest.fixture
def pool() -> Iterator[RenderPool]:
    pool = RenderPool()
    yield pool
    pool.close()


async def test_pool_renders_side_by_side_without_holding_the_loop(pool: RenderPool, document: TicketDocument) -> None:
    async def ticks() -> int:
        count = 0
        while not rendering.done():
            await asyncio.sleep(0.001)
            count += 1
        return count

    rendering = asyncio.gather(*[pool.render([document] * 5, "fr") for _ in range(4)])
    count = await ticks()
    assert all(data.startswith(b"%PDF-") for data in await rendering)
    assert count > 20


async def test_pool_passes_on_the_errors_of_render(pool: RenderPool) -> None:
    with pytest.raises(ValueError, match="nothing"):
        await pool.render([], "fr")


async def test_pool_survives_the_death_of_its_worker(pool: RenderPool, document: TicketDocument) -> None:
    await pool.render([document], "fr")
    assert pool._worker_pid is not None
    os.kill(pool._worker_pid, signal.SIGKILL)
    assert (await pool.render([document], "fr")).startswith(b"%PDF-")


async def test_pool_works_again_after_close(pool: RenderPool, document: TicketDocument) -> None:
    await pool.render([document], "fr")
    pool.close()
    assert (await pool.render([document], "fr")).startswith(b"%PDF-")


async def test_pool_gives_up_on_a_worker_that_hangs(document: TicketDocument) -> None:
    pool = RenderPool(limit_seconds=1.0)
    try:
        await pool.render([document], "fr")
        hung = pool._worker_pid
        assert hung is not None
        os.kill(hung, signal.SIGSTOP)
        with pytest.raises(Unavailable, match="too long"):
            await pool.render([document], "fr")
        pool._limit_seconds = 20.0
        assert (await pool.render([document], "fr")).startswith(b"%PDF-")
        assert pool._worker_pid != hung
    finally:
        pool.close()


async def test_pool_refuses_more_than_may_wait(document: TicketDocument) -> None:
    pool = RenderPool(waiting_limit=2)
    try:
        answers = await asyncio.gather(*[pool.render([document], "fr") for _ in range(5)], return_exceptions=True)
    finally:
        pool.close()
    assert [type(answer) for answer in answers] == [bytes, bytes, Unavailable, Unavailable, Unavailable]


PARENT = """
import asyncio, os
from services.ticketing.tickets.documents.pool import RenderPool

async def main():
    pool = RenderPool()
    await pool._started()
    print(pool._worker_pid, flush=True)
    await asyncio.Event().wait()

if __name__ == "__main__":
    asyncio.run(main())
"""


async def test_worker_ends_when_its_parent_is_killed() -> None:
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", PARENT, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout is not None
    worker_pid = int(await parent.stdout.readline())
    parent.kill()
    await parent.wait()
    async with asyncio.timeout(10):
        while is_running(worker_pid):  # noqa: ASYNC110  # another process has no event to set here
            await asyncio.sleep(0.05)


def is_running(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123  # a Path would say the same at more length
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
