"""After the hold, and after the sale: change, extend, cancel, exchange, refund.

Ticket before capacity on the way out: the books say first that a ticket is void, then inventory gets its place back.
If the process dies in between, `orders.jobs` gives the place back.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from uuid import UUID

import msgspec
import structlog

from services.inventory.contract import (
    ExtendHold,
    HoldEnded,
    Inventory,
    PlaceHold,
    PlaceLine,
    ReturnPlaces,
    Slot,
)
from services.kit.database import WriteSession
from services.kit.errors import Invalid, Refused, Unavailable
from services.kit.idempotency import Answer, IdempotencyKey
from services.kit.ids import derived_id, new_id
from services.kit.principal import Principal
from services.kit.web import encode
from services.ticketing.ledger.actions import Head, lock_head
from services.ticketing.orders.actions import (
    Amendment,
    NewPlace,
    amend_order,
    cancel_tickets,
    chosen_tickets,
    exchange_tickets,
    let_go,
    lock_order,
    mark_extended,
    mark_returned,
    return_later,
    settle,
)
from services.ticketing.orders.cashier import Cashier
from services.ticketing.orders.checkout import Checkout, Resources
from services.ticketing.orders.drafts import place_request
from services.ticketing.orders.posting.actions import OrderSettled
from services.ticketing.orders.queries import Order, ReturnedPlaces, find_order
from services.ticketing.orders.requests import Cancellation, Exchange, OrderChange, PaymentReceived, RefundRequest
from services.ticketing.orders.rules import (
    OrderEnded,
    RefundTooLarge,
    check_extensible,
    check_terms,
    check_unused,
    refundable,
)
from services.ticketing.orders.views import OrderView
from services.ticketing.payments.actions import DUE, NewRefund, lower_due, mark_paid, mark_settled, start_refund
from services.ticketing.tickets.queries import Ticket

log = structlog.get_logger()


class AfterSales:
    def __init__(self, checkout: Checkout, cashier: Cashier) -> None:
        self._checkout = checkout
        self._cashier = cashier
        self._resources: Resources = checkout.resources

    async def amend(self, principal: Principal, order: Order, change: OrderChange) -> Order:
        """Other lines or another customer, while the order is held."""
        tenant, database = principal.tenant, self._resources.database
        customer = change.customer or None
        if not change.lines:
            return await database.write(
                tenant, lambda session: amend_order(session, tenant, order.id, customer=customer, sale=None)
            )
        if order.status != "held" or order.expires_at is None:
            raise OrderEnded(f"The order is {order.status}.")
        establishment = await self._resources.establishments.get(tenant)
        lines = await self._checkout.priced(tenant, change.lines, order.channel, establishment)
        seconds = max(1, int((order.expires_at - self._resources.clock.now()).total_seconds()))
        request = msgspec.structs.replace(
            place_request(tenant, order.id, new_id(), lines, seconds), replaces=order.hold_id
        )
        try:
            hold = await self._resources.inventory.place_hold(request)
        except HoldEnded:
            raise OrderEnded("The places are no longer held: make a new order.") from None
        sale = Amendment(hold_id=hold.id, expires_at=hold.expires_at, lines=lines)
        return await database.write(
            tenant, lambda session: amend_order(session, tenant, order.id, customer=customer, sale=sale)
        )

    async def extend(self, principal: Principal, order: Order, key: IdempotencyKey | None) -> Answer:
        """Once per order, from the end that it has: however often it is asked at once, it is the same new end."""
        tenant = principal.tenant
        if key and (given := await self._resources.once.replayed(tenant, key)):
            return given
        establishment = await self._resources.establishments.get(tenant)
        check_extensible(order.status, extended=order.extended)
        left = (order.expires_at - self._resources.clock.now()).total_seconds() if order.expires_at else 0
        seconds = max(1, int(left)) + establishment.extension_minutes * 60
        try:
            hold = await self._resources.inventory.extend_hold(
                ExtendHold(establishment_id=tenant, hold_id=order.hold_id, expires_in_seconds=seconds)
            )
        except HoldEnded:
            raise OrderEnded("The places are no longer held: make a new order.") from None
        until = hold.expires_at or self._resources.clock.now()
        show = await self._checkout.presenter(principal)

        async def action(session: WriteSession) -> Answer:
            return encode(200, show(await mark_extended(session, tenant, order.id, until)))

        return await self._resources.once.answer(tenant, key, action)

    async def cancel(
        self, principal: Principal, order: Order, wanted: Cancellation, key: IdempotencyKey | None
    ) -> Answer:
        """Tickets void, refund started, places free again. An order that is only held is let go."""
        if order.status in ("held", "awaiting_payment"):
            return await self._abandon(principal, order, key)
        tenant = principal.tenant
        establishment = await self._resources.establishments.get(tenant)
        back: list[ReturnedPlaces] = []
        show = await self._checkout.presenter(principal)

        async def action(session: WriteSession) -> Answer:
            head = await lock_head(session, tenant)
            current = await lock_order(session, tenant, order.id)
            chosen = chosen_tickets(current, wanted.ticket_ids)
            if not chosen:
                raise OrderEnded(f"The order is {current.status}: it has no valid ticket.")
            check_unused(chosen)
            check_terms(chosen, establishment.cancellation_hours_before, head.now, principal)
            back[:] = await cancel_tickets(session, tenant, head, current, chosen)
            await _settle_cancelled(session, tenant, head, current, chosen)
            return await _answer(session, show, tenant, order.id)

        answer = await self._resources.once.answer(tenant, key, action)
        await self._give_back(tenant, back)
        return answer

    async def exchange(
        self, principal: Principal, order: Order, wanted: Exchange, key: IdempotencyKey | None
    ) -> Answer:
        """The new place first; then, in one transaction, new tickets for old; then the old place returns."""
        tenant = principal.tenant
        if key and (given := await self._resources.once.replayed(tenant, key)):
            return given
        slot = await self._checkout.slots.get((tenant, wanted.slot_id))
        moved = chosen_tickets(order, wanted.ticket_ids)
        await self._check_exchange(principal, moved, slot)
        if slot is None:
            raise Invalid.field("/slot_id", "There is no such slot.")
        hold_id = derived_id("exchange", tenant, key.hashed) if key else new_id()
        await self._resources.inventory.place_hold(
            PlaceHold(
                establishment_id=tenant,
                hold_id=hold_id,
                owner_id=order.id,
                lines=[PlaceLine(slot_id=slot.id, quantity=len(moved))],
                expires_in_seconds=None,
            )
        )
        place = await self._new_place(tenant, hold_id, slot)
        back: list[ReturnedPlaces] = []
        show = await self._checkout.presenter(principal)

        async def action(session: WriteSession) -> Answer:
            head = await lock_head(session, tenant)
            current = await lock_order(session, tenant, order.id)
            chosen = chosen_tickets(current, wanted.ticket_ids)
            back[:] = await exchange_tickets(session, tenant, head, current, chosen, place)
            return await _answer(session, show, tenant, order.id)

        try:
            answer = await self._resources.once.answer(tenant, key, action)
        except Refused:
            await self._undo_sale(tenant, hold_id, order.id)
            raise
        await self._give_back(tenant, back)
        return answer

    async def refund(
        self, principal: Principal, order: Order, wanted: RefundRequest, key: IdempotencyKey | None
    ) -> Answer:
        """Money back without touching tickets. Raises `RefundTooLarge`."""
        tenant = principal.tenant
        refund_id = derived_id("refund", tenant, key.hashed) if key else new_id()
        show = await self._checkout.presenter(principal)

        async def action(session: WriteSession) -> Answer:
            head = await lock_head(session, tenant)
            current = await lock_order(session, tenant, order.id)
            payment = current.payment
            left = payment.amount_minor - payment.refunded_minor if payment and payment.status == "paid" else 0
            amount = wanted.amount or left
            if payment is None or not 0 < amount <= left:
                raise RefundTooLarge(f"At most {left} can be refunded.")
            refund = NewRefund(
                id=refund_id,
                order_id=order.id,
                payment_id=payment.id,
                amount_minor=amount,
                reason=wanted.reason,
            )
            await start_refund(session, tenant, head, refund)
            return await _answer(session, show, tenant, order.id, status=201)

        return await self._resources.once.answer(tenant, key, action)

    async def received(
        self, principal: Principal, order: Order, wanted: PaymentReceived, key: IdempotencyKey | None
    ) -> Answer:
        """What was due has been paid at the desk."""
        tenant = principal.tenant
        payment = order.payment
        if payment is None or payment.method == "stripe":
            raise OrderEnded("Nothing is due on this order.")
        show = await self._checkout.presenter(principal)

        async def action(session: WriteSession) -> Answer:
            if not await mark_paid(session, tenant, order.id, payment.id, wanted.means, unpaid=DUE):
                raise OrderEnded("Nothing is due on this order any more.")
            await mark_settled(session, tenant, payment.id)
            return await _answer(session, show, tenant, order.id, status=201)

        return await self._resources.once.answer(tenant, key, action)

    async def _abandon(self, principal: Principal, order: Order, key: IdempotencyKey | None) -> Answer:
        tenant = principal.tenant
        # Paid at the last moment? Then the order is confirmed now, and giving it up is refused below.
        await self._cashier.close_pages(tenant, order)
        back: list[ReturnedPlaces] = []
        show = await self._checkout.presenter(principal)

        async def action(session: WriteSession) -> Answer:
            returned = await let_go(session, tenant, order.id, "cancelled")
            if returned is None:
                raise OrderEnded("The order was confirmed or ended meanwhile.")
            back.append(returned)
            return await _answer(session, show, tenant, order.id)

        answer = await self._resources.once.answer(tenant, key, action)
        await self._give_back(tenant, back)
        return answer

    async def _check_exchange(self, principal: Principal, moved: list[Ticket], slot: Slot | None) -> None:
        establishment = await self._resources.establishments.get(principal.tenant)
        check_unused(moved)
        check_terms(moved, establishment.exchange_hours_before, self._resources.clock.now(), principal)
        if slot is not None and any(ticket.offer_id != slot.offer_id for ticket in moved):
            raise Invalid.field("/slot_id", "This slot belongs to another offer than the tickets.")
        if slot is not None and any(ticket.slot_id == slot.id for ticket in moved):
            raise Invalid.field("/slot_id", "A ticket is for this slot already.")

    async def _new_place(self, tenant: UUID, hold_id: UUID, slot: Slot) -> NewPlace:
        return NewPlace(
            hold_id=hold_id,
            slot_id=slot.id,
            starts_at=slot.starts_at,
            ends_at=slot.ends_at,
            valid_from=slot.valid_from,
            valid_until=slot.valid_until,
            key_id=(await self._resources.keyrings.get(tenant)).current,
        )

    async def _undo_sale(self, tenant: UUID, hold_id: UUID, order_id: UUID) -> None:
        """Gives new places back that got no tickets; the settlement decides if they did, in another request."""

        async def action(session: WriteSession) -> ReturnedPlaces:
            await settle(session, tenant, hold_id, order_id, "let_go")
            return await return_later(session, tenant, hold_id, None)

        with suppress(OrderSettled):
            await self._give_back(tenant, [await self._resources.database.write(tenant, action)])

    async def _give_back(self, tenant: UUID, returned: list[ReturnedPlaces]) -> None:
        """At once if inventory answers; what it does not take now, the job gives it later."""
        for places in returned:
            try:
                await give_back(self._resources.inventory, tenant, places)
                await self._resources.database.write(
                    tenant, partial(mark_returned, establishment_id=tenant, return_id=places.id)
                )
            except Unavailable:
                log.warning("place_return_waits", hold=str(places.hold_id))


async def give_back(inventory: Inventory, tenant: UUID, places: ReturnedPlaces) -> None:
    lines = None
    if places.lines is not None:
        lines = [PlaceLine(slot_id=slot_id, quantity=quantity) for slot_id, quantity in places.lines]
    await inventory.return_places(
        ReturnPlaces(establishment_id=tenant, return_id=places.id, hold_id=places.hold_id, lines=lines)
    )


async def _answer(
    session: WriteSession, show: Callable[[Order], OrderView], tenant: UUID, order_id: UUID, *, status: int = 200
) -> Answer:
    """The order as it stands at the end of the transaction."""
    return encode(status, show(await find_order(session, tenant, order_id)))


async def _settle_cancelled(
    session: WriteSession, tenant: UUID, head: Head, order: Order, cancelled: list[Ticket]
) -> None:
    payment = order.payment
    if payment is None:
        return
    if payment.status == "due":
        # Nobody pays at the desk for what was cancelled before.
        left = payment.amount_minor - sum(ticket.price_minor for ticket in cancelled)
        await lower_due(session, tenant, payment.id, left)
    if payment.status != "paid":
        return
    amount = refundable(cancelled, payment.amount_minor, payment.refunded_minor)
    if amount:
        refund = NewRefund(
            id=derived_id("refund", *[ticket.id for ticket in cancelled]),
            order_id=order.id,
            payment_id=payment.id,
            amount_minor=amount,
            reason="Tickets were cancelled.",
        )
        await start_refund(session, tenant, head, refund)
