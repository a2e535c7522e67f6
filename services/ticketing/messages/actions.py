"""What is written about messages. Locks: the cursor, then messages; the order where a request is counted."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from services.kit.database import WriteSession
from services.kit.errors import Refused
from services.kit.ids import new_id
from services.ticketing.catalog.queries import Catalogue
from services.ticketing.establishments.queries import Establishment
from services.ticketing.messages.queries import (
    Addressee,
    Message,
    addressees,
    count_requested,
    cursor_position,
    events_behind,
    find_message,
    visit_starts,
)
from services.ticketing.messages.rules import (
    TOO_OLD_TO_TELL,
    Draft,
    Kind,
    days_to_remind,
    draft_of,
    reminder_id,
)
from services.ticketing.messages.tables import message_cursors, messages, reminder_refusals
from services.ticketing.orders.actions import lock_order
from services.ticketing.orders.rules import OrderEnded

EVENTS_AT_ONCE = 200
REQUESTS_AN_HOUR = 3

CLAIMED_AT_ONCE = 8

# SKIP LOCKED: what another worker is just taking is not waited for. The limit is no parameter: not knowing it, the
# server plans for a tenth of the queue, and reads the whole table each time.
CLAIM = f"""
UPDATE ticketing.messages SET state = 'sending', attempts = attempts + 1, next_attempt_at = $3
WHERE establishment_id = $1 AND id IN (
    SELECT id FROM ticketing.messages
    WHERE establishment_id = $1 AND state IN ('queued', 'sending') AND next_attempt_at <= $2
    ORDER BY next_attempt_at LIMIT {CLAIMED_AT_ONCE} FOR UPDATE SKIP LOCKED)
RETURNING id, kind, order_id, recipient, language, data, requested, state, attempts, due_at, next_attempt_at,
    last_error, created_at, sent_at"""


class TooManyMessages(Refused):
    status = 429
    code = "too_many_messages"
    title = "This was sent several times within the hour"


class NewMessage(msgspec.Struct, frozen=True):
    """`id` is made by the caller, so that queueing it twice makes one message. `data` holds no secret.

    With an `order_id` the mail links to the order, with its token.
    """

    id: UUID
    kind: Kind
    recipient: str
    language: str
    due_at: datetime
    order_id: UUID | None = None
    data: Mapping[str, object] = {}
    requested: bool = False


async def queue_message(session: WriteSession, establishment_id: UUID, *new: NewMessage) -> None:
    """In the transaction of whatever it tells of. Nobody without an address is told anything."""
    rows = [
        {"establishment_id": establishment_id, "next_attempt_at": message.due_at, **msgspec.to_builtins(message)}
        | {"id": message.id, "order_id": message.order_id, "due_at": message.due_at}
        for message in new
        if message.recipient
    ]
    if rows:
        await session.run(insert(messages).on_conflict_do_nothing(), rows)


async def tell(session: WriteSession, establishment: Establishment, catalogue: Catalogue, *, now: datetime) -> int:
    """Turns the next events of the log into messages and moves the cursor. Returns the number of events read."""
    tenant = establishment.id
    await session.run(insert(message_cursors).values(establishment_id=tenant, sequence=0).on_conflict_do_nothing())
    behind = await events_behind(session, tenant, await cursor_position(session, tenant), EVENTS_AT_ONCE)
    if not behind:
        return 0
    fresh = [draft_of(tenant, event) for event in behind if event.occurred_at > now - TOO_OLD_TO_TELL]
    drafts = [draft for draft in fresh if draft is not None]
    if drafts:
        known = await addressees(session, tenant, sorted({draft.order_id for draft in drafts}))
        told = [_told(draft, known[draft.order_id], now) for draft in drafts if draft.order_id in known]
        reminders = await _reminders(session, establishment, catalogue, drafts, known, now)
        await queue_message(session, tenant, *told, *reminders)
    await session.run(
        sa.update(message_cursors)
        .where(message_cursors.c.establishment_id == tenant)
        .values(sequence=behind[-1].sequence)
    )
    return len(behind)


async def request_message(session: WriteSession, establishment_id: UUID, order_id: UUID, *, now: datetime) -> Message:
    """The tickets once more. Raises `OrderEnded` where there are none, `TooManyMessages`."""
    # Locked, so that requests at the same moment count each other.
    order = await lock_order(session, establishment_id, order_id)
    if order.status != "confirmed" or not order.customer_email:
        raise OrderEnded(f"The order is {order.status}: there are no tickets to send.")
    asked = await count_requested(session, establishment_id, order_id, since=now - timedelta(hours=1))
    if asked >= REQUESTS_AN_HOUR:
        raise TooManyMessages("Look among the unwanted mail too, or try again in an hour.")
    message = NewMessage(
        id=new_id(),
        kind="order_confirmed",
        recipient=order.customer_email,
        language=order.language,
        due_at=now,
        order_id=order_id,
        requested=True,
    )
    await queue_message(session, establishment_id, message)
    return await find_message(session, establishment_id, message.id)


async def claim(session: WriteSession, establishment_id: UUID, *, now: datetime, until: datetime) -> list[Message]:
    """At most `CLAIMED_AT_ONCE` that are due, or whose sender is taken for dead. They are the caller's `until` then."""
    rows = await session.fetch(CLAIM, establishment_id, now, until)
    return [msgspec.convert(dict(row), Message) for row in rows]


async def mark_sent(session: WriteSession, establishment_id: UUID, message_id: UUID, *, now: datetime) -> None:
    """Whoever sent it and however late: it was sent."""
    await session.run(
        sa.update(messages)
        .where(messages.c.establishment_id == establishment_id, messages.c.id == message_id)
        .values(state="sent", sent_at=now, last_error="")
    )


async def mark_unsent(
    session: WriteSession, establishment_id: UUID, message: Message, error: str, *, state: str, again_at: datetime
) -> None:
    """`queued` to be tried again, `failed` or `dropped` for good. Not if another worker has it by now."""
    await session.run(
        sa.update(messages)
        .where(
            messages.c.establishment_id == establishment_id,
            messages.c.id == message.id,
            messages.c.state == "sending",
            messages.c.attempts == message.attempts,
        )
        .values(state=state, last_error=error, next_attempt_at=again_at)
    )


async def refuse_reminders(session: WriteSession, establishment_id: UUID, address_hash: bytes) -> None:
    await session.run(
        insert(reminder_refusals)
        .values(establishment_id=establishment_id, address_hash=address_hash)
        .on_conflict_do_nothing()
    )


def _told(draft: Draft, addressee: Addressee, now: datetime) -> NewMessage:
    return NewMessage(
        id=draft.id,
        kind=draft.kind,
        recipient=addressee.customer_email,
        language=addressee.language,
        due_at=now,
        order_id=draft.order_id,
        data=draft.data,
    )


async def _reminders(
    session: WriteSession,
    establishment: Establishment,
    catalogue: Catalogue,
    drafts: Sequence[Draft],
    known: Mapping[UUID, Addressee],
    now: datetime,
) -> list[NewMessage]:
    """The table is the calendar too: a reminder waits in it until its hour."""
    dated = sorted(
        {draft.order_id for draft in drafts if draft.kind in ("order_confirmed", "order_exchanged")} & known.keys()
    )
    starts: dict[UUID, list[tuple[datetime, str]]] = {}
    for visit in await visit_starts(session, establishment.id, dated) if dated else []:
        offer = catalogue.offers.get(visit.offer_id)
        if offer is not None and offer.kind != "timed":
            # An open ticket has no hour to be reminded of.
            continue
        venue = catalogue.venues.get(offer.venue_id) if offer else None
        zone = venue.timezone if venue else establishment.timezone
        starts.setdefault(visit.order_id, []).append((visit.starts_at, zone))
    return [
        NewMessage(
            id=reminder_id(order_id, day),
            kind="visit_reminder",
            recipient=known[order_id].customer_email,
            language=known[order_id].language,
            due_at=due_at,
            order_id=order_id,
            data={"day": day.isoformat()},
        )
        for order_id, visits in starts.items()
        for day, due_at in days_to_remind(visits, now).items()
    ]
