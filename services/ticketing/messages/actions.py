"""What is written about messages. Locks: the cursor, then messages; the order where a request is counted."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal
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
    count_queued,
    count_requested,
    cursor_position,
    events_behind,
    find_message,
    visit_starts,
)
from services.ticketing.messages.rules import (
    KEPT_FOR,
    MAILS_A_DAY,
    MAILS_AN_HOUR,
    TOO_OLD_TO_TELL,
    Draft,
    Kind,
    days_to_remind,
    draft_of,
    is_limited,
    reminder_id,
)
from services.ticketing.messages.tables import message_cursors, messages, reminder_refusals
from services.ticketing.orders.actions import lock_order
from services.ticketing.orders.rules import OrderEnded

EVENTS_AT_ONCE = 200
# For a visitor, and for whoever serves one.
REQUESTS_AN_HOUR = 3
RESENT_AN_HOUR = 10

QUEUE = """
INSERT INTO ticketing.messages (establishment_id, id, kind, recipient, language, due_at, next_attempt_at, order_id,
    data, requested, state, last_error)
SELECT $1, new.id, new.kind, new.recipient, new.language, new.due_at, new.due_at, new.order_id,
    new.data, new.requested, new.state, new.last_error
FROM json_to_recordset($2::json) AS new(id uuid, kind text, recipient text, language text, due_at timestamptz,
    order_id uuid, data json, requested boolean, state text, last_error text)
ON CONFLICT DO NOTHING"""
CLAIMED_AT_ONCE = 8
FORGOTTEN_AT_ONCE = 500

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


FORGET = f"""
DELETE FROM ticketing.messages WHERE establishment_id = $1 AND id IN (
    SELECT id FROM ticketing.messages
    WHERE establishment_id = $1 AND created_at < $2 AND state IN ('sent', 'failed', 'dropped')
    ORDER BY created_at LIMIT {FORGOTTEN_AT_ONCE})
RETURNING id"""


class TooManyMessages(Refused):
    status = 429
    code = "too_many_messages"
    title = "This was sent several times within the hour"


class MessageWaiting(Refused):
    code = "message_waiting"
    title = "This message has not left yet"


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
    state: Literal["queued", "dropped"] = "queued"
    last_error: str = ""


async def queue_message(session: WriteSession, establishment_id: UUID, *new: NewMessage) -> None:
    """In the transaction of whatever it tells of. Nobody without an address is told anything."""
    addressed = [message for message in new if message.recipient]
    if addressed:
        await session.fetch(QUEUE, establishment_id, msgspec.json.encode(addressed).decode())


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
        told = await _paced(session, tenant, told, known, now)
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
    hour, _ = (await count_queued(session, establishment_id, [order.customer_email], now=now)).get(
        order.customer_email, (0, 0)
    )
    if hour >= MAILS_AN_HOUR:
        raise TooManyMessages("Many mails went to this address. Try again in an hour.")
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


async def resend_message(session: WriteSession, establishment_id: UUID, message_id: UUID, *, now: datetime) -> Message:
    """The same once more, as it reads now, to the address that its order has now.

    Raises `NotFound`, `MessageWaiting`, `TooManyMessages`.
    """
    message = await find_message(session, establishment_id, message_id)
    if message.state in ("queued", "sending"):
        raise MessageWaiting
    recipient, language = message.recipient, message.language
    if message.order_id is not None:
        order = await lock_order(session, establishment_id, message.order_id)
        recipient, language = order.customer_email or recipient, order.language
        asked = await count_requested(session, establishment_id, order.id, since=now - timedelta(hours=1))
        if asked >= RESENT_AN_HOUR:
            raise TooManyMessages("Try again in an hour.")
    again = NewMessage(
        id=new_id(),
        kind=msgspec.convert(message.kind, Kind),
        recipient=recipient,
        language=language,
        due_at=now,
        order_id=message.order_id,
        data=message.data,
        requested=True,
    )
    await queue_message(session, establishment_id, again)
    return await find_message(session, establishment_id, again.id)


async def claim(session: WriteSession, establishment_id: UUID, *, now: datetime, until: datetime) -> list[Message]:
    """At most `CLAIMED_AT_ONCE` that are due, or whose sender is taken for dead. They are the caller's `until` then."""
    rows = await session.fetch(CLAIM, establishment_id, now, until)
    return [msgspec.convert(dict(row), Message) for row in rows]


async def forget_messages(session: WriteSession, *, establishment_id: UUID, now: datetime) -> int:
    """Some of those that left, or never will, and are older than they are kept. Returns how many."""
    return len(await session.fetch(FORGET, establishment_id, now - KEPT_FOR))


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


async def _paced(
    session: WriteSession,
    establishment_id: UUID,
    told: Sequence[NewMessage],
    known: Mapping[UUID, Addressee],
    now: datetime,
) -> list[NewMessage]:
    """Anybody may order for nothing in anybody's name: nobody's mailbox is filled through us."""
    limited = {message.id: message.recipient for message in told if _is_limited(message, known)}
    recipients = sorted(set(limited.values()))
    queued = await count_queued(session, establishment_id, recipients, now=now) if recipients else {}
    paced = []
    for message in told:
        if message.id not in limited:
            paced.append(message)
            continue
        hour, day = queued.get(message.recipient, (0, 0))
        queued[message.recipient] = (hour + 1, day + 1)
        paced.append(_held_back(message, hour, day))
    return paced


def _is_limited(message: NewMessage, known: Mapping[UUID, Addressee]) -> bool:
    return message.order_id is not None and is_limited(message.kind, known[message.order_id].channel)


def _held_back(message: NewMessage, hour: int, day: int) -> NewMessage:
    if day >= MAILS_A_DAY:
        return msgspec.structs.replace(message, state="dropped", last_error="too_many_to_address")
    if hour >= MAILS_AN_HOUR:
        return msgspec.structs.replace(message, due_at=message.due_at + timedelta(hours=1))
    return message


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
