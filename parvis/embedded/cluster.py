"""Making a PostgreSQL cluster on disk, and what stands in its configuration."""

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from parvis.embedded.data_folder import FILE_MODE, FOLDER_MODE
from parvis.embedded.identity import Identity
from parvis.errors import CannotProceed
from parvis.supervisor.process import launch_command

DATABASE = "parvis"
SUPERUSER = "postgres"
COMMAND_SECONDS = 60.0

# For two cores that others use too. An operator changes them with ALTER SYSTEM, which counts for more than this file.
SIZES = MappingProxyType(
    {
        "max_connections": "120",
        "shared_buffers": "128MB",
        "effective_cache_size": "1GB",
        "maintenance_work_mem": "64MB",
        "max_wal_size": "1GB",
        "checkpoint_timeout": "15min",
        "random_page_cost": "1.1",
        "wal_compression": "on",
        "io_method": "sync",
        "jit": "off",
        "max_parallel_workers_per_gather": "0",
        "autovacuum_max_workers": "2",
        # Plans made while a table was empty are bad ones soon, and live until the server has looked at it again.
        "autovacuum_naptime": "10s",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_checkpoints": "off",
        # Statements and detail lines quote the values of rows, and so the names and addresses of people.
        "log_error_verbosity": "terse",
        "log_min_error_statement": "panic",
    }
)


@dataclass(frozen=True, slots=True)
class Cluster:
    """The folder of a cluster and the programs that work on it."""

    folder: Path
    programs: Path
    identity: Identity
    environment: Mapping[str, str]

    @property
    def is_made(self) -> bool:
        return (self.folder / "PG_VERSION").exists()

    def make(self, password: str, *, durable: bool) -> None:
        """In a draft folder that gets its name at the end: a cluster that was interrupted half-way is made again."""
        draft = self.folder.with_name("postgres.new")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=FOLDER_MODE)
        self.identity.take_over(draft)
        password_file = self.folder.with_name("postgres.password")
        password_file.touch(FILE_MODE)
        password_file.write_text(password, encoding="ascii")
        self.identity.take_over(password_file)
        try:
            self._run("initdb", *_initdb_options(draft, password_file, durable=durable))
        finally:
            password_file.unlink()
        # Single-user mode needs no port, no password and no client library.
        self._run("postgres", "--single", "-D", str(draft), "template1", sends=f"CREATE DATABASE {DATABASE}\n")
        draft.rename(self.folder)

    def check_version(self) -> None:
        made_with = (self.folder / "PG_VERSION").read_text(encoding="ascii").strip()
        ours = self._run("postgres", "--version").split()[-1].partition(".")[0]
        if made_with != ours:
            raise CannotProceed(
                f"The data in {self.folder} was made by PostgreSQL {made_with} and this Parvis brings {ours}: "
                f"dump it with the Parvis that made it, and restore it here."
            )

    def write_configuration(self) -> None:
        lines = ["# Written by Parvis at every start. Change settings with ALTER SYSTEM: what it writes is read later."]
        lines += [f"{name} = '{value}'" for name, value in SIZES.items()]
        (self.folder / "postgresql.conf").write_text("\n".join(lines) + "\n", encoding="ascii")

    def _run(self, program: str, *arguments: str, sends: str = "") -> str:
        done = subprocess.run(  # noqa: S603 - our own program and arguments
            launch_command((str(self.programs / program), *arguments), identity=self.identity.wish),
            input=sends,
            env=dict(self.environment),
            capture_output=True,
            text=True,
            check=False,
            timeout=COMMAND_SECONDS,
        )
        complaints = [
            line for line in done.stderr.splitlines() if any(word in line for word in ("FATAL", "ERROR", "error:"))
        ]
        # The single-user mode ends with 0 even if a statement failed.
        if done.returncode != 0 or complaints:
            said = complaints[-1] if complaints else f"exit code {done.returncode}"
            raise CannotProceed(f"{program} failed on {self.folder}: {said}")
        return done.stdout


def _initdb_options(folder: Path, password_file: Path, *, durable: bool) -> list[str]:
    return [
        f"--pgdata={folder}",
        f"--username={SUPERUSER}",
        f"--pwfile={password_file}",
        "--auth=scram-sha-256",
        "--data-checksums",
        "--encoding=UTF8",
        # The wheel is built without ICU. This provider is PostgreSQL's own and sorts the same on every system.
        "--locale-provider=builtin",
        "--locale=C.UTF-8",
        *([] if durable else ["--no-sync"]),
    ]
