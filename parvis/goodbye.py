"""How a long-running command ends: once, however often it is asked."""

import asyncio
import contextlib
import signal
from collections.abc import Coroutine, Iterator

# The terminal that was closed (SIGHUP) says goodbye like the others.
GOODBYES = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@contextlib.contextmanager
def goodbye() -> Iterator[asyncio.Event]:
    """Set when somebody asks this process to end. In the main thread only."""
    loop, event = asyncio.get_running_loop(), asyncio.Event()
    # Under nohup the closed terminal is no goodbye.
    heard = [number for number in GOODBYES if signal.getsignal(number) is not signal.SIG_IGN]
    for number in heard:
        loop.add_signal_handler(number, event.set)
    try:
        yield event
    finally:
        for number in heard:
            loop.remove_signal_handler(number)
            if event.is_set():
                # A second one while Python tidies up would end an orderly stop with an error.
                signal.signal(number, signal.SIG_IGN)


async def done_before(event: asyncio.Event, work: Coroutine[None, None, None]) -> bool:
    """Whether the work was done, or else cancelled (and then ended) because of the event. Its failure is raised."""
    working, waiting = asyncio.ensure_future(work), asyncio.ensure_future(event.wait())
    await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if not working.done():
        working.cancel()
        await asyncio.wait({working})
    if working.cancelled():
        return False
    working.result()
    return True
