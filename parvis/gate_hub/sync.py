"""Keeps hub and instance of one mind while there is a way between them: what was recorded goes up, what others did
comes down. Every step may be repeated.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from time import monotonic
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from parvis.gate_hub.clock import HubClock
from parvis.gate_hub.instance import Away, Denied, HubGate, Instance
from parvis.gate_hub.journal import CannotKeep, Journal
from parvis.gate_hub.kept import Kept, KeptScan, KeptUndo, Place
from parvis.gate_hub.memory import Memory
from services.ticketing.entry.requests import DecidedScan, DecidedUndo, Upload

PAUSE_SECONDS: Final = 2.0
# What was just recorded is told at once, a few at a time.
HASTE_SECONDS: Final = 0.2
TELL_SECONDS: Final = 60.0
BATCH: Final = 200
MAX_PAGES: Final = 500
NIGHT_ENDS_HOUR: Final = 5
KEPT: Final = timedelta(days=2)


class Sync:
    """`last_contact`: when a whole round was done. `away`: why there is none now. `conflicts`: of what went up."""

    def __init__(
        self, memory: Memory, journal: Journal, instance: Instance, clock: HubClock, gates: Sequence[HubGate]
    ) -> None:
        self._memory = memory
        self._journal = journal
        self._instance = instance
        self._clock = clock
        self._gates = {gate.venue_id: gate for gate in gates}
        self.timezone = ZoneInfo("UTC")
        self._wake = asyncio.Event()
        self._told_at, self._told = -TELL_SECONDS, -1
        every: list[Kept] = [*memory.scans.values(), *memory.undos.values()]
        self.pending: dict[UUID, Kept] = {one.id: one for one in every if one.state in {"new", "pending"}}
        self._acknowledged: dict[UUID, Kept] = {one.id: one for one in every if one.state == "acknowledged"}
        self.invalid = sum(one.state == "invalid" for one in every)
        self.conflicts = 0
        self.last_contact: datetime | None = None
        self.away: str | None = "Not yet reached."

    @property
    def is_online(self) -> bool:
        return self.away is None

    def use_timezone(self, name: str) -> None:
        self.timezone = ZoneInfo(name)

    def recorded(self, kept: Sequence[Kept]) -> None:
        """On the disk, and to be told."""
        for one in kept:
            if one.state == "new":
                one.state = "pending"
                self.pending[one.id] = one
            elif one.state == "included":
                self._acknowledged.pop(one.id, None)
        if self.pending:
            self._wake.set()

    async def run(self, changed: Callable[[], None]) -> None:
        """For ever. Raises `Revoked`."""
        while True:
            try:
                await self.round()
                self.away = None
            except (Away, Denied) as error:
                self.away = str(error)
            except CannotKeep as error:
                self.away = error.detail
            changed()
            await asyncio.sleep(HASTE_SECONDS)
            with contextlib.suppress(TimeoutError):
                # Away, haste helps nobody.
                async with asyncio.timeout(PAUSE_SECONDS - HASTE_SECONDS):
                    await (self._wake.wait() if self.is_online else asyncio.Event().wait())

    async def round(self) -> None:
        """Raises `Away`, `Denied`, `Revoked`, `CannotKeep`."""
        self._wake.clear()
        await self.push()
        await self.pull()
        await self._tell()
        self.last_contact = self._clock.now()
        offset = str(self._clock.offset.total_seconds())
        await self._journal.note(offset=offset, last_contact=self.last_contact.isoformat())

    async def push(self) -> None:
        while self.pending:
            batch = list(self.pending.values())[:BATCH]
            try:
                await self._upload(batch)
            except Denied:
                # One of them is poison: the others must not wait for it.
                for one in batch:
                    await self._upload_alone(one)

    async def pull(self) -> None:
        acknowledged = list(self._acknowledged.values())
        for venue_id, gate in self._gates.items():
            for date in self.dates():
                await self._pull_place(Place(venue_id, date), gate.id)
        included = self._memory.include(acknowledged)
        if included:
            await self._journal.keep(included)
            for one in included:
                self._acknowledged.pop(one.id, None)
        await self._tidy()

    def dates(self) -> list[str]:
        """Today; the day before until its night is over; and tomorrow, for who opens without a network."""
        now = self._clock.now().astimezone(self.timezone)
        first = -1 if now.hour < NIGHT_ENDS_HOUR else 0
        return [(now.date() + timedelta(days=day)).isoformat() for day in range(first, 2)]

    async def _pull_place(self, place: Place, gate_id: UUID) -> None:
        for _ in range(MAX_PAGES):
            known = self._memory.directory.passes.get(place)
            cursor = known.cursor if known else None
            try:
                page, seconds = await self._instance.entry_pass(place, gate_id, cursor)
            except Denied:
                if known is None or cursor is None:
                    raise
                # The instance went back to a backup, or the day has other bounds now: all anew.
                known.cursor = None
                continue
            self._clock.learn(page.server_time, seconds)
            included = self._memory.apply(place, page)
            known = self._memory.directory.passes[place]
            await self._journal.keep_page(place, known, page.tickets, included)
            for one in included:
                self._acknowledged.pop(one.id, None)
            if not page.more:
                return

    async def _upload(self, batch: Sequence[Kept]) -> None:
        scans = [_scan(one) for one in batch if isinstance(one, KeptScan)]
        undos = [_undo(one) for one in batch if isinstance(one, KeptUndo)]
        answer = await self._instance.upload(Upload(self._clock.now(), scans, undos))
        said = {one.id: one.outcome for one in answer.scans} | {one.id: one.outcome for one in answer.undos}
        self.conflicts += sum(one.conflict is not None for one in answer.scans)
        settled = [one for one in batch if one.id in said]
        if not settled:
            raise Away("It acknowledges nothing.")
        # A scanner may have more to say about one of them meanwhile: then that goes up next.
        settled = [one for one in settled if self.pending.get(one.id) is one]
        for one in settled:
            self._settle(one, is_invalid=said[one.id] == "invalid")
        await self._journal.keep(settled)

    async def _upload_alone(self, one: Kept) -> None:
        try:
            await self._upload([one])
        except Denied:
            self._settle(one, is_invalid=True)
            await self._journal.keep([one])

    def _settle(self, one: Kept, *, is_invalid: bool) -> None:
        self.pending.pop(one.id, None)
        if is_invalid:
            # Whoever passed is inside all the same, so it goes on to count here.
            one.state = "invalid"
            self.invalid += 1
            return
        one.state = "acknowledged"
        self._acknowledged[one.id] = one
        if isinstance(one, KeptScan):
            one.code = ""

    async def _tell(self) -> None:
        waiting = len(self.pending)
        if monotonic() - self._told_at < TELL_SECONDS and waiting == self._told:
            return
        await self._instance.tell(waiting)
        self._told_at, self._told = monotonic(), waiting

    async def _tidy(self) -> None:
        places = self._memory.keep_only(self.dates())
        if not places:
            return
        before = self._clock.now() - KEPT
        scans = self._memory.forget_before(before)
        undos = [one.id for one in self._memory.undos.values() if one.at < before and one.state == "included"]
        await self._journal.forget(places, scans, undos)


def _scan(kept: KeptScan) -> DecidedScan:
    return DecidedScan(
        id=kept.id,
        code=kept.code,
        gate_id=kept.gate_id,
        scanned_at=kept.at,
        outcome=kept.outcome,
        direction=kept.direction,
        reason=kept.reason,
        override_reason=kept.override_reason,
    )


def _undo(kept: KeptUndo) -> DecidedUndo:
    return DecidedUndo(id=kept.id, reason=kept.reason, undone_at=kept.at, scan_id=kept.scan_id)
