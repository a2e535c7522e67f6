"""What runs behind the orders, so that a crash or a lost message is mended within a minute or two.

Each job goes through the establishments that have something to do, one transaction at a time, and may be killed and
run again anywhere.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import structlog

from services.inventory.contract import FindClosedSlots, FindSales, SoldHold, UnknownHold
from services.kit.errors import Refused, Unavailable
from services.kit.idempotency import KEPT_FOR
from services.ticketing.establishments.queries import list_ids
from services.ticketing.orders.actions import abandon_sale, forget_keys, let_go, mark_returned, move_cursor
from services.ticketing.orders.after_sales import give_back
from services.ticketing.orders.cashier import Cashier
from services.ticketing.orders.checkout import Resources
from services.ticketing.orders.posting.actions import OrderSettled
from services.ticketing.orders.queries import (
    compared_until,
    establishments_with_work,
    find_order,
    outcomes,
    overdue_orders,
    waiting_returns,
)
from services.ticketing.payments.actions import fail_refund, finish_refund, mark_over
from services.ticketing.payments.provider import PaymentProvider, RefundOrder, RefundRefused
from services.ticketing.payments.queries import (
    WaitingRefund,
    pageless_payments,
    pending_payments,
    unsettled_payments,
    waiting_refunds,
)
from services.ticketing.payments.rules import ASK_AFTER, births_to_ask_about
from services.ticketing.tickets.actions import waive_terms

log = structlog.get_logger()
BATCH = 200
SALES = 500
# The head of the log is locked meanwhile, and nothing is sold.
ORDERS_TOLD_AT_ONCE = 50
AT_THE_DESK = "at the desk"
# A confirmation that ran into the last second of its hold may still be writing its tickets.
GRACE = timedelta(seconds=5)
# After so long we stop waiting for a provider's page of which we were never told.
PAGE_LOST_AFTER = timedelta(hours=1)
# No transaction lives longer than the statement timeout of 10 seconds: what was sold a minute ago is visible.
SETTLED_AFTER = timedelta(seconds=60)
BEGINNING = datetime.fromisoformat("2000-01-01T00:00:00+00:00")


class OrderJobs:
    def __init__(self, resources: Resources, cashier: Cashier, provider: PaymentProvider | None) -> None:
        self._resources = resources
        self._database = resources.database
        self._cashier = cashier
        self._provider = provider
        # When this process last asked about the payments of an establishment.
        self._asked_at: dict[UUID, datetime] = {}
        # Overdue orders on whose page a payment is under way: a bank debit takes days.
        self._look_again_at: dict[UUID, datetime] = {}

    async def run_once(self) -> None:
        """Everything that is waiting anywhere. One establishment's trouble does not stop the others."""
        now = self._resources.clock.now()
        for tenant in await self._database.read_instance(partial(establishments_with_work, now=now)):
            for job in (
                self._ask_about_payments,
                self._settle_payments,
                self._expire_orders,
                self._return_places,
                self._send_refunds,
                self._forget_keys,
            ):
                await _guarded(job, tenant)

    async def reconcile(self) -> None:
        """Compares inventory's sales with our settlements and returns the places of those that got no tickets."""
        for tenant in await self._database.read_instance(list_ids):
            await _guarded(self._reconcile_establishment, tenant)

    async def notice_closures(self) -> None:
        """Compares inventory's closures with our tickets: whoever has one for a closed slot is told, once."""
        for tenant in await self._database.read_instance(list_ids):
            await _guarded(self._notice_closures, tenant)

    async def _notice_closures(self, tenant: UUID) -> None:
        now, closed = self._resources.clock.now(), list[UUID]()
        full = True
        while full:
            query = FindClosedSlots(establishment_id=tenant, ends_after=now, after=closed[-1] if closed else None)
            found = await self._resources.inventory.find_closed_slots(query)
            closed += found
            full = len(found) == query.limit
        if not closed:
            return
        waive = partial(waive_terms, establishment_id=tenant, slot_ids=closed, limit=ORDERS_TOLD_AT_ONCE)
        while await self._database.write(tenant, waive):
            pass

    async def _expire_orders(self, tenant: UUID) -> None:
        now = self._resources.clock.now()
        before = now - GRACE

        over = partial(overdue_orders, establishment_id=tenant, before=before, limit=BATCH)
        for order_id in await self._database.read(tenant, over):
            if self._look_again_at.get(order_id, now) <= now:
                await _guarded(partial(self._expire_order, order_id=order_id), tenant)

    async def _expire_order(self, tenant: UUID, order_id: UUID) -> None:
        order = await self._database.read(tenant, lambda session: find_order(session, tenant, order_id))
        if not await self._cashier.close_pages(tenant, order):
            now = self._resources.clock.now()
            self._look_again_at[order_id] = now + max(ASK_AFTER, now - (order.expires_at or now))
            return
        self._look_again_at.pop(order_id, None)
        try:
            await self._database.write(tenant, lambda session: let_go(session, tenant, order_id, "expired"))
        except OrderSettled:
            log.info("expiry_lost_to_confirmation", order=str(order_id))

    async def _return_places(self, tenant: UUID) -> None:
        waiting = partial(waiting_returns, establishment_id=tenant, limit=BATCH)
        for places in await self._database.read(tenant, waiting):
            try:
                await give_back(self._resources.inventory, tenant, places)
            except UnknownHold:
                log.warning("return_of_unknown_hold", hold=str(places.hold_id))
            done = partial(mark_returned, establishment_id=tenant, return_id=places.id)
            await self._database.write(tenant, done)

    async def _ask_about_payments(self, tenant: UUID) -> None:
        if self._provider is None:
            return
        now = self._resources.clock.now()
        births = list(births_to_ask_about(self._asked_at.get(tenant), now))
        pending = await self._database.read(
            tenant, partial(pending_payments, establishment_id=tenant, made_within=births, limit=BATCH)
        )
        self._asked_at[tenant] = now
        for payment in pending:
            await _guarded(partial(self._cashier.settle, reference=payment.checkout_reference), tenant)
        lost = partial(pageless_payments, establishment_id=tenant, made_before=now - PAGE_LOST_AFTER, limit=BATCH)
        for payment in await self._database.read(tenant, lost):
            # Nobody can pay there.
            over = partial(mark_over, establishment_id=tenant, payment_id=payment.id)
            await self._database.write(tenant, over)

    async def _settle_payments(self, tenant: UUID) -> None:
        unsettled = await self._database.read(tenant, lambda session: unsettled_payments(session, tenant, BATCH))
        for payment in unsettled:
            # The provider is asked again: whether the amount was right is not kept.
            await _guarded(partial(self._cashier.settle, reference=payment.checkout_reference), tenant)

    async def _send_refunds(self, tenant: UUID) -> None:
        establishment = await self._resources.establishments.get(tenant)
        waiting = await self._database.read(tenant, lambda session: waiting_refunds(session, tenant, BATCH))
        for refund in waiting:
            await _guarded(partial(self._send_refund, refund=refund, account=establishment.stripe_account), tenant)

    async def _send_refund(self, tenant: UUID, refund: WaitingRefund, account: str) -> None:
        reference = AT_THE_DESK
        if refund.method == "stripe":
            if self._provider is None:
                raise Unavailable("There is no payment provider to send the refund through.")
            wanted = RefundOrder(
                refund_id=refund.id,
                order_id=refund.order_id,
                establishment_id=tenant,
                account=account,
                provider_reference=refund.payment_reference,
                amount_minor=refund.amount_minor,
            )
            try:
                reference = (await self._provider.refund(wanted)).reference
            except RefundRefused as refused:
                log.error("refund_refused", order=str(refund.order_id), detail=refused.detail)  # noqa: TRY400 - the refusal says all
                await self._database.write(
                    tenant, lambda session: fail_refund(session, tenant, refund.order_id, refund.id)
                )
                return
        await self._database.write(
            tenant, lambda session: finish_refund(session, tenant, refund.order_id, refund.id, reference)
        )

    async def _forget_keys(self, tenant: UUID) -> None:
        before = self._resources.clock.now() - KEPT_FOR

        await self._database.write(tenant, partial(forget_keys, establishment_id=tenant, before=before))

    async def _reconcile_establishment(self, tenant: UUID) -> None:
        until = self._resources.clock.now() - SETTLED_AFTER

        since = await self._database.read(tenant, partial(compared_until, establishment_id=tenant)) or BEGINNING
        full = True
        while full:
            sales = await self._resources.inventory.find_sales(
                FindSales(establishment_id=tenant, sold_after=since, sold_before=until, limit=SALES)
            )
            if not sales:
                return
            await self._compare(tenant, sales)
            full = len(sales) == SALES
            # Only up to what was seen: our clock may be ahead of the one that dated the sales. Several sales may
            # share a moment, so the last one of a full page is looked at again with the next.
            since = sales[-1].sold_at - timedelta(microseconds=1) if full else sales[-1].sold_at
            await self._database.write(tenant, partial(move_cursor, establishment_id=tenant, to=since))

    async def _compare(self, tenant: UUID, sales: list[SoldHold]) -> None:
        ids = [sale.id for sale in sales]
        settled = (
            await self._database.read(tenant, partial(outcomes, establishment_id=tenant, hold_ids=ids)) if ids else {}
        )
        for sale in sales:
            outcome = settled.get(sale.id)
            if outcome != "ticketed":
                await self._undo_sale(tenant, sale, settled=outcome is not None)

    async def _undo_sale(self, tenant: UUID, sale: SoldHold, *, settled: bool) -> None:
        undo = partial(abandon_sale, establishment_id=tenant, hold_id=sale.id, order_id=sale.owner_id, settled=settled)
        try:
            await self._database.write(tenant, undo)
        except OrderSettled:
            # Its tickets were written after we looked: nothing is wrong.
            return
        log.warning("sale_without_tickets_undone", hold=str(sale.id))
        await self._return_places(tenant)


async def _guarded(job: Callable[[UUID], Awaitable[None]], tenant: UUID) -> None:
    try:
        await job(tenant)
    except (Unavailable, Refused) as error:
        log.warning("job_waits", job=_name(job), establishment=str(tenant), reason=str(error))


def _name(job: Callable[[UUID], Awaitable[None]]) -> str:
    function = job.func if isinstance(job, partial) else job
    return getattr(function, "__name__", "")
