"""The local limit: what PostgreSQL alone does on this machine, when each order is one prepared statement.

pgbench comes with the embedded PostgreSQL. It writes the same durable rows as we do, on a server of the same kind and
configuration, reached over a Unix socket; more than it commits, no application on this machine can with one
transaction per order. Group commit may: many orders share a transaction.
"""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bench.cpu import tree_cpu_seconds
from parvis.embedded.binaries import postgres_programs
from parvis.embedded.cluster import DATABASE, SUPERUSER, Cluster
from parvis.embedded.data_folder import DataFolder
from parvis.embedded.postgres import PostgresServer
from parvis.embedded.servers import server_environment
from parvis.errors import CannotProceed
from parvis.supervisor.process import Program

SCRIPTS = Path(__file__).parent
# A connection for each of 300 clients, which the instance does not need: its processes share a few.
CONNECTIONS = 350
COMMITTED = re.compile(r"^number of transactions actually processed: (\d+)", re.MULTILINE)
# It says so without the time that its clients took to connect, and not at all if nothing was committed.
PER_SECOND = re.compile(r"^tps = ([0-9.]+) ", re.MULTILINE)
CONNECTS_PER_SECOND = 150


@dataclass(frozen=True)
class Limit:
    per_second: float
    cpu_seconds_each: float
    """Of PostgreSQL, per transaction."""


@dataclass(frozen=True)
class Ceiling:
    process_id: int
    environment: Mapping[str, str]

    async def measure(self, script: str, *, clients: int, seconds: int, gauges: int = 1) -> Limit:
        """Transactions per second of the script `ceiling/{script}.sql`, spread over this many gauges."""
        before = tree_cpu_seconds(self.process_id)
        jobs = min(clients, os.cpu_count() or 1)
        # The time runs from the first connection on.
        time = seconds + clients // CONNECTS_PER_SECOND
        words = [f"--client={clients}", f"--jobs={jobs}", f"--time={time}", "--protocol=prepared"]
        words += ["--no-vacuum", f"--define=gauges={gauges}", f"--file={SCRIPTS / script}.sql"]
        said = await self._run("pgbench", *words)
        used = tree_cpu_seconds(self.process_id) - before
        committed, per_second = COMMITTED.search(said), PER_SECOND.search(said)
        if not committed:
            raise CannotProceed(f"pgbench did not say what it did: {said}")
        return Limit(float(per_second[1]) if per_second else 0.0, used / max(1, int(committed[1])))

    async def prepare(self) -> None:
        await self._run("psql", "--quiet", "--set=ON_ERROR_STOP=1", f"--file={SCRIPTS / 'schema.sql'}")

    async def _run(self, program: str, *words: str) -> str:
        process = await asyncio.create_subprocess_exec(
            str(postgres_programs() / program),
            *words,
            env=self.environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            said, complained = await process.communicate()
        except asyncio.CancelledError:
            process.terminate()
            raise
        if process.returncode != 0:
            raise CannotProceed(f"{program} failed: {complained.decode()[-1000:]}")
        return said.decode()


@asynccontextmanager
async def running_ceiling(path: Path) -> AsyncIterator[Ceiling]:
    """A durable server of its own in this folder, with the tables of `schema.sql`."""
    folder = DataFolder(path)
    with folder.locked():
        credentials = folder.credentials()
        server = _Server(folder.postgres, credentials.postgres, server_environment(folder))
        await server.start()
        try:
            environment = {"PGHOST": str(server.sockets), "PGPORT": str(server.port), "PGDATABASE": DATABASE}
            environment |= {"PGUSER": SUPERUSER, "PGPASSWORD": credentials.postgres}
            ceiling = Ceiling(server.process_id, environment)
            await ceiling.prepare()
            yield ceiling
        finally:
            await server.stop()


class _Server(PostgresServer):
    """As the instance's, with a Unix socket and more connections."""

    @property
    def sockets(self) -> Path:
        return self.folder.with_name("sockets")

    @property
    def process_id(self) -> int:
        return int((self.folder / "postmaster.pid").read_text().split()[0])

    def _program(self, cluster: Cluster) -> Program:
        self.sockets.mkdir(exist_ok=True)
        cluster.identity.take_over(self.sockets)
        program = super()._program(cluster)
        more = (f"--unix_socket_directories={self.sockets}", f"--max_connections={CONNECTIONS}")
        return replace(program, command=(*program.command, *more))
