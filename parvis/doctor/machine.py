import sys

from parvis import environment
from parvis.doctor.check import Check, fail, ok, warn
from parvis.embedded import binaries, identity
from parvis.embedded.data_folder import DataFolder
from parvis.embedded.ports import LOOPBACK, is_free
from parvis.errors import CannotProceed
from parvis.reachable import answers_http_at

OLDEST_PYTHON = (3, 11)
DEFAULT_PORT = 8000
OPEN_TO_OTHERS = 0o077


def python() -> Check:
    found = sys.version.split()[0]
    if sys.version_info < OLDEST_PYTHON:
        return fail("Python", found, "install Python 3.11 or newer")
    return ok("Python", found)


def server_programs() -> Check:
    subject = "Server programs"
    try:
        postgres, valkey = binaries.postgres_programs() / "postgres", binaries.valkey_server()
        who = identity.choose(postgres).wish
    except CannotProceed as problem:
        if environment.OWNER_DATABASE in environment.given():
            return warn(subject, str(problem), "nothing, as long as PARVIS_DATABASE_URL names a server")
        return fail(subject, str(problem), "install Parvis with all its dependencies")
    return ok(subject, f"{postgres.name} and {valkey.name} can run (identity: {who})")


def data_folder(folder: DataFolder) -> Check:
    subject = "Data folder"
    running = folder.running()
    if running:
        return ok(subject, f"{folder.path}, in use by process {running.pid}")
    if not folder.holds_data:
        return ok(subject, f"{folder.path}, nothing in it yet")
    with folder.locked():
        if folder.path.stat().st_mode & OPEN_TO_OTHERS:
            return warn(subject, f"{folder.path} is open to others", f"chmod 700 {folder.path}")
    return ok(subject, f"{folder.path}, not running")


async def listening(url: str | None) -> Check:
    """`url` is where the running instance says it listens."""
    subject = "Web address"
    if url:
        if await answers_http_at(f"{url}/readyz"):
            return ok(subject, f"{url} is ready")
        return fail(subject, f"{url} is not ready", "read what `parvis up` wrote")
    if is_free(LOOPBACK, DEFAULT_PORT):
        return ok(subject, f"port {DEFAULT_PORT} is free")
    return warn(subject, f"port {DEFAULT_PORT} is taken", "choose another with --port")
