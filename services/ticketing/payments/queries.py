from datetime import datetime
from uuid import UUID

import msgspec
import sqlalchemy as sa

from services.kit.database import ReadSession
from services.kit.rows import to_struct
from services.ticketing.payments.tables import payments, refunds


class PendingPayment(msgspec.Struct, frozen=True):
    """A checkout whose outcome is not known yet."""

    id: UUID
    order_id: UUID
    checkout_reference: str
    created_at: datetime


class WaitingRefund(msgspec.Struct, frozen=True):
    """`method` and `payment_reference` tell where the money came from."""

    id: UUID
    order_id: UUID
    amount_minor: int
    currency: str
    method: str
    payment_reference: str


async def payment_of_checkout(session: ReadSession, establishment_id: UUID, reference: str) -> PendingPayment | None:
    """The payment, whatever its state, whose page at the provider has this reference."""
    row = await session.first(
        sa.select(payments).where(
            payments.c.establishment_id == establishment_id,
            payments.c.checkout_reference == reference,
            payments.c.checkout_reference != "",
        )
    )
    return to_struct(row, PendingPayment) if row else None


async def unsettled_payments(session: ReadSession, establishment_id: UUID, limit: int) -> list[PendingPayment]:
    """Money that came in and of which nobody has seen yet whether its order could be confirmed."""
    rows = await session.all(
        sa.select(payments)
        .where(
            payments.c.establishment_id == establishment_id,
            payments.c.status == "paid",
            payments.c.settled_at.is_(None),
        )
        .order_by(payments.c.paid_at)
        .limit(limit)
    )
    return [to_struct(row, PendingPayment) for row in rows]


async def pending_payments(
    session: ReadSession, establishment_id: UUID, *, created_before: datetime, limit: int
) -> list[PendingPayment]:
    rows = await session.all(
        sa.select(payments)
        .where(
            payments.c.establishment_id == establishment_id,
            payments.c.status == "pending",
            payments.c.created_at < created_before,
        )
        .order_by(payments.c.created_at)
        .limit(limit)
    )
    return [to_struct(row, PendingPayment) for row in rows]


async def waiting_refunds(session: ReadSession, establishment_id: UUID, limit: int) -> list[WaitingRefund]:
    rows = await session.all(
        sa.select(
            refunds.c.id,
            refunds.c.order_id,
            refunds.c.amount_minor,
            payments.c.currency,
            payments.c.method,
            payments.c.provider_reference.label("payment_reference"),
        )
        .join(
            payments,
            (payments.c.establishment_id == establishment_id) & (payments.c.id == refunds.c.payment_id),
        )
        .where(refunds.c.establishment_id == establishment_id, refunds.c.status == "waiting")
        .order_by(refunds.c.created_at)
        .limit(limit)
    )
    return [to_struct(row, WaitingRefund) for row in rows]
