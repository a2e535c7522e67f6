"""The hub's books on the disk: SQLite in one thread of its own, written before anybody is answered.

Whatever is asked in one turn of the event loop, and while the disk is busy, goes in one transaction.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias
from uuid import UUID

import msgspec

from parvis.gate_hub.directory import KnownPass
from parvis.gate_hub.kept import Kept, KeptScan, KeptUndo, Place
from services.kit.errors import Unavailable
from services.ticketing.entry.passes.views import PassTicket

Write: TypeAlias = Callable[[sqlite3.Connection], None]
SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS scans (id TEXT PRIMARY KEY, at TEXT NOT NULL, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS undos (id TEXT PRIMARY KEY, at TEXT NOT NULL, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS passes (venue_id TEXT, date TEXT, body BLOB NOT NULL, PRIMARY KEY (venue_id, date));
CREATE TABLE IF NOT EXISTS tickets (
    venue_id TEXT, date TEXT, id TEXT, body BLOB NOT NULL, PRIMARY KEY (venue_id, date, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tokens (name TEXT PRIMARY KEY, hash BLOB NOT NULL, made_at TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
TABLES: Final = {KeptScan: "scans", KeptUndo: "undos"}


class CannotKeep(Unavailable):
    """The disk took it not: whoever asked decides alone, and tells later."""


class Journal:
    """`trouble`: what the disk says, until it takes something again."""

    def __init__(self, path: Path) -> None:
        self._connection = connect(path)
        self._thread = ThreadPoolExecutor(1, "journal")
        self._waiting: list[tuple[Write, asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None
        # Repeated questions wait for the same write.
        self._under_way: dict[UUID, asyncio.Future[None]] = {}
        self.trouble: str | None = None

    async def keep(self, kept: Sequence[Kept]) -> None:
        """Returns when all of it is on the disk. Raises `CannotKeep`: then nothing is."""
        if not kept:
            return
        written = self._enqueue(partial(_put_kept, rows=_rows(kept)))
        for one in kept:
            self._under_way[one.id] = written
        try:
            await asyncio.shield(written)
        finally:
            if written.done():
                for one in kept:
                    self._under_way.pop(one.id, None)

    async def kept_before(self, kept_id: UUID) -> None:
        """Returns when what is known by this id is on the disk. Raises `CannotKeep`."""
        under_way = self._under_way.get(kept_id)
        if under_way is not None:
            await asyncio.shield(under_way)

    async def keep_page(
        self, place: Place, known: KnownPass, tickets: Sequence[PassTicket], included: Sequence[Kept]
    ) -> None:
        """A page of the entry pass, the cursor behind it, and what it says of our own scans: all or nothing."""
        body, venue = msgspec.json.encode(known), str(place.venue_id)
        rows = [(venue, place.date, str(ticket.id), msgspec.json.encode(ticket)) for ticket in tickets]

        def put(connection: sqlite3.Connection) -> None:
            connection.execute("INSERT OR REPLACE INTO passes VALUES (?, ?, ?)", (venue, place.date, body))
            connection.executemany("INSERT OR REPLACE INTO tickets VALUES (?, ?, ?, ?)", rows)
            _put_kept(connection, rows=_rows(included))

        await self._enqueue(put)

    async def note(self, **facts: str) -> None:
        await self._enqueue(
            lambda connection: _many(connection, "INSERT OR REPLACE INTO facts VALUES (?, ?)", list(facts.items()))
        )

    async def forget(self, places: Sequence[Place], scans: Sequence[UUID], undos: Sequence[UUID]) -> None:
        over = [(str(place.venue_id), place.date) for place in places]

        def remove(connection: sqlite3.Connection) -> None:
            for table in ("passes", "tickets"):
                _many(connection, f"DELETE FROM {table} WHERE venue_id = ? AND date = ?", over)
            _many(connection, "DELETE FROM scans WHERE id = ?", [(str(one),) for one in scans])
            _many(connection, "DELETE FROM undos WHERE id = ?", [(str(one),) for one in undos])

        await self._enqueue(remove)

    async def forget_tickets(self) -> None:
        """Nothing of an establishment stays with a hub that was revoked, but for what it has to tell."""

        def remove(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM tickets")
            connection.execute("DELETE FROM passes")

        await self._enqueue(remove)

    def read(self) -> tuple[dict[Place, KnownPass], list[tuple[Place, PassTicket]], list[Kept]]:
        """Everything, when the hub starts."""
        passes = {
            Place(UUID(venue), day): msgspec.json.decode(body, type=KnownPass)
            for venue, day, body in self._connection.execute("SELECT venue_id, date, body FROM passes ORDER BY rowid")
        }
        tickets = [
            (Place(UUID(venue), day), msgspec.json.decode(body, type=PassTicket))
            for venue, day, body in self._connection.execute("SELECT venue_id, date, body FROM tickets")
        ]
        kept: list[Kept] = [
            msgspec.json.decode(body, type=kind)
            for kind, table in TABLES.items()
            for (body,) in self._connection.execute(f"SELECT body FROM {table} ORDER BY at, id")
        ]
        return passes, tickets, kept

    def facts(self) -> dict[str, str]:
        return dict(self._connection.execute("SELECT name, value FROM facts"))

    async def tokens(self) -> dict[bytes, str]:
        """Name by hash. Another process may have made one a moment ago."""
        loop = asyncio.get_running_loop()
        rows = await loop.run_in_executor(
            self._thread, lambda: self._connection.execute("SELECT hash, name FROM tokens").fetchall()
        )
        return dict(rows)

    async def close(self) -> None:
        """Once everything that was asked is on the disk."""
        if self._writer is not None:
            await self._writer
        self._thread.submit(self._connection.close).result()
        self._thread.shutdown()

    def _enqueue(self, write: Write) -> "asyncio.Future[None]":
        loop = asyncio.get_running_loop()
        written: asyncio.Future[None] = loop.create_future()
        self._waiting.append((write, written))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())
        return written

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch, self._waiting = self._waiting, []
            failure: CannotKeep | None = None
            try:
                await loop.run_in_executor(self._thread, self._commit, [write for write, _ in batch])
                self.trouble = None
            except sqlite3.Error as error:
                self.trouble = f"The disk does not take any more: {error}"
                failure = CannotKeep(self.trouble, retry_after_seconds=5)
            for _, written in batch:
                if failure is None:
                    written.set_result(None)
                else:
                    written.set_exception(failure)
                    # Nobody may be waiting any more.
                    written.exception()

    def _commit(self, writes: Iterable[Write]) -> None:
        with self._connection:
            for write in writes:
                write(self._connection)


def connect(path: Path) -> sqlite3.Connection:
    """Raises sqlite3.Error."""
    # Read when the hub starts, in another thread than it is written later; there is never more than one at a time.
    connection = sqlite3.connect(path, check_same_thread=False, timeout=5)
    connection.execute("PRAGMA journal_mode = WAL")
    # On the disk, not in its cache: the socket may be pulled.
    connection.execute("PRAGMA synchronous = FULL")
    connection.executescript(SCHEMA)
    path.chmod(0o600)
    return connection


def _rows(kept: Iterable[Kept]) -> list[tuple[str, tuple[str, str, bytes]]]:
    """As they are now: they may change before they are written, and then they are written again."""
    return [(TABLES[type(one)], (str(one.id), one.at.isoformat(), msgspec.json.encode(one))) for one in kept]


def _put_kept(connection: sqlite3.Connection, *, rows: list[tuple[str, tuple[str, str, bytes]]]) -> None:
    for table in TABLES.values():
        statement = f"INSERT OR REPLACE INTO {table} VALUES (?, ?, ?)"
        _many(connection, statement, [row for kind, row in rows if kind == table])


def _many(connection: sqlite3.Connection, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
    connection.executemany(statement, rows)
