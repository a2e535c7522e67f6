from uuid import UUID

import msgspec
import sqlalchemy as sa

from services.kit.database import ReadSession
from services.ticketing.ledger.tables import events


class Event(msgspec.Struct, frozen=True):
    """One entry of the log; `hash` covers this event and, through `previous_hash`, every one before it."""

    sequence: int
    type: str
    subject: str
    payload: msgspec.Raw
    occurred_at: str
    previous_hash: str
    hash: str


class EventPage(msgspec.Struct, frozen=True):
    """`after` the last sequence of `items` goes on; an empty page means there is nothing newer yet."""

    items: list[Event]
    last_sequence: int


async def events_after(session: ReadSession, establishment_id: UUID, after: int, limit: int) -> EventPage:
    rows = await session.all(
        sa.select(events)
        .where(events.c.establishment_id == establishment_id, events.c.sequence > after)
        .order_by(events.c.sequence)
        .limit(limit)
    )
    items = [
        Event(
            sequence=row.sequence,
            type=row.type,
            subject=row.subject,
            payload=msgspec.Raw(row.payload.encode()),
            occurred_at=row.occurred_at.isoformat(),
            previous_hash=row.previous_hash.hex(),
            hash=row.hash.hex(),
        )
        for row in rows
    ]
    return EventPage(items=items, last_sequence=items[-1].sequence if items else after)
