"""Which process runs what when everything runs on one machine."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path

from parvis import environment
from parvis.embedded.data_folder import DataFolder
from parvis.embedded.ports import LOOPBACK, free_port, is_free, steady_port
from parvis.embedded.servers import EmbeddedServers
from parvis.errors import CannotProceed
from parvis.reachable import answers_http, check_postgres, check_valkey, listens
from parvis.steps import Steps
from parvis.supervisor import leftovers
from parvis.supervisor.process import Process, Program, always_ready
from parvis.supervisor.supervisor import Supervisor

# With the servers' own 2.5 seconds and a safety margin, everything is down within the ten seconds we promise.
DRAIN_SECONDS = 3
GATEWAY_STOP_SECONDS = 3.5
WORKER_STOP_SECONDS = 2.0
STRIPE_STOP_SECONDS = 0.5
LEFTOVER_SECONDS = 4.0
ADDRESS_OF_ALL = {"0.0.0.0": LOOPBACK, "::": "::1"}  # noqa: S104 - compared with, not bound to

# -P keeps the folder we are called from off the path: it may hold a `services` or a `gateway` of its own.
OURSELVES = (sys.executable, "-P", "-m", "parvis")


@dataclass(frozen=True, slots=True)
class Programs:
    """What runs beside the servers; the tests put small stand-ins in their place.

    The gateway is given --host, --port, --workers and --drain-seconds, the stand-in Stripe --port, --webhook-secret and
    --data; all read the rest from their environment.
    """

    migrate: tuple[str, ...] = (*OURSELVES, "migrate")
    demo: tuple[str, ...] = (*OURSELVES, "demo")
    stripe: tuple[str, ...] = (sys.executable, "-P", "-m", "parvis.stand_in.stripe")
    worker: tuple[str, ...] = (*OURSELVES, "worker")
    gateway: tuple[str, ...] = (*OURSELVES, "serve", "everything")


@dataclass(frozen=True, slots=True)
class UpOptions:
    data: Path
    host: str = LOOPBACK
    port: int = 8000
    workers: int = 1
    demo: bool = False


class Instance:
    """Starts the parts in the order in which they need each other; the supervisor stops them in the reverse one."""

    def __init__(self, options: UpOptions, steps: Steps, programs: Programs) -> None:
        self.folder = DataFolder(options.data)
        self.port = options.port or free_port()
        self._options = options
        self._steps = steps
        self._programs = programs
        self._outside = environment.given()
        self._environment: Mapping[str, str] = {}

    @property
    def url(self) -> str:
        host = "localhost" if self._options.host in ADDRESS_OF_ALL else self._options.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def public_url(self) -> str:
        return self._environment.get(environment.PUBLIC_URL, self.url)

    async def start(self, supervisor: Supervisor) -> None:
        """The folder's lock is held. `CannotProceed` at the first thing that is in the way."""
        await self._check()
        servers = await self._start_servers(supervisor)
        # Most of the time that a start takes is Python reading libraries; two processor cores can do that side by side.
        if self._options.demo:
            await _together(self._migrate(), self._start_stripe(supervisor))
            await _together(self._start_gateway(supervisor), self._make_demo())
        else:
            await self._migrate()
            await self._start_gateway(supervisor)
        self.folder.announce(servers.running(self.url))

    async def _check(self) -> None:
        """All that can be known to be wrong before anything starts."""
        with self._steps.step(f"Data folder {self.folder.path}"):
            leftovers.send(signal.SIGTERM, leftovers.marked(self.folder.path))
            await leftovers.wait_until_gone(lambda: leftovers.marked(self.folder.path), LEFTOVER_SECONDS)
            self.folder.credentials()
            self._check_port()
            environment.check_sufficient(self._outside)
            if environment.OWNER_DATABASE in self._outside:
                await check_postgres(environment.OWNER_DATABASE, self._outside[environment.OWNER_DATABASE])
            if environment.VALKEY in self._outside:
                await check_valkey(environment.VALKEY, self._outside[environment.VALKEY])

    def _check_port(self) -> None:
        host = self._options.host
        try:
            free = is_free(host, self.port)
        except OSError as error:
            raise CannotProceed(f"Parvis cannot listen on {host}:{self.port}: {error.strerror}.") from error
        if not free:
            raise CannotProceed(f"Port {self.port} of {host} is taken by another program: choose one with --port.")

    async def _start_servers(self, supervisor: Supervisor) -> EmbeddedServers:
        servers = EmbeddedServers(self.folder)
        if environment.OWNER_DATABASE in self._outside:
            self._steps.note(f"PostgreSQL is the one that {environment.OWNER_DATABASE} names")
        else:
            with self._steps.step("PostgreSQL") as outcome:
                await supervisor.start(servers.postgres)
                outcome.text = f"PostgreSQL on loopback port {servers.postgres.port}"
        if environment.VALKEY in self._outside:
            self._steps.note(f"Valkey is the one that {environment.VALKEY} names")
        else:
            with self._steps.step("Valkey") as outcome:
                await supervisor.start(servers.valkey)
                outcome.text = f"Valkey on loopback port {servers.valkey.port}"
        self.folder.announce(servers.running())
        self._environment = environment.complete(self._outside, self.folder, servers.running(self.url))
        return servers

    async def _migrate(self) -> None:
        with self._steps.step("Database tables") as outcome:
            await self._process("migrations", self._programs.migrate).run()
            outcome.text = "Database tables are up to date"

    async def _start_stripe(self, supervisor: Supervisor) -> None:
        credentials = self.folder.credentials()
        port = steady_port(credentials.stripe_api_key)
        # Whatever key the environment holds: a demo must never reach the real Stripe.
        self._environment = {
            **self._environment,
            environment.TEST_MODE: "true",
            environment.STRIPE_API_KEY: credentials.stripe_api_key,
            environment.STRIPE_API_URL: f"http://{LOOPBACK}:{port}",
            environment.STRIPE_WEBHOOK_SECRET: credentials.stripe_webhook_secret,
        }
        options = ("--port", str(port), "--webhook-secret", credentials.stripe_webhook_secret)
        command = (*self._programs.stripe, *options, "--data", str(self.folder.stripe))
        with self._steps.step("Stand-in for Stripe") as outcome:
            await supervisor.start(
                self._process(
                    "stripe", command, stop_seconds=STRIPE_STOP_SECONDS, ready=lambda: listens(LOOPBACK, port)
                )
            )
            outcome.text = f"Stand-in for Stripe on loopback port {port}"

    async def _make_demo(self) -> None:
        with self._steps.step("Demo establishments") as outcome:
            await self._process("demo", self._programs.demo).run()
            outcome.text = f"Demo establishments; their keys are in {self.folder.demo}"

    async def _start_gateway(self, supervisor: Supervisor) -> None:
        with self._steps.step("Gateway and services") as outcome:
            gateway = self._gateway()
            await supervisor.start(gateway)
            outcome.text = f"Gateway and services on port {self.port} ({self._options.workers} × web)"
        await supervisor.start(self._process("worker", self._programs.worker), outlives=gateway)

    def _gateway(self) -> Process:
        host = ADDRESS_OF_ALL.get(self._options.host, self._options.host)
        options = {
            "--host": self._options.host,
            "--port": self.port,
            "--workers": self._options.workers,
            "--drain-seconds": DRAIN_SECONDS,
        }
        command = (*self._programs.gateway, *(str(word) for option in options.items() for word in option))
        return self._process(
            "gateway",
            command,
            stop_seconds=GATEWAY_STOP_SECONDS,
            ready=lambda: answers_http(host, self.port, "/readyz"),
        )

    def _process(
        self,
        name: str,
        command: tuple[str, ...],
        *,
        stop_seconds: float = WORKER_STOP_SECONDS,
        ready: Callable[[], Awaitable[bool]] = always_ready,
    ) -> Process:
        return Process(
            Program(
                name=name,
                command=command,
                environment={**self._environment, "PYTHONUNBUFFERED": "1"},
                ready=ready,
                stop_signals=((signal.SIGTERM, stop_seconds),),
                write_line=self._steps.line,
            )
        )


async def _together(*works: Coroutine[None, None, None]) -> None:
    """Side by side; when one fails the others are cut short, and have ended when the failure is raised."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
