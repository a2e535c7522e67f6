"""What is written about money. Amounts in minor units; a payment's CHECK never lets more go back than came in."""

from collections.abc import Collection
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from services.kit.database import WriteSession
from services.ticketing.ledger.actions import Head, NewEvent, append, lock_head
from services.ticketing.payments.tables import payments, provider_events, refunds

# A provider may take money for what we thought was over.
UNPAID = frozenset({"pending", "due", "failed", "expired"})
DUE = frozenset({"due"})


async def remember_checkout(
    session: WriteSession, establishment_id: UUID, payment_id: UUID, reference: str, url: str
) -> None:
    """Where the visitor pays: the provider's page of a pending payment."""
    await _update(session, establishment_id, payment_id, checkout_reference=reference, url=url)


async def remember_notification(
    session: WriteSession, establishment_id: UUID, event_id: str, type_: str, checkout_reference: str
) -> None:
    """Each event of a provider once, however often it is delivered."""
    await session.run(
        insert(provider_events)
        .values(establishment_id=establishment_id, id=event_id, type=type_, checkout_reference=checkout_reference)
        .on_conflict_do_nothing()
    )


async def mark_paid(
    session: WriteSession,
    establishment_id: UUID,
    order_id: UUID,
    payment_id: UUID,
    provider_reference: str,
    *,
    unpaid: Collection[str] = UNPAID,
) -> bool:
    """Money came in. False if that was known. What is paid stays paid, whatever arrives later."""
    head = await lock_head(session, establishment_id)
    changed = await session.run(
        sa.update(payments)
        .where(
            payments.c.establishment_id == establishment_id,
            payments.c.id == payment_id,
            payments.c.status.in_(unpaid),
        )
        .values(status="paid", provider_reference=provider_reference, paid_at=head.now)
    )
    if changed:
        payload = {"payment_id": payment_id, "provider_reference": provider_reference}
        await append(session, establishment_id, NewEvent("payment.received", f"order:{order_id}", payload), head=head)
    return bool(changed)


async def mark_settled(session: WriteSession, establishment_id: UUID, payment_id: UUID) -> None:
    """The money found its order, or is on its way back."""
    await _update(session, establishment_id, payment_id, settled_at=sa.func.now())


async def lower_due(session: WriteSession, establishment_id: UUID, payment_id: UUID, amount_minor: int) -> None:
    """What is still due after a cancellation; nothing left ends the payment."""
    status = "due" if amount_minor > 0 else "expired"
    await _update(session, establishment_id, payment_id, status=status, amount_minor=max(amount_minor, 0))


async def mark_over(session: WriteSession, establishment_id: UUID, payment_id: UUID) -> None:
    """The provider's page ended without money."""
    await session.run(
        sa.update(payments)
        .where(
            payments.c.establishment_id == establishment_id,
            payments.c.id == payment_id,
            payments.c.status == "pending",
        )
        .values(status="expired")
    )


class NewRefund(msgspec.Struct, frozen=True):
    """`id` is made by the caller, so that the same refund is never asked for twice."""

    id: UUID
    order_id: UUID
    payment_id: UUID
    amount_minor: int
    reason: str


async def start_refund(session: WriteSession, establishment_id: UUID, head: Head, refund: NewRefund) -> bool:
    """Sets the amount aside and writes the refund down; a job sends it. False: more than what is left.

    The head is locked by the caller, so that no two refunds see the same rest.
    """
    taken = await session.run(
        sa.update(payments)
        .where(
            payments.c.establishment_id == establishment_id,
            payments.c.id == refund.payment_id,
            payments.c.status == "paid",
            payments.c.refunded_minor + refund.amount_minor <= payments.c.amount_minor,
        )
        .values(refunded_minor=payments.c.refunded_minor + refund.amount_minor)
    )
    if not taken:
        return False
    values = msgspec.structs.asdict(refund)
    await session.run(sa.insert(refunds).values(establishment_id=establishment_id, status="waiting", **values))
    payload = {"refund_id": refund.id, "amount_minor": refund.amount_minor}
    await append(session, establishment_id, NewEvent("refund.started", f"order:{refund.order_id}", payload), head=head)
    return True


async def finish_refund(
    session: WriteSession, establishment_id: UUID, order_id: UUID, refund_id: UUID, provider_reference: str
) -> None:
    """The provider took the refund."""
    head = await lock_head(session, establishment_id)
    done = await session.run(
        sa.update(refunds)
        .where(refunds.c.establishment_id == establishment_id, refunds.c.id == refund_id, refunds.c.status == "waiting")
        .values(status="sent", provider_reference=provider_reference, done_at=head.now)
    )
    if done:
        payload = {"refund_id": refund_id, "provider_reference": provider_reference}
        await append(session, establishment_id, NewEvent("refund.sent", f"order:{order_id}", payload), head=head)


async def fail_refund(session: WriteSession, establishment_id: UUID, order_id: UUID, refund_id: UUID) -> None:
    """The provider will never take it: the amount is set free again and staff must act."""
    head = await lock_head(session, establishment_id)
    row = await session.first(
        sa.select(refunds.c.payment_id, refunds.c.amount_minor)
        .where(refunds.c.establishment_id == establishment_id, refunds.c.id == refund_id, refunds.c.status == "waiting")
        .with_for_update()
    )
    if row is None:
        return
    await session.run(
        sa.update(refunds)
        .where(refunds.c.establishment_id == establishment_id, refunds.c.id == refund_id)
        .values(status="failed", done_at=head.now)
    )
    await _update(
        session,
        establishment_id,
        row.payment_id,
        refunded_minor=payments.c.refunded_minor - row.amount_minor,
    )
    await append(
        session,
        establishment_id,
        NewEvent("refund.failed", f"order:{order_id}", {"refund_id": refund_id}),
        head=head,
    )


async def _update(session: WriteSession, establishment_id: UUID, payment_id: UUID, **values: object) -> None:
    await session.run(
        sa.update(payments)
        .where(payments.c.establishment_id == establishment_id, payments.c.id == payment_id)
        .values(**values)
    )
