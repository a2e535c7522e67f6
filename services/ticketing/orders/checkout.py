"""Buying: pricing, places and books, in the one order that a crash cannot hurt.

Capacity before ticket: inventory holds or sells the places first, in a transaction of its own; then the books are
written. If the process dies in between, the hold expires, or `orders.jobs` finds a sale that was never ticketed.
"""

from collections.abc import Callable, Sequence
from uuid import UUID

import msgspec

from services.inventory.contract import (
    ConfirmHold,
    FindSlots,
    Hold,
    HoldEnded,
    HoldMismatch,
    Inventory,
    PlaceHold,
    Slot,
)
from services.kit.batching import Batcher
from services.kit.clock import Clock
from services.kit.database import Database, UniqueViolation, violates
from services.kit.errors import IdempotencyKeyReused
from services.kit.idempotency import Answer, IdempotencyKey, OnceOnly
from services.kit.ids import new_id
from services.kit.principal import Principal
from services.kit.recent import Recent
from services.kit.web import encode
from services.ticketing.access.rules import order_token
from services.ticketing.catalog.queries import Catalogues
from services.ticketing.catalog.rules import WantedLine, price
from services.ticketing.establishments.queries import Establishment, Establishments
from services.ticketing.orders.drafts import (
    confirmed_by,
    due_payment,
    new_order,
    order_lines,
    order_of_key,
    place_request,
    slot_facts,
)
from services.ticketing.orders.posting.actions import OrderSettled, Posting, Step, post_orders
from services.ticketing.orders.posting.rules import draft_tickets
from services.ticketing.orders.queries import Line, Order, find_order
from services.ticketing.orders.requests import Confirmation, LineInput, NewOrder
from services.ticketing.orders.rules import (
    IMMEDIATE,
    OrderEnded,
    check_channel,
    check_companions,
    check_payment_method,
    hold_seconds,
)
from services.ticketing.orders.views import OrderView, order_view
from services.ticketing.site import Site
from services.ticketing.tickets.signing import Keyrings


class SlotBook(Recent[tuple[UUID, UUID], Slot | None]):
    """Slots by establishment and id. They never move; their entry windows may, hence the age."""

    def __init__(self, inventory: Inventory) -> None:
        async def load(key: tuple[UUID, UUID]) -> Slot | None:
            found = await inventory.find_slots(FindSlots(establishment_id=key[0], slot_ids=[key[1]]))
            return found[0] if found else None

        super().__init__(load, max_age_seconds=10, max_entries=50_000)


class Resources(msgspec.Struct, frozen=True):
    """What the verbs of orders work with, made once per process."""

    database: Database
    inventory: Inventory
    once: OnceOnly
    clock: Clock
    site: Site
    establishments: Establishments
    catalogues: Catalogues
    keyrings: Keyrings


class Checkout:
    """The way of an order from its lines to its tickets, but for what a payment provider has to say."""

    def __init__(self, resources: Resources) -> None:
        self.resources = resources
        self.slots = SlotBook(resources.inventory)
        self._posting: Batcher[UUID, Posting, Answer] = Batcher("orders", self._post)

    async def close(self) -> None:
        await self._posting.close()

    async def create(self, principal: Principal, new: NewOrder, key: IdempotencyKey | None) -> Answer:
        """Holds the places, or sells them at once if the confirmation asked for needs no provider.

        The key of an order that is to be paid at a provider is not spent here: its payment follows.
        """
        tenant = principal.tenant
        check_channel(new.channel, principal)
        establishment = await self.resources.establishments.get(tenant)
        lines = await self.priced(tenant, new.lines, new.channel, establishment)
        wanted = new.confirm
        if wanted is not None:
            check_payment_method(
                wanted.payment_method, sum(line.total_minor for line in lines), establishment, principal
            )
        sells = wanted is not None and wanted.payment_method in IMMEDIATE
        seconds = None if sells else hold_seconds(new.hold_minutes, establishment, principal)
        order_id = order_of_key(tenant, key) if key else new_id()
        draft = new_order(order_id, new, lines, establishment.currency)
        # Before any place is taken: what is wrong with the request itself is said now.
        draft = draft if wanted is None else confirmed_by(draft, wanted)
        hold = await self._take_places(place_request(tenant, order_id, draft.hold_id, lines, seconds), key)
        if isinstance(hold, Answer):
            return hold
        order = msgspec.structs.replace(draft, expires_at=hold.expires_at)
        if sells:
            return await self._enter("sell", principal, order, key)
        held = msgspec.structs.replace(order, payment_method=None)
        return await self._enter("hold", principal, held, None if wanted else key)

    async def confirm(
        self, principal: Principal, order: Order, wanted: Confirmation, key: IdempotencyKey | None
    ) -> Answer:
        """Confirms a held order that needs no provider."""
        establishment = await self.resources.establishments.get(principal.tenant)
        check_payment_method(wanted.payment_method, order.total_minor, establishment, principal)
        return await self.ticket(principal, confirmed_by(order, wanted), key)

    async def ticket(self, principal: Principal, order: Order, key: IdempotencyKey | None = None) -> Answer:
        """From held to sold, then the tickets. Raises `OrderEnded` when the hold is over."""
        tenant = principal.tenant
        confirmation = ConfirmHold(establishment_id=tenant, hold_id=order.hold_id)
        try:
            await self.resources.inventory.confirm_hold(confirmation)
            return await self._enter("confirm", principal, order, key)
        except (HoldEnded, OrderSettled):
            current = await self.read(tenant, order.id)
            if current.status == "confirmed":
                show = await self.presenter(principal)
                return encode(200, show(current))
            raise OrderEnded("The places are no longer held: make a new order.") from None

    async def sell_again(self, principal: Principal, order: Order, hold_id: UUID) -> bool:
        """For money that came after the hold was over: as many places again, if they remain.

        Raises `SoldOut`, `NotEnoughPlaces` or `SlotClosed`.
        """
        request = place_request(principal.tenant, order.id, hold_id, order.lines, None)
        hold = await self.resources.inventory.place_hold(request)
        if hold.state != "sold":
            return False
        again = msgspec.structs.replace(order, hold_id=hold_id)
        try:
            await self._enter("confirm", principal, again, None)
        except OrderSettled:
            return (await self.read(principal.tenant, order.id)).status == "confirmed"
        return True

    async def priced(
        self, tenant: UUID, wanted: Sequence[LineInput], channel: str, establishment: Establishment
    ) -> list[Line]:
        """Raises `Invalid` with a pointer to each line that cannot be sold so."""
        catalogue = await self.resources.catalogues.get(tenant)
        slots = {line.slot_id: await self.slots.get((tenant, line.slot_id)) for line in wanted}
        facts = {slot_id: slot_facts(slot) for slot_id, slot in slots.items() if slot}
        asked = [WantedLine(line.slot_id, line.tariff_id, line.quantity) for line in wanted]
        priced = price(asked, facts, catalogue.tariffs, channel, establishment.currency)
        check_companions(priced)
        return order_lines(priced)

    async def read(self, tenant: UUID, order_id: UUID) -> Order:
        return await self.resources.database.read(tenant, lambda session: find_order(session, tenant, order_id))

    async def presenter(self, principal: Principal, *, made_now: bool = False) -> Callable[[Order], OrderView]:
        """Shows orders of the establishment; an access token only to its maker and to those who came with it.

        Made before a transaction begins: what it needs may want a connection of its own.
        """
        tenant, now = principal.tenant, self.resources.clock.now()
        keyring = await self.resources.keyrings.get(tenant)
        catalogue = await self.resources.catalogues.get(tenant)

        def show(order: Order) -> OrderView:
            own = made_now or principal.order_id == order.id
            token = order_token(self.resources.site.secret, tenant, order.id) if own else None
            return order_view(order, keyring, catalogue, now=now, access_token=token)

        return show

    async def _take_places(self, request: PlaceHold, key: IdempotencyKey | None) -> Hold | Answer:
        """The hold, or the answer that this key got before."""
        hold = None
        try:
            hold = await self.resources.inventory.place_hold(request)
            if hold.state == "held" and request.expires_in_seconds is None:
                # Held by an attempt with this key that wanted less; sold now that it wants to be.
                confirmation = ConfirmHold(establishment_id=request.establishment_id, hold_id=hold.id)
                hold = await self.resources.inventory.confirm_hold(confirmation)
        except (HoldMismatch, HoldEnded):
            pass
        if hold is not None and hold.state in ("held", "sold"):
            return hold
        # Only a repeated key comes here: its hold is another one, or over.
        stored = await self.resources.once.replayed(request.establishment_id, key) if key else None
        if stored is None:
            raise IdempotencyKeyReused("Use a new key for a new order.")
        return stored

    async def _enter(self, step: Step, principal: Principal, order: Order, key: IdempotencyKey | None) -> Answer:
        tenant = principal.tenant
        keyring = await self.resources.keyrings.get(tenant)
        show = await self.presenter(principal, made_now=step != "confirm")
        tickets = [] if step == "hold" else draft_tickets(order, keyring.current)
        for ticket in tickets:
            # Signed ahead: nobody else waits for it here.
            keyring.code(ticket)
        posting = Posting(
            step=step,
            order=order,
            tickets=tickets,
            render=lambda posted: encode(200 if step == "confirm" else 201, show(posted)),
            key=key,
            payment=None if step == "hold" else due_payment(order, self.resources.clock.now()),
        )
        return await self._posting.submit(tenant, posting)

    async def _post(self, tenant: UUID, postings: Sequence[Posting]) -> Sequence[Answer | Exception]:
        try:
            return await self._write(tenant, postings)
        except UniqueViolation as error:
            if len(postings) > 1:
                # The batcher takes them one by one.
                raise
            if any(violates(error, key) for key in ("pk_settlements", "pk_orders", "pk_order_lines", "pk_payments")):
                return [OrderSettled()]
            # Two short codes met, which happens once in years: the second try makes new ones.
            return await self._write(tenant, postings)

    async def _write(self, tenant: UUID, postings: Sequence[Posting]) -> Sequence[Answer | Exception]:
        return await self.resources.database.write(
            tenant, lambda session: post_orders(session, tenant, postings, self.resources.once)
        )
