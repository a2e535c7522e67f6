"""Starting and stopping the applications that live in this process."""

import asyncio
from collections.abc import Mapping
from typing import Any, cast

import structlog
from litestar.types import ASGIApp

log = structlog.get_logger()

START_SECONDS = 60


class StartError(Exception):
    """An application said that it cannot start."""


class Lifespan:
    """One application's ASGI lifespan, seen from the server's side."""

    def __init__(self, name: str, app: ASGIApp) -> None:
        self.name = name
        self._app = app
        self._inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._outbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Raises `StartError`. An application without a lifespan is ready as it is."""
        self._task = asyncio.create_task(self._run())
        self._task.add_done_callback(self._ended)
        message = await self._say("lifespan.startup")
        if message is None:
            self._task = None
        elif message["type"] == "lifespan.startup.failed":
            raise StartError(f"{self.name}: {message.get('message', '')}")

    async def stop(self) -> None:
        if self._task is None:
            return
        message = await self._say("lifespan.shutdown")
        if message is not None and message["type"] == "lifespan.shutdown.failed":
            log.error("shutdown_failed", service=self.name, error=message.get("message", ""))
        self._task = None

    async def _run(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
        # The types that Litestar gives to applications know requests only.
        app = cast("Any", self._app)
        await app(scope, self._inbox.get, self._outbox.put)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            # Not a failure in itself: an application that knows no lifespan says so by raising.
            log.debug("lifespan_ended", service=self.name, error=repr(task.exception()))

    async def _say(self, kind: str) -> dict[str, Any] | None:
        """The application's reply; None if it ended without one."""
        task = self._task
        if task is None:
            return None
        await self._inbox.put({"type": kind})
        reply = asyncio.create_task(self._outbox.get())
        await asyncio.wait((reply, task), timeout=START_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if reply.done() or not self._outbox.empty():
            return await reply
        reply.cancel()
        if task.done():
            return None
        task.cancel()
        raise StartError(f"{self.name} did not answer to {kind} in {START_SECONDS} s.")


class Applications:
    """All of this process, started in the order given and stopped in the opposite one."""

    def __init__(self, apps: Mapping[str, ASGIApp]) -> None:
        self._lifespans = [Lifespan(name, app) for name, app in apps.items()]
        self._started: list[Lifespan] = []

    async def start(self) -> None:
        """Raises `StartError` after stopping those that had started."""
        try:
            for lifespan in self._lifespans:
                await lifespan.start()
                self._started.append(lifespan)
        except StartError:
            await self.stop()
            raise

    async def stop(self) -> None:
        while self._started:
            lifespan = self._started.pop()
            try:
                await lifespan.stop()
            except StartError as error:
                log.error("shutdown_failed", service=lifespan.name, error=str(error))  # noqa: TRY400 - all is said
