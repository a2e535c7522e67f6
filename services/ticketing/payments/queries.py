from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
import sqlalchemy as sa

from services.kit.columns import known
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
            payments.c.checkout_reference != known(""),
        )
    )
    return to_struct(row, PendingPayment) if row else None


async def unsettled_payments(session: ReadSession, establishment_id: UUID, limit: int) -> list[PendingPayment]:
    """Money that came in and of which nobody has seen yet whether its order could be confirmed."""
    rows = await session.all(
        sa.select(payments)
        .where(
            payments.c.establishment_id == establishment_id,
            payments.c.status == known("paid"),
            payments.c.settled_at.is_(None),
        )
        .order_by(payments.c.paid_at)
        .limit(limit)
    )
    return [to_struct(row, PendingPayment) for row in rows]


async def pending_payments(
    session: ReadSession, establishment_id: UUID, *, made_within: Sequence[tuple[datetime, datetime]], limit: int
) -> list[PendingPayment]:
    """Those with a page at the provider that were made after the first and until the second moment of a pair."""
    made = payments.c.created_at
    return await _pending(
        session,
        establishment_id,
        sa.and_(
            payments.c.checkout_reference != known(""),
            sa.or_(sa.false(), *(sa.and_(made > after, made <= until) for after, until in made_within)),
        ),
        limit,
    )


async def pageless_payments(
    session: ReadSession, establishment_id: UUID, *, made_before: datetime, limit: int
) -> list[PendingPayment]:
    """Those whose page at the provider is not known."""
    old = sa.and_(payments.c.checkout_reference == "", payments.c.created_at < made_before)
    return await _pending(session, establishment_id, old, limit)


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
        .where(refunds.c.establishment_id == establishment_id, refunds.c.status == known("waiting"))
        .order_by(refunds.c.created_at)
        .limit(limit)
    )
    return [to_struct(row, WaitingRefund) for row in rows]


async def _pending(
    session: ReadSession, establishment_id: UUID, chosen: sa.ColumnElement[bool], limit: int
) -> list[PendingPayment]:
    rows = await session.all(
        sa.select(payments)
        .where(payments.c.establishment_id == establishment_id, payments.c.status == known("pending"), chosen)
        .order_by(payments.c.created_at)
        .limit(limit)
    )
    return [to_struct(row, PendingPayment) for row in rows]
