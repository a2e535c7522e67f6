"""Appending to an establishment's event log. Whoever appends holds the lock of its head.

Orders, tickets and payments change only under that lock, taken first: so no two of their transactions can wait for
each other. What touches none of them (the catalogue, keys) appends at its end.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from uuid import UUID

import msgspec
import sqlalchemy as sa

from services.kit.bulk import BulkInsert
from services.kit.database import WriteSession
from services.kit.event_chain import GENESIS, ChainedEvent, event_hash
from services.ticketing.ledger.tables import events, ledger_heads

EVENT_COLUMNS = ("sequence", "type", "subject", "payload", "occurred_at", "previous_hash", "hash")
EVENT_INSERT = (events, EVENT_COLUMNS)

LOCK_HEAD = """
SELECT last_sequence, last_hash, last_ticket_number, clock_timestamp() AS now
FROM ticketing.ledger_heads WHERE establishment_id = $1 FOR UPDATE"""

# Ends a bulk insert: the head moves on in the same statement as the rows that it covers.
MOVE_HEAD = """
UPDATE ticketing.ledger_heads SET last_sequence = ${0}, last_hash = ${1}, last_ticket_number = ${2}
WHERE establishment_id = $1"""


class NewEvent(msgspec.Struct, frozen=True):
    """`type` in the past tense (`order.confirmed`); `subject` like `order:<id>`; no personal data in `payload`."""

    type: str
    subject: str
    payload: Mapping[str, object]


class Head:
    """The locked head of an establishment's ledger: hands out sequence numbers, hashes and ticket numbers."""

    def __init__(self, last_sequence: int, last_hash: bytes, last_ticket_number: int, now: datetime) -> None:
        self.last_sequence = last_sequence
        self.last_hash = last_hash
        self.last_ticket_number = last_ticket_number
        self.now = now

    def next_ticket_number(self) -> int:
        self.last_ticket_number += 1
        return self.last_ticket_number

    def chain(self, event: NewEvent) -> ChainedEvent:
        """The event with the next sequence number, linked to the one before."""
        linked = ChainedEvent(
            sequence=self.last_sequence + 1,
            type=event.type,
            subject=event.subject,
            payload=msgspec.json.encode(event.payload).decode(),
            occurred_at=self.now,
            previous_hash=self.last_hash,
            hash=b"",
        )
        chained = msgspec.structs.replace(linked, hash=event_hash(linked))
        self.last_sequence, self.last_hash = chained.sequence, chained.hash
        return chained

    def position(self) -> tuple[int, bytes, int]:
        """The values of MOVE_HEAD."""
        return self.last_sequence, self.last_hash, self.last_ticket_number


# The values of an event in the order of EVENT_COLUMNS.
event_row: Callable[[ChainedEvent], tuple[object, ...]] = attrgetter(*EVENT_COLUMNS)


def ending_with_head(*tables: tuple[sa.Table, Sequence[str]]) -> BulkInsert:
    """A bulk insert of `tables` that moves the head; its last three arguments are `Head.position()`."""
    width = 2 + sum(len(columns) for _, columns in tables)
    return BulkInsert(*tables, finally_=MOVE_HEAD.format(width, width + 1, width + 2))


INSERT_EVENTS = ending_with_head(EVENT_INSERT)


async def open_ledger(session: WriteSession, establishment_id: UUID) -> None:
    """The head of a new establishment."""
    await session.run(sa.insert(ledger_heads).values(establishment_id=establishment_id, last_hash=GENESIS))


async def lock_head(session: WriteSession, establishment_id: UUID) -> Head:
    """The first lock of whatever touches orders, tickets or payments (docs/concurrency.md)."""
    row = (await session.fetch(LOCK_HEAD, establishment_id))[0]
    return Head(row["last_sequence"], row["last_hash"], row["last_ticket_number"], row["now"])


async def append(session: WriteSession, establishment_id: UUID, *new: NewEvent, head: Head | None = None) -> None:
    """Appends events of an action that is not batched; `head` if the action has locked it already."""
    head = head or await lock_head(session, establishment_id)
    rows = [event_row(head.chain(event)) for event in new]
    await INSERT_EVENTS.run(session, establishment_id, [rows], *head.position())
