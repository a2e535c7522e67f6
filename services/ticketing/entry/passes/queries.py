"""What a look at the database finds for an entry pass.

A position in the ledger is read before the tickets: they are then at least as new as it says, and whatever changes them
later has an event behind it. Nobody changes a ticket without an event under the head of the ledger (`orders.actions`,
`orders.posting`, `entry.actions`), which names the order or the ticket as its subject.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from services.kit.database import ReadSession
from services.ticketing.entry.devices.queries import DeviceKey, device_keys
from services.ticketing.entry.passes.rules import FIRST_ID, LONGEST_VALIDITY, Place, Position, after_ticket
from services.ticketing.entry.passes.views import PassSlot
from services.ticketing.tickets.keys.queries import StoredKey, stored_keys

TICKETS_PER_PAGE: Final = 1000
EVENTS_PER_PAGE: Final = 1000
ORDER: Final = "order:"
TICKET: Final = "ticket:"

GATE = """
SELECT gates.venue_id, venues.timezone
FROM ticketing.gates
JOIN ticketing.venues ON venues.establishment_id = $1 AND venues.id = gates.venue_id
WHERE gates.establishment_id = $1 AND gates.id = $2"""

HEAD = "SELECT last_sequence FROM ticketing.ledger_heads WHERE establishment_id = $1"

NEWS = """
SELECT sequence, subject FROM ticketing.events
WHERE establishment_id = $1 AND sequence > $2 ORDER BY sequence LIMIT $3"""

_COLUMNS = """
SELECT tickets.id, tickets.number, tickets.short_code, tickets.slot_id, tickets.tariff_id, tickets.status,
       tickets.revision, tickets.key_id, tickets.valid_from, tickets.valid_until, tickets.entries, tickets.inside,
       tickets.admitted_at, tickets.admitted_gate_id, tickets.passed_at, orders.reference, orders.customer_name,
       EXISTS(SELECT FROM ticketing.payments
              WHERE payments.establishment_id = $1 AND payments.order_id = tickets.order_id
                AND payments.method = 'on_site' AND payments.status = 'due') AS payment_due"""
# An array and not a join: the server would look up the tickets of the day once for each offer.
_OF_THE_PLACE = """
WHERE tickets.establishment_id = $1 AND tickets.valid_until > $3 AND tickets.valid_from < $4
  AND tickets.offer_id = ANY(ARRAY(SELECT offers.id FROM ticketing.offers
                                   WHERE offers.establishment_id = $1 AND offers.venue_id = $2))"""
_WITH_ORDERS = "JOIN ticketing.orders ON orders.establishment_id = $1 AND orders.id = tickets.order_id"

# By end of validity, because an index has them in this order: a page reads what it shows, not the whole day again.
DAY = f"""
{_COLUMNS}
FROM ticketing.tickets {_WITH_ORDERS} {_OF_THE_PLACE}
  AND tickets.valid_until < $5 AND tickets.valid_until >= $6 AND (tickets.valid_until, tickets.id) > ($6, $7)
ORDER BY tickets.valid_until, tickets.id LIMIT $8"""

CHANGED = f"""
{_COLUMNS}
FROM (
    SELECT tickets.id FROM unnest($5::uuid[]) AS named(order_id)
    JOIN ticketing.tickets ON tickets.establishment_id = $1 AND tickets.order_id = named.order_id
    UNION
    SELECT unnest($6::uuid[])
) AS changed
JOIN ticketing.tickets ON tickets.establishment_id = $1 AND tickets.id = changed.id
{_WITH_ORDERS} {_OF_THE_PLACE}
ORDER BY tickets.id"""

_COUNTED = """
SELECT tickets.slot_id AS id, tickets.offer_id, min(tickets.starts_at) AS starts_at, max(tickets.ends_at) AS ends_at,
       min(tickets.valid_from) AS valid_from, max(tickets.valid_until) AS valid_until,
       count(*) FILTER (WHERE tickets.status = 'valid') AS expected,
       count(*) FILTER (WHERE tickets.status = 'valid' AND tickets.admitted_at IS NOT NULL) AS admitted"""
_BY_SLOT = "GROUP BY tickets.slot_id, tickets.offer_id ORDER BY starts_at, id"

SLOTS_OF_DAY = f"""
{_COUNTED}
FROM ticketing.tickets {_OF_THE_PLACE} AND tickets.valid_until < $5
{_BY_SLOT}"""

SLOTS = f"""
{_COUNTED}
FROM unnest($5::uuid[]) AS asked(slot_id)
JOIN ticketing.tickets ON tickets.establishment_id = $1 AND tickets.slot_id = asked.slot_id {_OF_THE_PLACE}
{_BY_SLOT}"""

INSIDE = """
SELECT occupancies.gauge_id, greatest(0, occupancies.inside) AS inside FROM ticketing.occupancies
WHERE occupancies.establishment_id = $1 AND occupancies.gauge_id = ANY($2::uuid[]) AND occupancies.day = $3"""


class PassRow(msgspec.Struct, frozen=True):
    """A ticket as an entry pass is made of it; names of fields as in its table."""

    id: UUID
    number: int
    short_code: str
    slot_id: UUID
    tariff_id: UUID
    status: str
    revision: int
    key_id: int
    valid_from: datetime
    valid_until: datetime
    entries: int
    inside: bool
    admitted_at: datetime | None
    admitted_gate_id: UUID | None
    passed_at: datetime | None
    reference: str
    customer_name: str
    payment_due: bool


class Found(msgspec.Struct, frozen=True):
    """`position` is where the next look goes on."""

    position: Position
    more: bool
    tickets: list[PassRow]
    slots: list[PassSlot]


class KnownKeys(msgspec.Struct, frozen=True):
    """The keys of the establishment, and those of its scanners."""

    signing: list[StoredKey]
    devices: list[DeviceKey]


async def venue_of_gate(session: ReadSession, establishment_id: UUID, gate_id: UUID) -> tuple[UUID, str] | None:
    """With its time zone."""
    rows = await session.fetch(GATE, establishment_id, gate_id)
    return (rows[0]["venue_id"], rows[0]["timezone"]) if rows else None


async def known_keys(session: ReadSession, establishment_id: UUID) -> KnownKeys:
    return KnownKeys(await stored_keys(session, establishment_id), await device_keys(session, establishment_id))


async def last_sequence(session: ReadSession, establishment_id: UUID) -> int:
    rows = await session.fetch(HEAD, establishment_id)
    return int(rows[0]["last_sequence"])


async def find_day(session: ReadSession, place: Place, position: Position) -> Found:
    """The next page of all tickets of the day; with the first one, all its slots."""
    until, last_id = position.read_until if position.is_reading else (place.begins_at, FIRST_ID)
    bounds = (place.establishment_id, place.venue_id, place.begins_at, place.ends_at)
    end = place.ends_at + LONGEST_VALIDITY
    rows = await session.fetch(DAY, *bounds, end, until, last_id, TICKETS_PER_PAGE + 1)
    slots = [] if position.is_reading else await session.fetch(SLOTS_OF_DAY, *bounds, end)
    tickets = [msgspec.convert(dict(row), PassRow) for row in rows[:TICKETS_PER_PAGE]]
    more = len(rows) > TICKETS_PER_PAGE
    after = after_ticket(position, tickets[-1].valid_until, tickets[-1].id) if more else _read(position)
    return Found(after, more, tickets, [msgspec.convert(dict(row), PassSlot) for row in slots])


async def find_changes(session: ReadSession, place: Place, position: Position) -> Found:
    """What the events since then touched, and the slots of those tickets."""
    news = await session.fetch(NEWS, place.establishment_id, position.sequence, EVENTS_PER_PAGE)
    subjects = [row["subject"] for row in news]
    orders, named = _ids(subjects, ORDER), _ids(subjects, TICKET)
    rows, slots = [], []
    bounds = (place.establishment_id, place.venue_id, place.begins_at, place.ends_at)
    if orders or named:
        rows = await session.fetch(CHANGED, *bounds, orders, named)
    tickets = [msgspec.convert(dict(row), PassRow) for row in rows]
    if tickets:
        slots = await session.fetch(SLOTS, *bounds, sorted({ticket.slot_id for ticket in tickets}))
    sequence = news[-1]["sequence"] if news else position.sequence
    return Found(
        msgspec.structs.replace(position, sequence=sequence),
        len(news) == EVENTS_PER_PAGE,
        tickets,
        [msgspec.convert(dict(row), PassSlot) for row in slots],
    )


async def people_inside(session: ReadSession, place: Place, gauge_ids: Sequence[UUID]) -> dict[UUID, int]:
    """By gauge, on the day of the place; a gauge that nobody entered yet is not there."""
    if not gauge_ids:
        return {}
    rows = await session.fetch(INSIDE, place.establishment_id, gauge_ids, place.day)
    return {row["gauge_id"]: row["inside"] for row in rows}


def _read(position: Position) -> Position:
    """The day is read to its end."""
    return msgspec.structs.replace(position, read_until_microseconds=None, read_until_id=None)


def _ids(subjects: Sequence[str], kind: str) -> list[UUID]:
    return [
        UUID(one) for one in sorted({subject.removeprefix(kind) for subject in subjects if subject.startswith(kind)})
    ]
