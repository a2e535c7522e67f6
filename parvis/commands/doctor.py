from pathlib import Path

from parvis import environment
from parvis.doctor import machine, servers
from parvis.doctor.check import Check, fail, warn
from parvis.embedded.data_folder import DataFolder
from parvis.errors import CannotProceed
from parvis.instance import DEFAULT_FOLDER, reached
from parvis.settings import from_environment


async def examine(data: Path | None) -> list[Check]:
    """Everything that can be known of this machine and of its instance, if it has one."""
    checks = [machine.python(), machine.server_programs()]
    folder = DataFolder(data or DEFAULT_FOLDER)
    outside = data is None and environment.OWNER_DATABASE in environment.given()
    try:
        if not outside:
            checks.append(machine.data_folder(folder))
            if not folder.holds_data:
                return [*checks, warn("Instance", "none yet", "`parvis up` makes one"), await machine.listening(None)]
        running = None if outside else folder.running()
        async with reached(data) as variables:
            checks += await servers.examine(from_environment(variables))
    except CannotProceed as problem:
        return [*checks, fail("Instance", str(problem), "mend this first, then ask again")]
    return [*checks, await machine.listening(running.url if running else None)]
