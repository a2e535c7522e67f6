import asyncio
import time
from collections.abc import Awaitable, Callable

PAUSE_SECONDS = 0.05


async def eventually(condition: Callable[[], Awaitable[bool]], *, seconds: float = 15) -> None:
    """Returns as soon as it holds; fails when it does not within so many seconds."""
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline, f"still not so after {seconds} s"
        await asyncio.sleep(PAUSE_SECONDS)
