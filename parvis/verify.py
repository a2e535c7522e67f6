"""`parvis verify`: recomputes every promise of an instance from its rows, as the owner, past row-level security.

Each check answers one sentence per violation. The two services' tables may be on two servers: nothing is joined
across them here either.
"""

import asyncio
from typing import TypeAlias
from uuid import UUID

import asyncpg

from parvis.migrate import owner_urls
from parvis.settings import Settings
from services.kit.event_chain import GENESIS, ChainedEvent, broken_links

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

GAUGE_DRIFT = """
WITH taken AS (
    SELECT slots.establishment_id, gauge_id,
           sum(hold_lines.quantity) FILTER (WHERE holds.state = 'held') AS held,
           sum(hold_lines.quantity) FILTER (WHERE holds.state = 'sold') AS sold
    FROM inventory.holds
    JOIN inventory.hold_lines
      ON hold_lines.establishment_id = holds.establishment_id AND hold_lines.hold_id = holds.id
    JOIN inventory.slots ON slots.establishment_id = holds.establishment_id AND slots.id = hold_lines.slot_id
    CROSS JOIN unnest(slots.gauge_ids) AS gauge_id
    WHERE holds.state IN ('held', 'sold')
    GROUP BY slots.establishment_id, gauge_id
)
SELECT gauges.id, gauges.capacity, gauges.held, gauges.sold,
       coalesce(taken.held, 0) AS holds_held, coalesce(taken.sold, 0) AS holds_sold
FROM inventory.gauges
LEFT JOIN taken ON taken.establishment_id = gauges.establishment_id AND taken.gauge_id = gauges.id
WHERE gauges.held <> coalesce(taken.held, 0) OR gauges.sold <> coalesce(taken.sold, 0)
   OR gauges.held + gauges.sold > gauges.capacity OR gauges.held < 0 OR gauges.sold < 0"""

SOLD = """
SELECT holds.id AS hold_id, hold_lines.slot_id, hold_lines.quantity,
       holds.sold_at < now() - interval '10 minutes' AS old
FROM inventory.holds
JOIN inventory.hold_lines ON hold_lines.establishment_id = holds.establishment_id AND hold_lines.hold_id = holds.id
WHERE holds.establishment_id = $1 AND holds.state = 'sold' AND hold_lines.quantity > 0"""
TICKETS = """
SELECT hold_id, slot_id, count(*) AS quantity FROM ticketing.tickets
WHERE establishment_id = $1 AND status = 'valid' GROUP BY hold_id, slot_id"""
WAITING_RETURNS = "SELECT hold_id FROM ticketing.place_returns WHERE establishment_id = $1 AND done_at IS NULL"
SETTLED = "SELECT hold_id FROM ticketing.settlements WHERE establishment_id = $1 AND outcome = 'ticketed'"
EVENTS = """
SELECT sequence, type, subject, payload, occurred_at, previous_hash, hash FROM ticketing.events
WHERE establishment_id = $1 ORDER BY sequence"""
HEAD = "SELECT last_sequence, last_hash FROM ticketing.ledger_heads WHERE establishment_id = $1"

# Each query finds rows that should not be; its columns fill the sentence.
BOOKS = {
    "order {id} is {status} and has {valid} valid tickets of {issued} issued, for {admissions} admissions": """
        SELECT orders.id, orders.status, coalesce(lines.admissions, 0) AS admissions,
               coalesce(issued.valid, 0) AS valid, coalesce(issued.issued, 0) AS issued
        FROM ticketing.orders
        LEFT JOIN (SELECT establishment_id, order_id, sum(quantity * admits) AS admissions
                   FROM ticketing.order_lines GROUP BY 1, 2) AS lines
          ON lines.establishment_id = orders.establishment_id AND lines.order_id = orders.id
        LEFT JOIN (SELECT establishment_id, order_id, count(*) AS issued,
                          count(*) FILTER (WHERE status = 'valid') AS valid
                   FROM ticketing.tickets GROUP BY 1, 2) AS issued
          ON issued.establishment_id = orders.establishment_id AND issued.order_id = orders.id
        WHERE CASE orders.status
            WHEN 'confirmed' THEN coalesce(issued.valid, 0) NOT BETWEEN 1 AND lines.admissions
                                  OR issued.issued < lines.admissions
            ELSE coalesce(issued.valid, 0) > 0 END""",
    "ticket numbers of establishment {id} are not uninterrupted: {tickets} tickets from {first} to {last}": """
        SELECT establishment_id AS id, count(*) AS tickets, min(number) AS first, max(number) AS last
        FROM ticketing.tickets GROUP BY establishment_id HAVING count(*) <> max(number) OR min(number) <> 1""",
    "payment {id} was taken, but order {order_id} is {status} and nothing goes back": """
        SELECT payments.id, payments.order_id, orders.status FROM ticketing.payments
        JOIN ticketing.orders
          ON orders.establishment_id = payments.establishment_id AND orders.id = payments.order_id
        WHERE payments.status = 'paid' AND payments.settled_at IS NOT NULL AND payments.refunded_minor = 0
          AND orders.status NOT IN ('confirmed', 'cancelled')""",
    "payment {id} is due {amount_minor}, the valid tickets of order {order_id} cost {tickets}": """
        SELECT payments.id, payments.order_id, payments.amount_minor, coalesce(sum(tickets.price_minor), 0) AS tickets
        FROM ticketing.payments
        LEFT JOIN ticketing.tickets
          ON tickets.establishment_id = payments.establishment_id AND tickets.order_id = payments.order_id
          AND tickets.status = 'valid'
        WHERE payments.status = 'due'
        GROUP BY payments.establishment_id, payments.id, payments.order_id, payments.amount_minor
        HAVING payments.amount_minor <> coalesce(sum(tickets.price_minor), 0)""",
    "payment {id} says that {refunded_minor} was refunded, its refunds say {refunds}": """
        SELECT payments.id, payments.refunded_minor, coalesce(sum(refunds.amount_minor), 0) AS refunds
        FROM ticketing.payments
        LEFT JOIN ticketing.refunds
          ON refunds.establishment_id = payments.establishment_id AND refunds.payment_id = payments.id
          AND refunds.status <> 'failed'
        GROUP BY payments.establishment_id, payments.id, payments.refunded_minor
        HAVING payments.refunded_minor <> coalesce(sum(refunds.amount_minor), 0)""",
}
ESTABLISHMENTS = "SELECT id, slug FROM ticketing.establishments ORDER BY slug"
ROUNDS = 3
PAUSE_SECONDS = 1.0


async def verify(settings: Settings) -> list[str]:
    """The violations found, one sentence each; empty for a sound instance.

    A running instance changes while it is read: what is wrong only in passing is not reported.
    """
    lasting = await _round(settings)
    for _ in range(ROUNDS - 1):
        if not lasting:
            break
        await asyncio.sleep(PAUSE_SECONDS)
        again = set(await _round(settings))
        lasting = [violation for violation in lasting if violation in again]
    return lasting


async def _round(settings: Settings) -> list[str]:
    urls = owner_urls(settings)
    inventory = await asyncpg.connect(urls["inventory"])
    ticketing = await asyncpg.connect(urls["ticketing"])
    try:
        found = [
            f"gauge {row['id']} counts {row['held']} held and {row['sold']} sold of {row['capacity']}, "
            f"its holds say {row['holds_held']} and {row['holds_sold']}"
            for row in await inventory.fetch(GAUGE_DRIFT)
        ]
        for sentence, query in BOOKS.items():
            found += [sentence.format(**row) for row in await ticketing.fetch(query)]
        for establishment in await ticketing.fetch(ESTABLISHMENTS):
            places = await _places(inventory, ticketing, establishment["id"])
            chain = await _chain(ticketing, establishment["id"])
            found += [f"{establishment['slug']}: {fault}" for fault in (*places, *chain)]
    finally:
        await inventory.close()
        await ticketing.close()
    return found


async def _places(inventory: Connection, ticketing: Connection, establishment_id: UUID) -> list[str]:
    """Sold places of each hold and slot against the valid tickets that came from it.

    A sale without tickets is a crash that the reconciler has yet to mend, for ten minutes at most.
    """
    tickets = {
        (row["hold_id"], row["slot_id"]): row["quantity"] for row in await ticketing.fetch(TICKETS, establishment_id)
    }
    settled = {row["hold_id"] for row in await ticketing.fetch(SETTLED, establishment_id)}
    returning = {row["hold_id"] for row in await ticketing.fetch(WAITING_RETURNS, establishment_id)}
    faults = []
    for row in await inventory.fetch(SOLD, establishment_id):
        key, sold = (row["hold_id"], row["slot_id"]), row["quantity"]
        valid = tickets.pop(key, 0)
        waits = row["hold_id"] in returning or (row["hold_id"] not in settled and not row["old"])
        if sold != valid and not (waits and valid <= sold):
            faults.append(f"hold {key[0]} has {sold} places sold on slot {key[1]} and {valid} valid tickets")
    faults += [
        f"{count} valid tickets on slot {slot_id} have no sold place in hold {hold_id}"
        for (hold_id, slot_id), count in tickets.items()
    ]
    return faults


async def _chain(ticketing: Connection, establishment_id: UUID) -> list[str]:
    """The whole event log, hash by hash, against its head."""
    faults: list[str] = []
    last = (0, GENESIS)
    async with ticketing.transaction(isolation="repeatable_read", readonly=True):
        head = await ticketing.fetchrow(HEAD, establishment_id)
        async for row in ticketing.cursor(EVENTS, establishment_id, prefetch=1000):
            event = ChainedEvent(**dict(row))
            faults += broken_links([event], previous_hash=last[1], sequence=last[0])
            last = (event.sequence, event.hash)
    if head is None:
        return ["the ledger has no head"]
    if (head["last_sequence"], head["last_hash"]) != last:
        faults.append(f"the ledger's head stands at event {head['last_sequence']}, the log ends at {last[0]}")
    return faults
