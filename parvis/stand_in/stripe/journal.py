"""Carries the books over a restart: one SQLite row per object, written together at the end of each call."""

import sqlite3
from pathlib import Path


class Journal:
    def __init__(self, path: Path | None) -> None:
        self._changed: dict[tuple[str, str], bytes | None] = {}
        self._connection = None if path is None else _open(path)

    def rows(self, kind: str) -> list[bytes]:
        """Oldest first."""
        if self._connection is None:
            return []
        query = "SELECT body FROM objects WHERE kind = ? ORDER BY rowid"
        return [body for (body,) in self._connection.execute(query, (kind,))]

    def note(self, kind: str, object_id: str, body: bytes | None) -> None:
        """Remembers a change until `flush`; no body means that the object is gone."""
        if self._connection is not None:
            self._changed[kind, object_id] = body

    def flush(self) -> None:
        if self._connection is None or not self._changed:
            return
        written = [(*key, body) for key, body in self._changed.items() if body is not None]
        removed = [key for key, body in self._changed.items() if body is None]
        with self._connection:
            # An upsert keeps the rowid and so the order of creation; REPLACE would move the row to the end.
            self._connection.executemany(
                "INSERT INTO objects (kind, id, body) VALUES (?, ?, ?) "
                "ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body",
                written,
            )
            self._connection.executemany("DELETE FROM objects WHERE kind = ? AND id = ?", removed)
        self._changed.clear()

    def close(self) -> None:
        self.flush()
        if self._connection is not None:
            self._connection.close()


def _open(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Litestar may run start and stop in another thread than the calls; there is never more than one at a time.
    connection = sqlite3.connect(path, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("CREATE TABLE IF NOT EXISTS objects (kind TEXT, id TEXT, body BLOB, PRIMARY KEY (kind, id))")
    return connection
