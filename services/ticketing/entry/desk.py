"""Where scans arrive: the code is read and verified here, then the scan leaves with its batch."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final, TypeVar
from uuid import UUID

import msgspec

from services.inventory.contract import FindGauges, Inventory
from services.kit.batching import Batcher
from services.kit.clock import Clock
from services.kit.database import Database, violates
from services.kit.errors import Invalid
from services.kit.principal import Principal
from services.kit.recent import Recent
from services.ticketing.entry.actions import record_late_visitor, record_scans, record_upload
from services.ticketing.entry.codes import CodeReader
from services.ticketing.entry.locked import Bearings
from services.ticketing.entry.queries import read_bearings
from services.ticketing.entry.rebooking.places import return_now, take_place
from services.ticketing.entry.rebooking.rules import Late, LateVisitor
from services.ticketing.entry.requests import (
    MAX_UPLOADED,
    Asked,
    AskedScan,
    AskedUndo,
    DecidedScan,
    Decision,
    NewScan,
    NewUndo,
    Upload,
)
from services.ticketing.entry.rules import clock_correction, deciding_time
from services.ticketing.entry.views import UndoAnswer, Undone, UploadAnswer, UploadedScan
from services.ticketing.orders.posting.actions import OrderSettled

T = TypeVar("T")
BEARINGS_MAX_AGE_SECONDS: Final = 1.0


class EntryDesk:
    """Scans of one establishment leave in batches, one transaction each; an upload is a batch of its own."""

    def __init__(self, database: Database, clock: Clock, inventory: Inventory | None = None) -> None:
        """Without an inventory, no gauge counts who is inside, and nobody is rebooked."""
        self._database = database
        self._clock = clock
        self._inventory = inventory
        self._codes = CodeReader(database)
        self._bearings: Recent[UUID, Bearings] = Recent(self._load_bearings, max_age_seconds=BEARINGS_MAX_AGE_SECONDS)
        self._scanning: Batcher[UUID, AskedScan, bytes] = Batcher("scan", self._record)

    async def scan(self, principal: Principal, scan: NewScan) -> bytes:
        """The answer as JSON, the same to the byte when the scan is repeated.

        Raises `Invalid` for an unknown gate, `Conflict` when the id belongs to another scan.
        """
        scanned_at = _in_utc(scan.scanned_at, "/scanned_at")
        asked = AskedScan(
            scan=msgspec.structs.replace(scan, scanned_at=scanned_at),
            code=await self._codes.read(principal.tenant, scan.code),
            actor=principal.actor,
            device_gate_ids=principal.gate_ids,
            at=deciding_time(scanned_at, self._clock.now(), offline=scan.offline),
            may_move=self._inventory is not None and not scan.offline,
        )
        try:
            return await self._scanning.submit(principal.tenant, asked)
        except LateVisitor as visitor:
            return await self._rebook(principal.tenant, asked, visitor.late)

    async def upload(self, principal: Principal, upload: Upload) -> UploadAnswer:
        """Records what a scanner decided by itself. One that cannot be recorded does not keep the others out."""
        if len(upload.scans) + len(upload.undos) > MAX_UPLOADED:
            raise Invalid.field("/scans", f"At most {MAX_UPLOADED} scans and undos at once.")
        now = self._clock.now()
        correction = clock_correction(_in_utc(upload.sent_at, "/sent_at"), now)
        moment = partial(_corrected, correction=correction, now=now)
        scans, undos = [], []
        odd = [UploadedScan(id=one.id, outcome="invalid", detail=one.detail) for one in upload.odd_scans]
        odd_undos = [Undone(one.id, "invalid", one.detail) for one in upload.odd_undos]
        for scan in upload.scans:
            try:
                scans.append(await self._decided(principal, scan, moment))
            except Invalid as error:
                odd.append(UploadedScan(id=scan.id, outcome="invalid", detail=str(error)))
        for undo in upload.undos:
            try:
                undos.append(_asked_undo(principal, undo.scan_id, undo, moment(undo.undone_at, "/undone_at")))
            except Invalid as error:
                odd_undos.append(Undone(undo.id, "invalid", str(error)))
        answer = await self._upload(principal.tenant, Asked(scans, undos))
        return UploadAnswer(scans=[*answer.scans, *odd], undos=[*answer.undos, *odd_undos])

    async def undo(self, principal: Principal, scan_id: UUID, undo: NewUndo) -> UndoAnswer:
        """Takes a passage back. Raises `NotFound` for a scan that did not arrive here, `Forbidden` for one of a gate
        that is not the scanner's, `Conflict` when the id belongs to another undo.
        """
        at = min(_in_utc(undo.undone_at, "/undone_at"), self._clock.now())
        asked = msgspec.structs.replace(_asked_undo(principal, scan_id, undo, at), kept_for_later=False)
        [undone] = (await self._upload(principal.tenant, Asked([], [asked]))).undos
        return UndoAnswer(undone.id, scan_id, "undone" if undone.outcome == "undone" else "not_admitted")

    async def close(self) -> None:
        """Answers what was accepted. The database belongs to whoever gave it."""
        await self._scanning.close()

    async def _rebook(self, tenant: UUID, asked: AskedScan, late: Late) -> bytes:
        """First the new place; then, in one transaction, the ticket moves there and is admitted."""
        asked = msgspec.structs.replace(asked, may_move=False)
        inventory = self._inventory
        place = await take_place(inventory, tenant, asked.scan.id, late) if inventory else None
        if inventory is None or place is None:
            return await self._scanning.submit(tenant, asked)
        bearings = await self._bearings.get(tenant)
        try:
            rebooked = await self._twice(
                lambda: self._database.write(
                    tenant, lambda session: record_late_visitor(session, tenant, asked, bearings, place)
                )
            )
        except OrderSettled:
            return await self._scanning.submit(tenant, asked)
        await return_now(self._database, inventory, tenant, rebooked.returned)
        return rebooked.answer

    async def _decided(
        self, principal: Principal, scan: DecidedScan, moment: Callable[[datetime, str], datetime]
    ) -> AskedScan:
        return AskedScan(
            scan=NewScan(
                id=scan.id,
                code=scan.code,
                gate_id=scan.gate_id,
                scanned_at=_in_utc(scan.scanned_at, "/scanned_at"),
                direction=scan.direction,
                offline=True,
                override_reason=scan.override_reason,
            ),
            code=await self._codes.read(principal.tenant, scan.code),
            actor=principal.actor,
            device_gate_ids=principal.gate_ids,
            at=moment(scan.scanned_at, "/scanned_at"),
            decision=Decision(scan.outcome, scan.reason if scan.outcome == "refused" else None),
        )

    async def _load_bearings(self, establishment_id: UUID) -> Bearings:
        bearings = await self._database.read(establishment_id, lambda session: read_bearings(session, establishment_id))
        if self._inventory is None:
            return bearings
        gauges = await self._inventory.find_gauges(FindGauges(establishment_id))
        counting = {gauge.id: gauge.capacity for gauge in gauges if gauge.per == "inside"}
        return msgspec.structs.replace(bearings, max_inside=counting)

    async def _record(self, establishment_id: UUID, asked: Sequence[AskedScan]) -> Sequence[bytes | Exception]:
        return await self._twice(lambda: self._record_once(establishment_id, asked))

    async def _record_once(self, establishment_id: UUID, asked: Sequence[AskedScan]) -> Sequence[bytes | Exception]:
        bearings = await self._bearings.get(establishment_id)
        return await self._database.write(
            establishment_id, lambda session: record_scans(session, establishment_id, Asked(list(asked)), bearings)
        )

    async def _upload(self, establishment_id: UUID, asked: Asked) -> UploadAnswer:
        bearings = await self._bearings.get(establishment_id)
        return await self._twice(
            lambda: self._database.write(
                establishment_id, lambda session: record_upload(session, establishment_id, asked, bearings)
            )
        )

    async def _twice(self, record: Callable[[], Awaitable[T]]) -> T:
        try:
            return await record()
        except Exception as error:
            if not (violates(error, "pk_scans") or violates(error, "pk_scan_undos")):
                raise
            # Another process answered one of these scans between our look and our write; now we see its answer.
            return await record()


def _asked_undo(principal: Principal, scan_id: UUID, undo: NewUndo, at: datetime) -> AskedUndo:
    return AskedUndo(
        id=undo.id,
        scan_id=scan_id,
        reason=undo.reason,
        actor=principal.actor,
        at=at,
        device_gate_ids=principal.gate_ids,
    )


def _in_utc(moment: datetime, pointer: str) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise Invalid.field(pointer, "No calendar holds this moment.") from None


def _corrected(moment: datetime, pointer: str, *, correction: timedelta, now: datetime) -> datetime:
    """A moment of a device's clock by ours. Nothing that is reported lies in the future."""
    try:
        return min(_in_utc(moment, pointer) + correction, now)
    except OverflowError:
        raise Invalid.field(pointer, "No calendar holds this moment.") from None
