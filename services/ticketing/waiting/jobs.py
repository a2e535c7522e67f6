"""Serving the lines: whatever came back, by cancellation, expiry, exchange or a larger capacity, is offered in order.

An offer is a held order in the name of whoever waited. What is about to be done is written before a place is taken
(`offering`, with the id of the order), and every id follows from it: whoever comes after a crash, or at the same time,
does the same again and makes nothing twice.
"""

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import TypeVar
from uuid import UUID

import msgspec
import structlog

from services.inventory.contract import (
    FindPlaces,
    NotEnoughPlaces,
    OfferDay,
    SlotClosed,
    SlotPlaces,
    SoldOut,
    UnknownSlot,
)
from services.kit.errors import IdempotencyKeyReused, Invalid, Refused, Unavailable
from services.kit.idempotency import IdempotencyKey
from services.kit.principal import Principal
from services.ticketing.orders.after_sales import AfterSales
from services.ticketing.orders.checkout import Checkout
from services.ticketing.orders.drafts import order_of_key
from services.ticketing.orders.posting.actions import OrderSettled
from services.ticketing.orders.requests import Customer, LineInput, NewOrder
from services.ticketing.orders.rules import ONLINE
from services.ticketing.waiting.actions import (
    begin_offer,
    begin_round,
    end_round,
    end_unservable,
    give_up_offer,
    record_offer,
    tidy_up,
)
from services.ticketing.waiting.desk import SERVICE, withdraw
from services.ticketing.waiting.queries import (
    begun_offers,
    establishments_with_lines,
    find_entry,
    front_of_lines,
    list_wishes,
    orphaned_orders,
)
from services.ticketing.waiting.rules import Entry, Room, Wish, offer_minutes

log = structlog.get_logger()
T = TypeVar("T")
ENTRIES_AT_ONCE = 500
TARGETS_PER_QUESTION = 400


class WaitingJobs:
    """`checkout` must be one that the line itself does not hold up."""

    def __init__(self, checkout: Checkout, after_sales: AfterSales) -> None:
        self._checkout = checkout
        self._after_sales = after_sales
        self._resources = checkout.resources
        self._database = checkout.resources.database

    async def run_once(self) -> None:
        """One establishment's trouble does not stop the others."""
        for tenant in await self._database.read_instance(establishments_with_lines):
            try:
                await self.serve(tenant)
            except (Unavailable, Refused) as error:
                log.warning("waiting_list_waits", establishment=str(tenant), reason=str(error))

    async def serve(self, tenant: UUID) -> None:
        """One walk along the lines of an establishment, unless another worker is at it."""
        if not await self._database.write(tenant, partial(begin_round, establishment_id=tenant)):
            return
        served = False
        try:
            await self._round(tenant)
            served = True
        finally:
            await self._database.write(tenant, partial(end_round, establishment_id=tenant, served=served))

    async def _round(self, tenant: UUID) -> None:
        now = self._resources.clock.now()
        await self._database.write(tenant, partial(tidy_up, establishment_id=tenant, now=now))
        for order_id in await self._database.read(tenant, partial(orphaned_orders, establishment_id=tenant)):
            await withdraw(self._checkout, self._after_sales, tenant, order_id)
        for entry in await self._database.read(tenant, partial(begun_offers, establishment_id=tenant)):
            await self._resume(tenant, entry)
        wishes = await self._database.read(tenant, partial(list_wishes, establishment_id=tenant))
        room = Room(await self._places_for(tenant, wishes), now)
        targets = [wish.target_id for wish in wishes if room.slot_for(wish)]
        if not targets:
            return
        most = max(room.free.values())
        front = partial(front_of_lines, establishment_id=tenant, targets=targets, most=most, limit=ENTRIES_AT_ONCE)
        last: Entry | None = None
        while entries := await self._database.read(tenant, partial(front, behind=last)):
            for entry in entries:
                await self._seat(tenant, entry, room)
            last = entries[-1]

    async def _places_for(self, tenant: UUID, wishes: Sequence[Wish]) -> list[SlotPlaces]:
        """What is free now on all that is wished for, by start."""
        found: dict[UUID, SlotPlaces] = {}
        slot_ids = sorted({wish.slot_id for wish in wishes if wish.slot_id is not None})
        days = sorted({(wish.offer_id, wish.day) for wish in wishes if wish.slot_id is None})
        questions = [FindPlaces(tenant, slot_ids=some) for some in _some(slot_ids)]
        questions += [FindPlaces(tenant, days=[OfferDay(*day) for day in some]) for some in _some(days)]
        for question in questions:
            for slot in await self._resources.inventory.find_places(question):
                found[slot.slot_id] = slot
        return sorted(found.values(), key=lambda slot: (slot.starts_at, slot.slot_id))

    async def _seat(self, tenant: UUID, entry: Entry, room: Room) -> None:
        """Offers the first slot that has room, or leaves the entry where it is."""
        if entry.status == "offering":
            # Begun since we looked: another worker's round overlaps ours. Nobody goes before this one has its places.
            await self._resume(tenant, entry)
        while (slot := room.slot_for(entry)) is not None:
            try:
                taken = await self._offer(tenant, entry, slot)
            except (SoldOut, NotEnoughPlaces, SlotClosed, UnknownSlot) as refused:
                room.limit(slot.slot_id, min(refused.remaining or 0, entry.places - 1))
                # That attempt is spent; another slot of the day may do.
                entry = msgspec.structs.replace(entry, status="waiting", attempt=entry.attempt + 1)
                continue
            if taken:
                room.take(slot.slot_id, entry.places)
            return

    async def _resume(self, tenant: UUID, entry: Entry) -> None:
        with suppress(SoldOut, NotEnoughPlaces, SlotClosed, UnknownSlot):
            await self._finish(tenant, entry, minutes=None)

    async def _offer(self, tenant: UUID, entry: Entry, slot: SlotPlaces) -> bool:
        tried = msgspec.structs.replace(entry, status="offering", attempt=entry.attempt + 1)
        order_id = order_of_key(tenant, _key(tried))
        begin = partial(begin_offer, establishment_id=tenant, entry=entry, slot_id=slot.slot_id, order_id=order_id)
        if not await self._database.write(tenant, begin):
            # Whoever waited has left, or another worker was faster: then it has taken what we thought free.
            return True
        begun = msgspec.structs.replace(tried, offered_slot_id=slot.slot_id, order_id=order_id)
        return await self._finish(tenant, begun, minutes=offer_minutes(slot, self._resources.clock.now()))

    async def _finish(self, tenant: UUID, entry: Entry, *, minutes: int | None) -> bool:
        """From `offering` to `offered`, from wherever it stands. Raises what inventory says when there is no room."""
        try:
            await self._hold(tenant, entry, minutes)
        except OrderSettled:
            # The order is there, made by another worker or before a crash.
            pass
        except (SoldOut, NotEnoughPlaces, SlotClosed, UnknownSlot, IdempotencyKeyReused):
            await self._database.write(tenant, partial(give_up_offer, establishment_id=tenant, entry=entry))
            raise
        except Invalid as refused:
            log.warning("waiting_entry_cannot_be_served", entry=str(entry.id), detail=refused.detail)
            await self._database.write(tenant, partial(end_unservable, establishment_id=tenant, entry=entry))
            return False
        if await self._database.write(tenant, partial(record_offer, establishment_id=tenant, entry=entry)):
            return True
        current = await self._database.read(tenant, partial(find_entry, establishment_id=tenant, entry_id=entry.id))
        if current.order_id != entry.order_id:
            # Given up meanwhile, by us or by another worker: nobody will ever hear of this order.
            await withdraw(self._checkout, self._after_sales, tenant, order_of_key(tenant, _key(entry)))
        return True

    async def _hold(self, tenant: UUID, entry: Entry, minutes: int | None) -> None:
        slot_id = entry.offered_slot_id
        if slot_id is None:
            raise LookupError("An offer that was begun names its slot.")
        if minutes is None:
            found = await self._resources.inventory.find_places(FindPlaces(tenant, slot_ids=[slot_id]))
            minutes = offer_minutes(found[0], self._resources.clock.now()) if found else 1
        # Without a name, the visitor gives one when confirming.
        customer = Customer(name=entry.customer_name, email=entry.customer_email, language=entry.language)
        new = NewOrder(
            lines=[LineInput(slot_id, line.tariff_id, line.quantity) for line in entry.lines],
            customer=customer,
            hold_minutes=min(max(minutes, 1), 1440),
            channel=ONLINE,
        )
        await self._checkout.create(_principal(tenant), new, _key(entry))


def _principal(tenant: UUID) -> Principal:
    return Principal(actor=SERVICE, establishment_id=tenant, scopes=frozenset({"orders:write"}))


def _key(entry: Entry) -> IdempotencyKey:
    """The order of this attempt, whoever makes it: `order_of_key` derives its id."""
    return IdempotencyKey(scope=SERVICE, key=f"{entry.id}:{entry.attempt}", fingerprint=entry.id.bytes)


def _some(things: Sequence[T]) -> list[list[T]]:
    iterator = iter(things)
    chunks = iter(lambda: list(islice(iterator, TARGETS_PER_QUESTION)), [])
    return list(chunks)
