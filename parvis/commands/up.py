import asyncio
import contextlib
import signal
from collections.abc import Coroutine, Iterator

from rich.console import Console
from rich.panel import Panel

from parvis.composition import Instance, Programs, UpOptions
from parvis.steps import Steps
from parvis.supervisor.supervisor import Supervisor

# The terminal that was closed (SIGHUP) is a goodbye like the others.
GOODBYES = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


async def up(options: UpOptions, console: Console, programs: Programs) -> None:
    """Run everything until somebody says goodbye. CannotProceed, with all stopped again, if a part does not start."""
    steps = Steps(console)
    instance = Instance(options, steps, programs)
    with _goodbye() as goodbye, instance.folder.locked():
        async with Supervisor(steps.note) as supervisor:
            if await _done_before(goodbye, instance.start(supervisor)):
                console.print(_panel(instance, options, steps.seconds))
                await goodbye.wait()
            console.print("Stopping …")
    console.print("Stopped. The data stays; `parvis up` goes on with it.")


@contextlib.contextmanager
def _goodbye() -> Iterator[asyncio.Event]:
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


async def _done_before(event: asyncio.Event, work: Coroutine[None, None, None]) -> bool:
    """Whether the work was done, or else cut short by the event."""
    working, waiting = asyncio.ensure_future(work), asyncio.ensure_future(event.wait())
    await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if working.done():
        waiting.cancel()
        working.result()
        return True
    working.cancel()
    await asyncio.wait({working})
    return False


def _panel(instance: Instance, options: UpOptions, seconds: float) -> Panel:
    lines = [f"Open       [bold]{instance.public_url}[/]", f"API        {instance.public_url}/docs"]
    if options.demo:
        lines.append(f"Demo keys  {instance.folder.demo}")
    lines += [f"Data       {instance.folder.path}", "Stop       Ctrl-C"]
    return Panel("\n".join(lines), title=f"Parvis is ready ({seconds:.1f} s)", title_align="left", expand=False)
