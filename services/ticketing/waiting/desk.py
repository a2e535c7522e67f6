"""Joining a line, looking at one's place in it, and leaving it."""

import hmac
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from uuid import UUID

import msgspec

from services.inventory.contract import FindPlaces, OfferDay, SlotClosed, SlotPlaces
from services.kit.database import WriteSession
from services.kit.errors import Forbidden, Invalid, NotFound, Unauthenticated
from services.kit.idempotency import Answer, IdempotencyKey
from services.kit.ids import new_id
from services.kit.principal import ANONYMOUS, Principal, Scope
from services.kit.web import encode
from services.ticketing.access.rules import order_token
from services.ticketing.orders.after_sales import AfterSales
from services.ticketing.orders.checkout import Checkout
from services.ticketing.orders.posting.actions import OrderSettled
from services.ticketing.orders.queries import Line
from services.ticketing.orders.requests import Cancellation, LineInput
from services.ticketing.orders.rules import ONLINE, OrderEnded
from services.ticketing.waiting.actions import NewPlaceInLine, join_line, leave_line
from services.ticketing.waiting.queries import find_entry, front_of_lines, list_wishes, position_of
from services.ticketing.waiting.requests import NewEntry
from services.ticketing.waiting.rules import (
    MAX_PLACES,
    PlacesAvailable,
    Room,
    target_of,
    waiting_token,
)
from services.ticketing.waiting.views import EntryView, OfferedOrder, entry_view, status_of

SERVICE = "service:waiting-list"
# Longer lines than this are not walked to the end to tell the last one that there is room behind all of them.
MOST_AHEAD = 500


class WaitingDesk:
    def __init__(self, checkout: Checkout, after_sales: AfterSales) -> None:
        self._checkout = checkout
        self._after_sales = after_sales
        self._resources = checkout.resources
        self._database = checkout.resources.database

    async def join(self, principal: Principal, new: NewEntry, key: IdempotencyKey | None) -> Answer:
        """Raises `PlacesAvailable`, `AlreadyWaiting`, `SlotClosed`, `Invalid`."""
        tenant, once = principal.tenant, self._resources.once
        if key and (given := await once.replayed(tenant, key)):
            return given
        place = await self._new_place(tenant, new)

        async def action(session: WriteSession) -> Answer:
            entry = await join_line(session, tenant, place)
            position = await position_of(session, tenant, entry)
            view = entry_view(entry, position=position)
            token = waiting_token(self._resources.site.secret, tenant, entry.id)
            return encode(201, msgspec.structs.replace(view, token=token))

        return await once.answer(tenant, key, action)

    async def show(self, principal: Principal, entry_id: UUID, token: str | None) -> EntryView:
        own = self._opens(principal, entry_id, token, "orders:read")
        return await self._view(principal.tenant, entry_id, own=own)

    async def leave(self, principal: Principal, entry_id: UUID, token: str | None) -> None:
        """For good; what was offered goes to the next one at once. Raises `OrderEnded` if it was bought."""
        self._opens(principal, entry_id, token, "orders:write")
        tenant = principal.tenant
        view = await self._view(tenant, entry_id, own=False)
        if view.status == "taken":
            raise OrderEnded("The tickets are yours: cancel the order instead.")
        await self._database.write(tenant, partial(leave_line, establishment_id=tenant, entry_id=entry_id))
        entry = await self._database.read(tenant, partial(find_entry, establishment_id=tenant, entry_id=entry_id))
        if entry.status == "left" and entry.order_id is not None:
            await withdraw(self._checkout, self._after_sales, tenant, entry.order_id)

    async def _view(self, tenant: UUID, entry_id: UUID, *, own: bool) -> EntryView:
        entry = await self._database.read(tenant, partial(find_entry, establishment_id=tenant, entry_id=entry_id))
        if entry.status in ("waiting", "offering"):
            position = await self._database.read(tenant, partial(position_of, establishment_id=tenant, entry=entry))
            return entry_view(entry, position=position)
        if entry.status not in ("offered", "taken") or entry.order_id is None or entry.offered_slot_id is None:
            return entry_view(entry)
        order = await self._checkout.read(tenant, entry.order_id)
        token = order_token(self._resources.site.secret, tenant, order.id) if own else msgspec.UNSET
        offered = OfferedOrder(order.id, entry.offered_slot_id, order.expires_at, token)
        return entry_view(entry, order=offered, status=status_of(entry, order, self._resources.clock.now()))

    def _opens(self, principal: Principal, entry_id: UUID, token: str | None, scope: Scope) -> bool:
        """By the entry's own token (True) or a key with the scope (False); for everybody else it does not exist."""
        expected = waiting_token(self._resources.site.secret, principal.tenant, entry_id)
        if token is not None and hmac.compare_digest(token.encode(), expected.encode()):
            return True
        if principal.may(scope):
            return False
        if token is not None:
            raise NotFound
        if principal.actor == ANONYMOUS.actor:
            raise Unauthenticated("Send the token of this entry, or a key.")
        raise Forbidden(f"The scope {scope} is needed.")

    async def _new_place(self, tenant: UUID, new: NewEntry) -> NewPlaceInLine:
        slots = await self._wanted_slots(tenant, new)
        room = Room(slots, self._resources.clock.now())
        sold = [slot for slot in slots if slot.slot_id in room.free]
        if not sold:
            raise SlotClosed
        first = sold[0]
        establishment = await self._resources.establishments.get(tenant)
        wanted = [LineInput(first.slot_id, line.tariff_id, line.quantity) for line in new.lines]
        places = _checked_places(await self._checkout.priced(tenant, wanted, ONLINE, establishment), sold)
        await self._check_full(tenant, room, sold, places)
        return NewPlaceInLine(
            id=new_id(),
            target_id=target_of(first.offer_id, first.day, new.slot_id),
            offer_id=first.offer_id,
            slot_id=new.slot_id,
            day=first.day,
            lines=[{"tariff_id": str(line.tariff_id), "quantity": line.quantity} for line in new.lines],
            places=places,
            customer_name=new.customer.name or "",
            customer_email=new.customer.email.lower(),
            language=new.customer.language,
            over_at=max(slot.sold_until for slot in sold),
        )

    async def _wanted_slots(self, tenant: UUID, new: NewEntry) -> Sequence[SlotPlaces]:
        inventory = self._resources.inventory
        if new.slot_id is not None:
            if new.offer_id is not None or new.date is not None:
                unwanted = "/offer_id" if new.offer_id is not None else "/date"
                raise Invalid.field(unwanted, "Name a slot, or an offer with a date, not both.")
            found = await inventory.find_places(FindPlaces(tenant, slot_ids=[new.slot_id]))
            pointer, missing = "/slot_id", "There is no such slot."
        elif new.offer_id is not None and new.date is not None:
            found = await inventory.find_places(FindPlaces(tenant, days=[OfferDay(new.offer_id, new.date)]))
            pointer, missing = "/date", "This offer has no slots on that day."
        else:
            raise Invalid.field("/slot_id", "Name a slot, or an offer with a date.")
        if not found:
            raise Invalid.field(pointer, missing)
        return found

    async def _check_full(self, tenant: UUID, room: Room, sold: Sequence[SlotPlaces], places: int) -> None:
        """What those ahead are about to be offered is not there for whoever comes now."""
        wishes = await self._database.read(tenant, partial(list_wishes, establishment_id=tenant))
        targets = [wish.target_id for wish in wishes if room.wanted(wish)]
        front = partial(front_of_lines, establishment_id=tenant, targets=targets, most=MAX_PLACES, limit=MOST_AHEAD)
        room.serve(await self._database.read(tenant, front) if targets else [])
        left = max(room.free[slot.slot_id] for slot in sold)
        if left >= places:
            raise PlacesAvailable(f"{left} places are free: order them.", remaining=left)


def _checked_places(priced: Sequence[Line], sold: Sequence[SlotPlaces]) -> int:
    """How many places the lines need. Raises `Invalid` for more than anybody can ever be offered."""
    places = sum(line.quantity * line.admits for line in priced)
    most = min(MAX_PLACES, max(slot.capacity for slot in sold))
    if places > most:
        raise Invalid.field("/lines", f"At most {most} places can be waited for here.")
    return places


async def withdraw(checkout: Checkout, after_sales: AfterSales, tenant: UUID, order_id: UUID) -> None:
    """Gives back what is held for somebody who left, unless it was bought or ended meanwhile, or not made yet."""
    staff = Principal(actor=SERVICE, establishment_id=tenant, scopes=frozenset({"orders:write"}))
    with suppress(OrderEnded, OrderSettled, NotFound):
        order = await checkout.read(tenant, order_id)
        if order.status in ("held", "awaiting_payment"):
            await after_sales.cancel(staff, order, Cancellation(), None)
