import signal
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from parvis.embedded import binaries, identity
from parvis.embedded.cluster import DATABASE, Cluster
from parvis.embedded.data_folder import FILE_MODE
from parvis.embedded.ports import LOOPBACK, start_on_port
from parvis.supervisor import leftovers
from parvis.supervisor.process import Process, Program

RECOVERY_SECONDS = 60.0
ORDERLY_SECONDS = 5.0
ABANDONED_SECONDS = 0.5
LOG_BYTES_MAX = 10 * 1024 * 1024
STATUS_LINE = 7

# Given on the command line, where neither a file nor ALTER SYSTEM can weaken them.
DURABLE = MappingProxyType({"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"})
THROW_AWAY = MappingProxyType({"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"})


def postgres_url(role: str, password: str, port: int) -> str:
    return f"postgresql://{role}:{password}@{LOOPBACK}:{port}/{DATABASE}"


class PostgresServer:
    """The embedded PostgreSQL of a data folder, on a random loopback port that it keeps over restarts.

    Without `durable` it is for tests: faster, and a crash of the machine may corrupt it.
    """

    name = "postgresql"

    def __init__(self, folder: Path, password: str, environment: Mapping[str, str], *, durable: bool = True) -> None:
        self.folder = folder
        self.log_file = folder.with_name("postgres.log")
        self.port = 0
        self._password = password
        self._environment = environment
        self._durable = durable
        self._cluster: Cluster | None = None
        self._process: Process | None = None

    async def start(self) -> None:
        """Make the cluster if there is none, start it, return once it takes connections (after any recovery)."""
        self._cluster = self._cluster or self._find_cluster()
        await self._end_leftovers()
        if not self._cluster.is_made:
            self._cluster.make(self._password, durable=self._durable)
        self._cluster.check_version()
        self._cluster.identity.take_over(self.folder)
        self._cluster.write_configuration()
        self._turn_log()
        await start_on_port(self.port, self._start_process)

    async def wait(self) -> int:
        return await self._process.wait() if self._process else 0

    async def stop(self) -> None:
        if self._process:
            await self._process.stop()

    def _find_cluster(self) -> Cluster:
        programs = binaries.postgres_programs()
        return Cluster(self.folder, programs, identity.choose(programs / "postgres"), self._environment)

    async def _end_leftovers(self) -> None:
        """Let what an earlier run left finish, then take away its pid file.

        PostgreSQL refuses to start if any process has the number in that file, which is likely after a reboot or in a
        fresh container. Removing it is safe here: we hold the folder's lock, and nothing works in it any more.
        """
        pid_file = self.folder / "postmaster.pid"
        recorded = _lines(pid_file)[:1]
        found = leftovers.working_in(self.folder)
        postmaster = [process_id for process_id in found if [str(process_id)] == recorded]
        if postmaster:
            leftovers.send(signal.SIGINT, postmaster)
        else:
            leftovers.send(signal.SIGTERM, found)
        patience_seconds = ORDERLY_SECONDS if postmaster else ABANDONED_SECONDS
        await leftovers.wait_until_gone(lambda: leftovers.working_in(self.folder), patience_seconds)
        if leftovers.PROCESSES.is_dir():
            pid_file.unlink(missing_ok=True)

    def _turn_log(self) -> None:
        if self.log_file.exists() and self.log_file.stat().st_size > LOG_BYTES_MAX:
            self.log_file.replace(self.log_file.with_suffix(".log.1"))
        self.log_file.touch(FILE_MODE)

    async def _start_process(self, port: int) -> None:
        self.port = port
        self._process = Process(self._program(self._cluster or self._find_cluster()))
        await self._process.start()

    def _program(self, cluster: Cluster) -> Program:
        settings = {
            "port": str(self.port),
            "listen_addresses": LOOPBACK,
            # The path of a socket may not be longer than 107 bytes; TCP works in any folder.
            "unix_socket_directories": "",
            **(DURABLE if self._durable else THROW_AWAY),
        }
        options = (f"--{name}={value}" for name, value in settings.items())
        return Program(
            name=self.name,
            command=(str(cluster.programs / "postgres"), "-D", str(self.folder), *options),
            environment=self._environment,
            ready=self._is_ready,
            ready_within_seconds=RECOVERY_SECONDS,
            # SIGINT ends the sessions and writes all down; SIGQUIT leaves that to the recovery of the next start.
            stop_signals=((signal.SIGINT, 2.0), (signal.SIGQUIT, 1.0)),
            death_signal=signal.SIGINT,
            identity=cluster.identity.wish,
            log_file=self.log_file,
        )

    async def _is_ready(self) -> bool:
        """PostgreSQL writes its state into its pid file, so that no connection is needed to know."""
        lines = _lines(self.folder / "postmaster.pid")
        ours = self._process is not None and lines[:1] == [str(self._process.pid)]
        return ours and len(lines) > STATUS_LINE and lines[STATUS_LINE].strip() == "ready"


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
