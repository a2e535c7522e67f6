import asyncio
import os

import uvloop

from parvis import environment, settings
from parvis.goodbye import done_before, goodbye
from parvis.worker import run

# Where it shares a machine with the web process, a sale comes first and its mail a little later.
NICENESS = 10


def work() -> None:
    """Run the background work of this instance until somebody asks it to end."""
    os.nice(NICENESS)
    configuration = settings.from_environment(environment.given())
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_until_asked(configuration))


async def _until_asked(configuration: settings.Settings) -> None:
    with goodbye() as asked:
        await done_before(asked, run(configuration))
