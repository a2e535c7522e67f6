"""Where attendance is asked for and watched: counted once for all who look at a day at the same time."""

import asyncio
import weakref
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import date
from time import monotonic
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from prometheus_client import Gauge as Metric

from services.inventory.contract import FindGauges, Gauge, Inventory
from services.kit.clock import Clock
from services.kit.database import Database
from services.kit.errors import Unauthenticated, Unavailable
from services.kit.principal import Principal
from services.kit.recent import Recent
from services.ticketing.catalog.queries import Catalogues
from services.ticketing.entry.attendance.queries import Mark, check_key, count_day, read_mark
from services.ticketing.entry.attendance.rules import Counts, attendance, places_of
from services.ticketing.entry.attendance.views import Attendance
from services.ticketing.entry.passes.rules import read_day
from services.ticketing.establishments.queries import Establishment, Establishments

WATCHING = Metric("parvis_attendance_streams", "Streams of attendance that are open in this process")

MARK_MAX_AGE_SECONDS: Final = 0.5
# Names and limits, which the mark does not tell of.
VIEW_MAX_AGE_SECONDS: Final = 1.0
# Nothing changes while the mark is the same; this only bounds how long a mistake about that would last.
COUNTS_MAX_AGE_SECONDS: Final = 30.0
LOOK_SECONDS: Final = 0.4
EVENT_SECONDS: Final = 1.0
# Proxies give up on silence after fifteen seconds or more, our own gateway among them.
HEARTBEAT_SECONDS: Final = 10.0
RECONNECT_MILLISECONDS: Final = 2_000
# Each holds a connection between gateway and service where these are apart.
STREAMS_MAX: Final = 100
STREAMS_OF_ONE_MAX: Final = 20
KEPT_MAX: Final = 200
_KEY: Final = "key:"
_Day = tuple[UUID, date, Mark]


class Counted(msgspec.Struct, frozen=True):
    """`body` is the attendance as JSON."""

    attendance: Attendance
    body: bytes


class AttendanceDesk:
    def __init__(
        self,
        database: Database,
        inventory: Inventory,
        *,
        clock: Clock,
        establishments: Establishments,
        catalogues: Catalogues,
    ) -> None:
        self._database = database
        self._inventory = inventory
        self._clock = clock
        self._establishments = establishments
        self._catalogues = catalogues
        self._marks: Recent[UUID, Mark] = Recent(self._load_mark, max_age_seconds=MARK_MAX_AGE_SECONDS)
        self._gauges: Recent[UUID, list[Gauge]] = Recent(self._load_gauges, max_age_seconds=VIEW_MAX_AGE_SECONDS)
        self._good_keys: Recent[tuple[UUID, UUID], bool] = Recent(self._check_key, max_age_seconds=VIEW_MAX_AGE_SECONDS)
        self._counts: Recent[_Day, Counts] = Recent(
            self._count, max_age_seconds=COUNTS_MAX_AGE_SECONDS, max_entries=KEPT_MAX
        )
        self._views: Recent[_Day, Counted] = Recent(
            self._view, max_age_seconds=VIEW_MAX_AGE_SECONDS, max_entries=KEPT_MAX
        )
        self._streams: Counter[UUID] = Counter()
        self._closing = asyncio.Event()

    async def attendance(self, principal: Principal, day: str | None = None) -> Counted:
        """No `day` is today, by the establishment's clock. At most a second old.

        Raises `Invalid` for a day that cannot be, `Unauthenticated` once the key of the principal is no longer good.
        """
        await self._check(principal)
        tenant = principal.tenant
        asked = read_day(day) if day is not None else await self._today(tenant)
        return await self._views.get((tenant, asked, await self._marks.get(tenant)))

    async def stream(self, principal: Principal, day: str | None = None) -> AsyncIterator[bytes]:
        """Server-sent events: the attendance at once, then whenever it changed, until the key is no longer good.

        Without a `day`, today's even after midnight. Raises what `attendance` raises, and `Unavailable` when this
        process has too many streams already, in all or of this establishment.
        """
        # Whoever may not look is told so before the stream begins.
        now, tenant = await self.attendance(principal, day), principal.tenant
        if self._streams.total() >= STREAMS_MAX or self._streams[tenant] >= STREAMS_OF_ONE_MAX:
            raise Unavailable("Too many watch the attendance at this moment: ask for it now and then instead.")
        place = _Place(self._streams, tenant)
        events = self._events(principal, day, now, place)
        # Also for a watcher who leaves before the first event, of whom the generator would never hear.
        weakref.finalize(events, place.leave)
        return events

    async def establishment(self, principal: Principal) -> Establishment:
        return await self._establishments.get(principal.tenant)

    def close(self) -> None:
        """Ends the streams."""
        self._closing.set()

    async def _events(
        self, principal: Principal, day: str | None, now: Counted, place: "_Place"
    ) -> AsyncIterator[bytes]:
        try:
            yield b"retry: %d\n\n" % RECONNECT_MILLISECONDS + _event(now)
            async for event in self._changes(principal, day, now):
                yield event
        finally:
            place.leave()

    async def _changes(self, principal: Principal, day: str | None, told: Counted) -> AsyncIterator[bytes]:
        told_at = monotonic()
        # Who watches connects again when the stream ends, and is told then why it did.
        with suppress(Unauthenticated, Unavailable):
            while not await self._is_closing():
                now, silence = await self.attendance(principal, day), monotonic() - told_at
                if now.body != told.body and silence >= EVENT_SECONDS:
                    yield _event(now)
                    told, told_at = now, monotonic()
                elif silence >= HEARTBEAT_SECONDS:
                    yield b": nothing new\n\n"
                    told_at = monotonic()

    async def _is_closing(self) -> bool:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), LOOK_SECONDS)
        return self._closing.is_set()

    async def _check(self, principal: Principal) -> None:
        if principal.actor.startswith(_KEY):
            await self._good_keys.get((principal.tenant, UUID(principal.actor.removeprefix(_KEY))))

    async def _today(self, tenant: UUID) -> date:
        establishment = await self._establishments.get(tenant)
        return self._clock.now().astimezone(ZoneInfo(establishment.timezone)).date()

    async def _load_mark(self, tenant: UUID) -> Mark:
        return await self._database.read(tenant, lambda session: read_mark(session, tenant))

    async def _load_gauges(self, tenant: UUID) -> list[Gauge]:
        """Those that count who is inside."""
        gauges = await self._inventory.find_gauges(FindGauges(tenant))
        return [gauge for gauge in gauges if gauge.per == "inside"]

    async def _check_key(self, key: tuple[UUID, UUID]) -> bool:
        await self._database.read(key[0], lambda session: check_key(session, *key))
        return True

    async def _count(self, key: _Day) -> Counts:
        tenant, day, _ = key
        catalogue, gauges = await self._catalogues.get(tenant), await self._gauges.get(tenant)
        places = places_of(tenant, catalogue.venues.values(), day)
        gauge_ids = [gauge.id for gauge in gauges]
        return await self._database.read(tenant, lambda session: count_day(session, tenant, places, day, gauge_ids))

    async def _view(self, key: _Day) -> Counted:
        tenant, day, _ = key
        counts = await self._counts.get(key)
        catalogue = await self._catalogues.get(tenant)
        made = attendance(day, counts, catalogue, await self._gauges.get(tenant))
        return Counted(made, msgspec.json.encode(made))


class _Place:
    """One of the streams of an establishment, counted from its beginning until it is left, once."""

    def __init__(self, streams: Counter[UUID], tenant: UUID) -> None:
        self._streams = streams
        self._tenant = tenant
        self._is_taken = True
        streams[tenant] += 1
        WATCHING.inc()

    def leave(self) -> None:
        if self._is_taken:
            self._is_taken = False
            self._streams[self._tenant] -= 1
            # Zeros are of no use.
            self._streams += Counter()
            WATCHING.dec()


def _event(counted: Counted) -> bytes:
    return b"event: attendance\ndata: " + counted.body + b"\n\n"
