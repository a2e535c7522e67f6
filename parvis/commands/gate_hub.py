import asyncio
import sqlite3
from pathlib import Path

import uvloop
from rich.console import Console

from parvis.errors import CannotProceed
from parvis.gate_hub.folder import HubFolder
from parvis.gate_hub.guard import make_token
from parvis.gate_hub.running import HubOptions, run


def gate_hub(options: HubOptions, console: Console) -> None:
    """Run the hub until somebody asks it to end. Raises `CannotProceed`."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(options, console))


def hub_token(data: Path, name: str) -> str:
    """A token for a turnstile that cannot sign. Raises `CannotProceed`."""
    folder = HubFolder(data)
    if folder.identity() is None:
        raise CannotProceed(f"There is no hub in {data} yet: pair it first, or name its folder with --data.")
    try:
        return make_token(folder.books, name)
    except sqlite3.Error as error:
        raise CannotProceed(f"The books in {folder.books} cannot be opened: {error}.") from error
