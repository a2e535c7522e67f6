"""Renders tickets in a process of its own: typst holds the GIL, and an event loop must not wait for a page."""

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing.process import BaseProcess
from typing import Final

from services.kit.errors import Unavailable
from services.ticketing.tickets.documents import pdf
from services.ticketing.tickets.documents.document import TicketDocument

NICENESS: Final = 5
_ATTEMPTS: Final = 2


class RenderPool:
    """One worker process, started at the first page and again after a crash. For use within one event loop.

    `limit_seconds` bounds one rendering, the start of the worker included: one that hangs is killed. `waiting_limit`
    bounds how many may be in the pool at once. Beyond either, Unavailable.
    """

    def __init__(self, *, limit_seconds: float = 20.0, waiting_limit: int = 64) -> None:
        self._limit_seconds = limit_seconds
        self._waiting_limit = waiting_limit
        self._waiting = 0
        self._turn = asyncio.Lock()
        self._executor: ProcessPoolExecutor | None = None
        self._worker_pid: int | None = None

    async def render(self, documents: Sequence[TicketDocument], language: str) -> bytes:
        """As `pdf.render`. Raises Unavailable when too many wait, a page takes too long, or the worker died twice."""
        if self._waiting >= self._waiting_limit:
            raise Unavailable("too many tickets are being drawn")
        self._waiting += 1
        try:
            async with self._turn:
                return await self._within_limit(documents, language)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Ends the worker. The pool may be used again: it starts another."""
        executor, self._executor = self._executor, None
        if self._worker_pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self._worker_pid, signal.SIGKILL)
        self._worker_pid = None
        if executor is not None:
            executor.shutdown(wait=False, cancel_futures=True)

    async def _within_limit(self, documents: Sequence[TicketDocument], language: str) -> bytes:
        try:
            async with asyncio.timeout(self._limit_seconds):
                return await self._rendered(list(documents), language)
        except TimeoutError:
            self.close()
            raise Unavailable("drawing the ticket took too long", retry_after_seconds=5) from None

    async def _rendered(self, documents: list[TicketDocument], language: str) -> bytes:
        loop = asyncio.get_running_loop()
        for _ in range(_ATTEMPTS):
            try:
                return await loop.run_in_executor(await self._started(), pdf.render, documents, language)
            except BrokenProcessPool:
                self._worker_pid = None
                self.close()
        raise Unavailable("the process that draws tickets keeps dying", retry_after_seconds=5)

    async def _started(self) -> ProcessPoolExecutor:
        if self._executor is None:
            # Spawned, not forked: the parent runs threads and holds sockets that a copy must not share.
            context = multiprocessing.get_context("spawn")
            self._executor = ProcessPoolExecutor(1, mp_context=context, initializer=_prepare)
            self._worker_pid = await asyncio.get_running_loop().run_in_executor(self._executor, os.getpid)
        return self._executor


def _prepare() -> None:
    # A page may wait a moment, a sale may not.
    os.nice(NICENESS)
    _end_with_parent()


def _end_with_parent() -> None:
    """The worker holds both ends of its queue and would wait for ever on a parent that was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_exit_after, args=(parent,), daemon=True).start()


def _exit_after(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)
