from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa

from services.kit.database import ReadSession
from services.kit.errors import NotFound
from services.kit.rows import to_struct
from services.ticketing.ledger.tables import events
from services.ticketing.messages.rules import LIMITED, LoggedEvent
from services.ticketing.messages.tables import message_cursors, messages, reminder_refusals
from services.ticketing.payments.tables import refunds

FIND_NEWS = "SELECT ticketing.establishments_with_news() AS id"
COUNT_QUEUED = """
SELECT recipient, count(*) FILTER (WHERE created_at > $4::timestamptz - interval '1 hour') AS hour, count(*) AS day
FROM ticketing.messages
WHERE establishment_id = $1 AND recipient = ANY($2::text[]) AND created_at > $4::timestamptz - interval '1 day'
    AND kind = ANY($3::text[])
GROUP BY recipient"""
FIND_MAIL = "SELECT ticketing.establishments_with_mail($1) AS id"
# Joins with what is asked and not `= ANY`: for that, the server reads every entry of each index page it lands on.
FIND_ADDRESSEES = """
SELECT orders.id, orders.customer_email, orders.language, orders.channel
FROM unnest($2::uuid[]) AS asked(id)
JOIN ticketing.orders ON orders.establishment_id = $1 AND orders.id = asked.id
WHERE orders.customer_email <> ''"""
FIND_VISITS = """
SELECT DISTINCT tickets.order_id, tickets.offer_id, tickets.starts_at
FROM unnest($2::uuid[]) AS asked(order_id)
JOIN ticketing.tickets ON tickets.establishment_id = $1 AND tickets.order_id = asked.order_id
WHERE tickets.status = 'valid'"""


class Message(msgspec.Struct, frozen=True):
    """A message as stored; fields are the columns of its table."""

    id: UUID
    kind: str
    order_id: UUID | None
    recipient: str
    language: str
    data: dict[str, Any]
    requested: bool
    state: str
    attempts: int
    due_at: datetime
    next_attempt_at: datetime
    last_error: str
    created_at: datetime
    sent_at: datetime | None


class Addressee(msgspec.Struct, frozen=True):
    """Of an order: who is told, in which language."""

    id: UUID
    customer_email: str
    language: str
    channel: str


class VisitStart(msgspec.Struct, frozen=True):
    order_id: UUID
    offer_id: UUID
    starts_at: datetime


class MessageFilter(msgspec.Struct, frozen=True):
    order_id: UUID | None = None
    state: str | None = None
    after: tuple[datetime, UUID] | None = None


async def establishments_with_news(session: ReadSession) -> list[UUID]:
    """Instance level: where the event log goes on behind the cursor."""
    return [row["id"] for row in await session.fetch(FIND_NEWS)]


async def establishments_with_mail(session: ReadSession, *, now: datetime) -> list[UUID]:
    """Instance level: where a message is due."""
    return [row["id"] for row in await session.fetch(FIND_MAIL, now)]


async def events_behind(session: ReadSession, establishment_id: UUID, sequence: int, limit: int) -> list[LoggedEvent]:
    rows = await session.all(
        sa.select(events.c.sequence, events.c.type, events.c.subject, events.c.payload, events.c.occurred_at)
        .where(events.c.establishment_id == establishment_id, events.c.sequence > sequence)
        .order_by(events.c.sequence)
        .limit(limit)
    )
    return [to_struct(row, LoggedEvent) for row in rows]


async def addressees(session: ReadSession, establishment_id: UUID, order_ids: Sequence[UUID]) -> dict[UUID, Addressee]:
    """Of those orders that say whom to tell."""
    rows = await session.fetch(FIND_ADDRESSEES, establishment_id, order_ids)
    return {row["id"]: msgspec.convert(dict(row), Addressee) for row in rows}


async def visit_starts(session: ReadSession, establishment_id: UUID, order_ids: Sequence[UUID]) -> list[VisitStart]:
    """When the valid tickets of these orders begin, each beginning once."""
    rows = await session.fetch(FIND_VISITS, establishment_id, order_ids)
    return [msgspec.convert(dict(row), VisitStart) for row in rows]


async def find_message(session: ReadSession, establishment_id: UUID, message_id: UUID) -> Message:
    """Raises `NotFound`."""
    row = await session.first(
        sa.select(messages).where(messages.c.establishment_id == establishment_id, messages.c.id == message_id)
    )
    if row is None:
        raise NotFound
    return to_struct(row, Message)


async def list_messages(
    session: ReadSession, establishment_id: UUID, wanted: MessageFilter, limit: int
) -> list[Message]:
    """Newest first, in one statement."""
    statement = sa.select(messages).where(messages.c.establishment_id == establishment_id)
    if wanted.order_id is not None:
        statement = statement.where(messages.c.order_id == wanted.order_id)
    if wanted.state is not None:
        statement = statement.where(messages.c.state == wanted.state)
    if wanted.after is not None:
        statement = statement.where(sa.tuple_(messages.c.created_at, messages.c.id) < sa.tuple_(*wanted.after))
    newest = statement.order_by(messages.c.created_at.desc(), messages.c.id.desc()).limit(limit)
    return [to_struct(row, Message) for row in await session.all(newest)]


async def count_requested(session: ReadSession, establishment_id: UUID, order_id: UUID, *, since: datetime) -> int:
    """How often somebody asked for a message about this order since then."""
    count = await session.scalar(
        sa.select(sa.func.count())
        .select_from(messages)
        .where(
            messages.c.establishment_id == establishment_id,
            messages.c.order_id == order_id,
            messages.c.requested,
            messages.c.due_at > since,
        )
    )
    return int(count)


async def count_queued(
    session: ReadSession, establishment_id: UUID, recipients: Sequence[str], *, now: datetime
) -> dict[str, tuple[int, int]]:
    """For each of these addresses how many limited messages were written in the last hour, and in the last day."""
    rows = await session.fetch(COUNT_QUEUED, establishment_id, list(recipients), list(LIMITED), now)
    return {row["recipient"]: (row["hour"], row["day"]) for row in rows}


async def wants_no_reminders(session: ReadSession, establishment_id: UUID, address_hash: bytes) -> bool:
    row = await session.first(
        sa.select(reminder_refusals.c.address_hash).where(
            reminder_refusals.c.establishment_id == establishment_id,
            reminder_refusals.c.address_hash == address_hash,
        )
    )
    return row is not None


async def refunded_minor(session: ReadSession, establishment_id: UUID, refund_id: UUID) -> int:
    amount = await session.scalar(
        sa.select(refunds.c.amount_minor).where(
            refunds.c.establishment_id == establishment_id, refunds.c.id == refund_id
        )
    )
    return int(amount or 0)


async def cursor_position(session: ReadSession, establishment_id: UUID) -> int:
    """How far the log was told. Locked: of two relays one waits, then sees where the other left off."""
    row = await session.first(
        sa.select(message_cursors.c.sequence)
        .where(message_cursors.c.establishment_id == establishment_id)
        .with_for_update()
    )
    return row.sequence if row else 0
