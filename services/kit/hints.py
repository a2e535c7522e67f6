"""Hints between processes, over Valkey: "something changed here". Nobody may rely on one, so none is waited for."""

import asyncio
import secrets
from collections.abc import Callable
from contextlib import suppress
from uuid import UUID

import structlog
from prometheus_client import Gauge
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

log = structlog.get_logger()

DEAF = Gauge("parvis_hints_not_heard", "1 while this process does not hear what others change")

CHANNEL = "parvis:changed"
# A sale that commits a thousand times a second is ten hints a second.
PAUSE_SECONDS = 0.1
RETRY_SECONDS = 1.0
TIMEOUT_SECONDS = 1.0
# A server that vanished without a word is noticed when it does not answer.
CHECK_SECONDS = 5
ID_BYTES = 16
SENDER_BYTES = 8
IDS_PER_HINT = 1_000
GOES_AWAY = (RedisError, OSError, TimeoutError)


class Hints:
    """What changed in this process, told to the others, and heard from them.

    `tell` returns at once. The first change is sent at once, those of the next `PAUSE_SECONDS` together after it,
    however many there are. While Valkey is away nothing is kept for later.
    """

    def __init__(self, url: str) -> None:
        self._valkey = Redis.from_url(
            url,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        # A process knows its own changes before Valkey does.
        self._sender = secrets.token_bytes(SENDER_BYTES)
        self._untold: set[UUID] = set()
        self._telling: asyncio.Task[None] | None = None
        self._hearing: asyncio.Task[None] | None = None
        self._is_mute = False
        self._is_deaf = False

    def tell(self, establishment_id: UUID) -> None:
        self._untold.add(establishment_id)
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._tell())

    def hear(self, changed: Callable[[UUID | None], None]) -> None:
        """From now on `changed` is called with each establishment that another process tells of; with None when
        hints may have been lost.
        """
        self._hearing = asyncio.create_task(self._hear(changed))

    async def close(self) -> None:
        for task in (self._telling, self._hearing):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        with suppress(*GOES_AWAY):
            await self._valkey.aclose()

    async def _tell(self) -> None:
        while self._untold:
            ids = list(self._untold)
            self._untold.clear()
            try:
                for start in range(0, len(ids), IDS_PER_HINT):
                    part = b"".join(establishment.bytes for establishment in ids[start : start + IDS_PER_HINT])
                    await self._valkey.publish(CHANNEL, self._sender + part)
                self._is_mute = False
            except GOES_AWAY as error:
                if not self._is_mute:
                    log.warning("hints_not_told", cause=repr(error))
                self._is_mute = True
            await asyncio.sleep(RETRY_SECONDS if self._is_mute else PAUSE_SECONDS)

    async def _hear(self, changed: Callable[[UUID | None], None]) -> None:
        while True:
            try:
                async with self._valkey.pubsub() as channel:
                    await channel.subscribe(CHANNEL)
                    await self._listen(channel, changed)
            except Exception as error:  # noqa: BLE001 - whatever it was, hearing again is all that can be done
                if not self._is_deaf:
                    log.warning("hints_not_heard", cause=repr(error))
            self._is_deaf = True
            DEAF.set(1)
            await asyncio.sleep(RETRY_SECONDS)

    async def _listen(self, channel: PubSub, changed: Callable[[UUID | None], None]) -> None:
        """Raises `TimeoutError` when the server says nothing, not even when it is asked to."""
        asked = False
        while True:
            message = await channel.get_message(timeout=CHECK_SECONDS)
            if message is None:
                if asked:
                    raise TimeoutError
                asked = True
                await channel.ping()
                continue
            asked = False
            if message["type"] == "subscribe":
                # Also after a connection that broke and came back: what was told meanwhile is lost.
                self._is_deaf = False
                DEAF.set(0)
                changed(None)
            elif message["type"] == "message":
                for establishment_id in self._told(message["data"]):
                    changed(establishment_id)

    def _told(self, hint: bytes) -> list[UUID]:
        ids = hint[SENDER_BYTES:]
        if hint.startswith(self._sender) or len(ids) % ID_BYTES:
            return []
        return [UUID(bytes=ids[start : start + ID_BYTES]) for start in range(0, len(ids), ID_BYTES)]
