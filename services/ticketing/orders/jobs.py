"""What runs behind the orders, so that a crash or a lost message is mended within a minute or two.

Each job goes through the establishments that have something to do, one transaction at a time, and may be killed and
run again anywhere.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import sqlalchemy as sa
import structlog
from sqlalchemy.dialects.postgresql import insert

from services.inventory.contract import FindSales, SoldHold, UnknownHold
from services.kit.database import ReadSession, WriteSession
from services.kit.errors import Refused, Unavailable
from services.kit.idempotency import KEPT_FOR
from services.ticketing.establishments.queries import list_ids
from services.ticketing.orders.actions import ReturnedPlaces, let_go, mark_returned, return_later, settle
from services.ticketing.orders.after_sales import give_back
from services.ticketing.orders.cashier import Cashier
from services.ticketing.orders.checkout import Resources
from services.ticketing.orders.posting import OrderSettled
from services.ticketing.orders.queries import find_order
from services.ticketing.orders.tables import orders, place_returns, reconciler_cursors, settlements
from services.ticketing.payments.actions import fail_refund, finish_refund, mark_over
from services.ticketing.payments.provider import CheckoutOpen, PaymentProvider, RefundOrder, RefundRefused
from services.ticketing.payments.queries import (
    WaitingRefund,
    pending_payments,
    unsettled_payments,
    waiting_refunds,
)
from services.ticketing.tables import idempotency_keys

log = structlog.get_logger()
BATCH = 200
AT_THE_DESK = "at the desk"
# A confirmation that ran into the last second of its hold may still be writing its tickets.
GRACE = timedelta(seconds=5)
# A notification usually comes within seconds; then we ask ourselves.
ASK_AFTER = timedelta(seconds=20)
# No transaction lives longer than the statement timeout of 10 seconds: what was sold a minute ago is visible.
SETTLED_AFTER = timedelta(seconds=60)
FIND_WORK = "SELECT ticketing.establishments_with_work($1) AS id"
BEGINNING = datetime.fromisoformat("2000-01-01T00:00:00+00:00")


class OrderJobs:
    def __init__(self, resources: Resources, cashier: Cashier, provider: PaymentProvider | None) -> None:
        self._resources = resources
        self._database = resources.database
        self._cashier = cashier
        self._provider = provider

    async def run_once(self) -> None:
        """Everything that is waiting anywhere. One establishment's trouble does not stop the others."""
        now = self._resources.clock.now()

        async def with_work(session: ReadSession) -> list[UUID]:
            return [row["id"] for row in await session.fetch(FIND_WORK, now)]

        for tenant in await self._database.read_instance(with_work):
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

    async def _expire_orders(self, tenant: UUID) -> None:
        before = self._resources.clock.now() - GRACE

        async def over(session: ReadSession) -> list[UUID]:
            rows = await session.all(
                sa.select(orders.c.id)
                .where(
                    orders.c.establishment_id == tenant,
                    orders.c.status.in_(("held", "awaiting_payment")),
                    orders.c.expires_at < before,
                )
                .order_by(orders.c.expires_at)
                .limit(BATCH)
            )
            return [row.id for row in rows]

        for order_id in await self._database.read(tenant, over):
            await _guarded(partial(self._expire_order, order_id=order_id), tenant)

    async def _expire_order(self, tenant: UUID, order_id: UUID) -> None:
        order = await self._database.read(tenant, lambda session: find_order(session, tenant, order_id))
        for payment in order.payments:
            if payment.status == "pending" and payment.checkout_reference:
                state = await self._cashier.end(tenant, payment.checkout_reference)
                if isinstance(state, CheckoutOpen):
                    # A payment is under way this very moment: the next round knows.
                    return
        try:
            await self._database.write(tenant, lambda session: let_go(session, tenant, order_id, "expired"))
        except OrderSettled:
            log.info("expiry_lost_to_confirmation", order=str(order_id))

    async def _return_places(self, tenant: UUID) -> None:
        async def waiting(session: ReadSession) -> list[ReturnedPlaces]:
            rows = await session.all(
                sa.select(place_returns)
                .where(place_returns.c.establishment_id == tenant, place_returns.c.done_at.is_(None))
                .order_by(place_returns.c.created_at)
                .limit(BATCH)
            )
            return [ReturnedPlaces(row.id, row.hold_id, _lines(row.lines)) for row in rows]

        for places in await self._database.read(tenant, waiting):
            try:
                await give_back(self._resources.inventory, tenant, places)
            except UnknownHold:
                log.warning("return_of_unknown_hold", hold=str(places.hold_id))
            done = partial(mark_returned, establishment_id=tenant, return_id=places.id)
            await self._database.write(tenant, done)

    async def _ask_about_payments(self, tenant: UUID) -> None:
        before = self._resources.clock.now() - ASK_AFTER
        pending = await self._database.read(
            tenant, lambda session: pending_payments(session, tenant, created_before=before, limit=BATCH)
        )
        for payment in pending:
            if payment.checkout_reference:
                await self._cashier.settle(tenant, payment.checkout_reference)
            elif payment.created_at < before - timedelta(hours=1):
                # The provider's page never came to be: nobody can pay there.
                over = partial(mark_over, establishment_id=tenant, payment_id=payment.id)
                await self._database.write(tenant, over)

    async def _settle_payments(self, tenant: UUID) -> None:
        unsettled = await self._database.read(tenant, lambda session: unsettled_payments(session, tenant, BATCH))
        for found in unsettled:
            order = await self._database.read(
                tenant, partial(find_order, establishment_id=tenant, order_id=found.order_id)
            )
            payment = next(payment for payment in order.payments if payment.id == found.id)
            await self._cashier.honour(tenant, order, payment)

    async def _send_refunds(self, tenant: UUID) -> None:
        establishment = await self._resources.establishments.get(tenant)
        waiting = await self._database.read(tenant, lambda session: waiting_refunds(session, tenant, BATCH))
        for refund in waiting:
            await self._send_refund(tenant, refund, establishment.stripe_account)

    async def _send_refund(self, tenant: UUID, refund: WaitingRefund, account: str) -> None:
        reference = AT_THE_DESK
        if refund.method == "stripe" and self._provider is not None:
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

        async def forget(session: WriteSession) -> None:
            await session.run(
                sa.delete(idempotency_keys).where(
                    idempotency_keys.c.establishment_id == tenant, idempotency_keys.c.created_at < before
                )
            )

        await self._database.write(tenant, forget)

    async def _reconcile_establishment(self, tenant: UUID) -> None:
        until = self._resources.clock.now() - SETTLED_AFTER

        async def compared_until(session: ReadSession) -> datetime:
            found = await session.scalar(
                sa.select(reconciler_cursors.c.compared_until).where(reconciler_cursors.c.establishment_id == tenant)
            )
            return found if isinstance(found, datetime) else BEGINNING

        since = await self._database.read(tenant, compared_until)
        full = True
        while full:
            sales = await self._resources.inventory.find_sales(
                FindSales(establishment_id=tenant, sold_after=since, sold_before=until, limit=500)
            )
            full = len(sales) == 500  # noqa: PLR2004 - the limit above
            # Several sales may share a moment: the last one of a full page is looked at again with the next.
            since = sales[-1].sold_at - timedelta(microseconds=1) if full else until
            await self._compare(tenant, sales)
            await self._database.write(tenant, partial(_move_cursor, tenant=tenant, to=since))

    async def _compare(self, tenant: UUID, sales: list[SoldHold]) -> None:
        async def known(session: ReadSession) -> set[tuple[UUID, str]]:
            rows = await session.all(
                sa.select(settlements.c.hold_id, settlements.c.outcome).where(
                    settlements.c.establishment_id == tenant, settlements.c.hold_id.in_([sale.id for sale in sales])
                )
            )
            return {(row.hold_id, row.outcome) for row in rows}

        settled = await self._database.read(tenant, known) if sales else set()
        for sale in sales:
            if (sale.id, "ticketed") not in settled:
                await self._undo_sale(tenant, sale, settled=(sale.id, "let_go") in settled)

    async def _undo_sale(self, tenant: UUID, sale: SoldHold, *, settled: bool) -> None:
        async def action(session: WriteSession) -> None:
            if not settled:
                await settle(session, tenant, sale.id, sale.owner_id, "let_go")
            await return_later(session, tenant, sale.id, None)

        try:
            await self._database.write(tenant, action)
        except OrderSettled:
            return
        log.warning("sale_without_tickets_undone", hold=str(sale.id))
        await self._return_places(tenant)


async def _guarded(job: Callable[[UUID], Awaitable[None]], tenant: UUID) -> None:
    try:
        await job(tenant)
    except (Unavailable, Refused) as error:
        log.warning("job_waits", job=getattr(job, "__name__", ""), establishment=str(tenant), reason=str(error))


async def _move_cursor(session: WriteSession, tenant: UUID, to: datetime) -> None:
    statement = insert(reconciler_cursors).values(establishment_id=tenant, compared_until=to)
    await session.run(
        statement.on_conflict_do_update(
            index_elements=["establishment_id"], set_={"compared_until": statement.excluded.compared_until}
        )
    )


def _lines(stored: list[dict[str, object]] | None) -> list[tuple[UUID, int]] | None:
    if stored is None:
        return None
    return [(UUID(str(line["slot_id"])), int(str(line["quantity"]))) for line in stored]
