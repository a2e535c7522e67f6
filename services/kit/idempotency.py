"""The first answer again, byte for byte, to a request that is repeated with its Idempotency-Key.

The key is written in the same transaction as the effect: both are there or neither is. Answers may hold secrets
(a new API key, an order's access token), so they are sealed at rest. A refused request had no effect and is not
remembered: repeating it may succeed.
"""

import hashlib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import cached_property
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from services.kit.database import Database, ReadSession, WriteSession
from services.kit.errors import IdempotencyInProgress, IdempotencyKeyReused
from services.kit.sealing import Sealer
from services.kit.tenancy import establishment_column

KEPT_FOR = timedelta(hours=24)


class IdempotencyKey(msgspec.Struct, frozen=True, dict=True):
    """`scope` separates clients, so that nobody can fetch another's answer with a guessed key."""

    scope: str
    key: str
    fingerprint: bytes

    @cached_property
    def hashed(self) -> bytes:
        return hashlib.sha256(f"{self.scope}\n{self.key}".encode()).digest()


class Answer(msgspec.Struct, frozen=True):
    status: int
    body: bytes


def idempotency_table(metadata: sa.MetaData) -> sa.Table:
    return sa.Table(
        "idempotency_keys",
        metadata,
        establishment_column(),
        sa.Column("key_hash", sa.LargeBinary, primary_key=True),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("status", sa.SmallInteger, nullable=False),
        sa.Column("sealed_body", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Index(None, "establishment_id", "created_at"),
    )


class OnceOnly:
    """Runs an action at most once per Idempotency-Key of an establishment."""

    def __init__(self, database: Database, table: sa.Table, sealer: Sealer) -> None:
        self._database = database
        self._table = table
        self._sealer = sealer
        self._running: set[tuple[UUID, bytes]] = set()

    async def answer(
        self,
        establishment_id: UUID,
        key: IdempotencyKey | None,
        action: Callable[[WriteSession], Awaitable[Answer]],
    ) -> Answer:
        """Raises `IdempotencyKeyReused` for another request, `IdempotencyInProgress` while the first one runs."""
        if key is None:
            return await self.record(establishment_id, None, action)
        with self.running(establishment_id, key):
            return await self.record(establishment_id, key, action)

    async def record(
        self,
        establishment_id: UUID,
        key: IdempotencyKey | None,
        action: Callable[[WriteSession], Awaitable[Answer]],
    ) -> Answer:
        """As `answer`, for a caller that has marked the key as `running` itself."""
        if key is None:
            return await self._database.write(establishment_id, action)
        return await self._database.write(
            establishment_id, lambda session: self._once(session, establishment_id, key, action)
        )

    def running(self, establishment_id: UUID, key: IdempotencyKey) -> "_Running":
        """Marks the key as being worked on in this process while the `with` block lasts."""
        return _Running(self._running, (establishment_id, key.hashed))

    def seal(self, key: IdempotencyKey, body: bytes) -> bytes:
        return self._sealer.seal(body, key.hashed)

    def replay(self, key: IdempotencyKey, fingerprint: bytes, status: int, sealed_body: bytes) -> Answer:
        """The stored answer, if it was given to the same request."""
        if fingerprint != key.fingerprint:
            raise IdempotencyKeyReused("Use a new key for a new request, or send the first body again.")
        return Answer(status=status, body=self._sealer.open(sealed_body, key.hashed))

    async def replayed(self, establishment_id: UUID, key: IdempotencyKey) -> Answer | None:
        """The answer given before, if there is one: for steps that must not run again before `answer` does."""
        return await self._database.read(establishment_id, lambda session: self.stored(session, establishment_id, key))

    async def stored(self, session: ReadSession, establishment_id: UUID, key: IdempotencyKey) -> Answer | None:
        table = self._table
        row = await session.first(
            sa.select(table.c.fingerprint, table.c.status, table.c.sealed_body).where(
                table.c.establishment_id == establishment_id, table.c.key_hash == key.hashed
            )
        )
        return self.replay(key, row.fingerprint, row.status, row.sealed_body) if row else None

    async def remember(
        self, session: WriteSession, establishment_id: UUID, key: IdempotencyKey, answer: Answer
    ) -> None:
        await session.run(
            sa.update(self._table)
            .where(self._table.c.establishment_id == establishment_id, self._table.c.key_hash == key.hashed)
            .values(status=answer.status, sealed_body=self.seal(key, answer.body))
        )

    async def claim(self, session: WriteSession, establishment_id: UUID, key: IdempotencyKey) -> bool:
        """Inserts the key. A second transaction with the same key waits here until the first one ended."""
        claimed = await session.run(
            insert(self._table)
            .values(
                establishment_id=establishment_id,
                key_hash=key.hashed,
                fingerprint=key.fingerprint,
                status=0,
                sealed_body=b"",
            )
            .on_conflict_do_nothing()
        )
        return claimed == 1

    async def _once(
        self,
        session: WriteSession,
        establishment_id: UUID,
        key: IdempotencyKey,
        action: Callable[[WriteSession], Awaitable[Answer]],
    ) -> Answer:
        if not await self.claim(session, establishment_id, key):
            stored = await self.stored(session, establishment_id, key)
            if stored is None:
                raise IdempotencyInProgress
            return stored
        answer = await action(session)
        await self.remember(session, establishment_id, key, answer)
        return answer


class _Running:
    def __init__(self, running: set[tuple[UUID, bytes]], mark: tuple[UUID, bytes]) -> None:
        self._running = running
        self._mark = mark

    def __enter__(self) -> None:
        if self._mark in self._running:
            raise IdempotencyInProgress("Wait for its answer, then repeat if you did not get it.")
        self._running.add(self._mark)

    def __exit__(self, *_: object) -> None:
        self._running.discard(self._mark)
