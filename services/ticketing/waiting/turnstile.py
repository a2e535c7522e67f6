"""Lets those who wait go first: what came back on a slot with a line is not sold past it in the seconds before it is
offered.

It stands before inventory wherever visitors buy. A slot for which nobody waits costs it nothing but a look into memory.
"""

from functools import partial
from uuid import UUID

import msgspec

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
    HoldEnded,
    Inventory,
    NotEnoughPlaces,
    PlaceHold,
    ReturnPlaces,
    Schedule,
    Slot,
    SlotPlaces,
    SoldHold,
    SoldOut,
    UnknownHold,
)
from services.kit.clock import Clock
from services.kit.database import Database, ReadSession
from services.kit.recent import Recent
from services.ticketing.orders.checkout import Resources
from services.ticketing.waiting.queries import front_of_lines, list_wishes, served_lately
from services.ticketing.waiting.rules import MAX_PLACES, Room, Wish

# If no worker serves the lines, places must not stay empty for their sake.
SERVED_WITHIN_SECONDS = 30
WISHES_MAX_AGE_SECONDS = 1
# A sold-out slot is asked for by thousands: they share one question.
PLACES_MAX_AGE_SECONDS = 0.05
MOST_AHEAD = 500


class Turnstile:
    """The contract of inventory, with one refusal more."""

    def __init__(self, inventory: Inventory, database: Database, clock: Clock) -> None:
        self._inventory = inventory
        self._database = database
        self._clock = clock
        self._wishes: Recent[UUID, list[Wish]] = Recent(self._load_wishes, max_age_seconds=WISHES_MAX_AGE_SECONDS)
        self._left: Recent[tuple[UUID, UUID], int | None] = Recent(
            self._load_left, max_age_seconds=PLACES_MAX_AGE_SECONDS
        )

    async def place_hold(self, request: PlaceHold) -> Hold:
        tenant = request.establishment_id
        for line in request.lines if await self._wishes.get(tenant) else ():
            left = await self._left.get((tenant, line.slot_id))
            if left is None or line.quantity <= left or await self._is_known(request):
                continue
            refusal = NotEnoughPlaces if left else SoldOut
            raise refusal("What came back is being offered to those on the waiting list.", remaining=left)
        return await self._inventory.place_hold(request)

    async def put_schedule(self, schedule: Schedule) -> None:
        await self._inventory.put_schedule(schedule)

    async def find_slots(self, query: FindSlots) -> list[Slot]:
        return await self._inventory.find_slots(query)

    async def find_places(self, query: FindPlaces) -> list[SlotPlaces]:
        return await self._inventory.find_places(query)

    async def extend_hold(self, request: ExtendHold) -> Hold:
        return await self._inventory.extend_hold(request)

    async def confirm_hold(self, request: ConfirmHold) -> Hold:
        return await self._inventory.confirm_hold(request)

    async def return_places(self, request: ReturnPlaces) -> Hold:
        return await self._inventory.return_places(request)

    async def find_sales(self, query: FindSales) -> list[SoldHold]:
        return await self._inventory.find_sales(query)

    async def find_closed_slots(self, query: FindClosedSlots) -> list[UUID]:
        return await self._inventory.find_closed_slots(query)

    async def find_gauges(self, query: FindGauges) -> list[Gauge]:
        return await self._inventory.find_gauges(query)

    async def _is_known(self, request: PlaceHold) -> bool:
        """A request that is repeated has its places: it must get its first answer. Extending by less than it has
        left changes nothing, and tells whether the hold is there.
        """
        extension = ExtendHold(establishment_id=request.establishment_id, hold_id=request.hold_id, expires_in_seconds=1)
        try:
            await self._inventory.extend_hold(extension)
        except UnknownHold:
            return False
        except HoldEnded:
            return True
        return True

    async def _load_wishes(self, tenant: UUID) -> list[Wish]:
        async def load(session: ReadSession) -> list[Wish]:
            if not await served_lately(session, tenant, within_seconds=SERVED_WITHIN_SECONDS):
                return []
            return await list_wishes(session, tenant)

        return await self._database.read(tenant, load)

    async def _load_left(self, key: tuple[UUID, UUID]) -> int | None:
        """Places left on a slot for others once the line was served; None: nobody is waiting for what is free."""
        tenant, slot_id = key
        found = await self._inventory.find_places(FindPlaces(tenant, slot_ids=[slot_id]))
        room = Room(found, self._clock.now())
        wishes = [wish for wish in await self._wishes.get(tenant) if room.slot_for(wish)]
        if not wishes:
            return None
        front = partial(
            front_of_lines,
            establishment_id=tenant,
            targets=[wish.target_id for wish in wishes],
            most=MAX_PLACES,
            limit=MOST_AHEAD,
        )
        return room.serve(await self._database.read(tenant, front)).get(slot_id)


def behind_the_line(resources: Resources) -> Resources:
    """For whoever sells to visitors: the line goes first."""
    turnstile = Turnstile(resources.inventory, resources.database, resources.clock)
    return msgspec.structs.replace(resources, inventory=turnstile)
