import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from parvis import environment
from parvis.embedded.data_folder import DataFolder
from parvis.embedded.servers import EmbeddedServers
from parvis.errors import CannotProceed

DEFAULT_FOLDER = Path(".parvis")


@contextlib.asynccontextmanager
async def reached(data: Path | None) -> AsyncIterator[dict[str, str]]:
    """The environment of an instance, for as long as the block runs.

    Without a folder it is the one that the environment names, if it names any. With a folder it is the instance in
    there: the running one, or else its servers are started for the length of the block.
    """
    outside = environment.given()
    if data is None and environment.OWNER_DATABASE in outside:
        yield outside
        return
    folder = DataFolder(data or DEFAULT_FOLDER)
    running = folder.running()
    if running:
        yield environment.complete(outside, folder, running)
        return
    if not folder.holds_data:
        raise CannotProceed(f"There is no instance in {folder.path}: `parvis up` makes one.")
    with folder.locked():
        async with EmbeddedServers(folder) as servers:
            yield environment.complete(outside, folder, servers.running())
