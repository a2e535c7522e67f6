"""Inventory in the same process: opens the transaction and calls the action."""

from collections.abc import Sequence
from uuid import UUID

from services.inventory.calendars.queries import find_closed_slots
from services.inventory.contract import (
    ConfirmHold,
    ExtendHold,
    FindClosedSlots,
    FindGauges,
    FindPlaces,
    FindSales,
    FindSlots,
    Gauge,
    Hold,
    NotEnoughPlaces,
    PlaceHold,
    ReturnPlaces,
    Schedule,
    Slot,
    SlotPlaces,
    SoldHold,
    SoldOut,
)
from services.inventory.holds import actions as holds
from services.inventory.holds.actions import EXPIRED_PER_SWEEP
from services.inventory.holds.queries import find_sales
from services.inventory.slots.actions import put_schedule
from services.inventory.slots.queries import find_gauges, find_places, find_slots
from services.kit.batching import Batcher
from services.kit.database import Database, UniqueViolation, WriteSession, violates


class InProcessInventory:
    """Holds and confirmations of one establishment leave in batches; everything else is a transaction each."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._placing: Batcher[UUID, PlaceHold, Hold] = Batcher("hold", self._place)
        self._confirming: Batcher[UUID, ConfirmHold, Hold] = Batcher("confirm_hold", self._confirm)

    async def put_schedule(self, schedule: Schedule) -> None:
        await self._database.write(schedule.establishment_id, lambda session: put_schedule(session, schedule))

    async def find_slots(self, query: FindSlots) -> list[Slot]:
        return await self._database.read(query.establishment_id, lambda session: find_slots(session, query))

    async def find_places(self, query: FindPlaces) -> list[SlotPlaces]:
        return await self._database.read(query.establishment_id, lambda session: find_places(session, query))

    async def place_hold(self, request: PlaceHold) -> Hold:
        if request.replaces is None:
            return await self._placing.submit(request.establishment_id, request)
        try:
            return await self._replace(request, request.replaces)
        except (SoldOut, NotEnoughPlaces):
            await self._expire_for([request])
            return await self._replace(request, request.replaces)

    async def extend_hold(self, request: ExtendHold) -> Hold:
        return await self._database.write(request.establishment_id, lambda session: holds.extend_hold(session, request))

    async def confirm_hold(self, request: ConfirmHold) -> Hold:
        return await self._confirming.submit(request.establishment_id, request)

    async def return_places(self, request: ReturnPlaces) -> Hold:
        return await self._database.write(
            request.establishment_id, lambda session: holds.return_places(session, request)
        )

    async def find_sales(self, query: FindSales) -> list[SoldHold]:
        return await self._database.read(query.establishment_id, lambda session: find_sales(session, query))

    async def find_closed_slots(self, query: FindClosedSlots) -> list[UUID]:
        return await self._database.read(query.establishment_id, lambda session: find_closed_slots(session, query))

    async def find_gauges(self, query: FindGauges) -> list[Gauge]:
        return await self._database.read(query.establishment_id, lambda session: find_gauges(session, query))

    async def close(self) -> None:
        """Answers what was accepted, then closes the connections."""
        await self._placing.close()
        await self._confirming.close()
        await self._database.close()

    async def _place(self, establishment_id: UUID, requests: Sequence[PlaceHold]) -> Sequence[Hold | Exception]:
        placed = await self._place_once(establishment_id, requests)
        short = [index for index, reply in enumerate(placed.replies) if isinstance(reply, (SoldOut, NotEnoughPlaces))]
        if not short or not placed.some_expired:
            return placed.replies
        replies = list(placed.replies)
        ended = EXPIRED_PER_SWEEP
        while short and ended == EXPIRED_PER_SWEEP:
            ended = await self._expire_for([requests[index] for index in short])
            again = await self._place_once(establishment_id, [requests[index] for index in short])
            for index, reply in zip(short, again.replies, strict=True):
                replies[index] = reply
            short = [index for index in short if isinstance(replies[index], (SoldOut, NotEnoughPlaces))]
        return replies

    async def _expire_for(self, requests: Sequence[PlaceHold]) -> int:
        """Places of holds whose time is over are free: a refusal while they are still counted would be a lie."""
        establishment_id = requests[0].establishment_id
        return await self._database.write(
            establishment_id,
            lambda session: holds.expire_holds(session, establishment_id, in_the_way_of=requests),
        )

    async def _replace(self, request: PlaceHold, replaced: UUID) -> Hold:
        return await self._database.write(
            request.establishment_id, lambda session: holds.replace_hold(session, request, replaced)
        )

    async def _place_once(self, establishment_id: UUID, requests: Sequence[PlaceHold]) -> holds.Placed:
        async def action(session: WriteSession) -> holds.Placed:
            return await holds.place_holds(session, establishment_id, requests)

        try:
            return await self._database.write(establishment_id, action)
        except UniqueViolation as error:
            if not (violates(error, "pk_holds") or violates(error, "pk_hold_lines")):
                raise
            # Another process placed one of these holds while we waited for the lock; now we see it.
            return await self._database.write(establishment_id, action)

    async def _confirm(self, establishment_id: UUID, requests: Sequence[ConfirmHold]) -> Sequence[Hold | Exception]:
        return await self._database.write(
            establishment_id, lambda session: holds.confirm_holds(session, establishment_id, requests)
        )
