import asyncio
import signal

import uvloop

from parvis import environment, settings
from parvis.worker import run


def work() -> None:
    """Run the background work of this instance until SIGTERM or SIGINT."""
    configuration = settings.from_environment(environment.given())
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_until_told(configuration))


async def _until_told(configuration: settings.Settings) -> None:
    task = asyncio.ensure_future(run(configuration))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    await asyncio.wait({task})
    if not task.cancelled():
        task.result()
