from collections.abc import Sequence
from uuid import UUID

from services.kit.database import WriteSession
from services.ticketing.ledger.actions import NewEvent, append, lock_head

USABLE = """
FROM ticketing.tickets
WHERE establishment_id = $1 AND slot_id = ANY($2::uuid[])
    AND status = 'valid' AND waived_at IS NULL AND admitted_at IS NULL"""

FIND_ORDERS = f"SELECT DISTINCT order_id {USABLE} ORDER BY order_id LIMIT $3"

WAIVE = """
UPDATE ticketing.tickets SET waived_at = $4
WHERE establishment_id = $1 AND slot_id = ANY($2::uuid[]) AND order_id = ANY($3::uuid[])
    AND status = 'valid' AND waived_at IS NULL AND admitted_at IS NULL
RETURNING order_id, number"""


async def waive_terms(session: WriteSession, *, establishment_id: UUID, slot_ids: Sequence[UUID], limit: int) -> int:
    """Of so many orders, the tickets that can still be used on these slots: the terms hold them no longer.

    One event for each order. Returns the number of orders: 0 when all are done. Doing it again does nothing.
    """
    slots = list(slot_ids)
    if not await session.fetch(FIND_ORDERS, establishment_id, slots, 1):
        # Nearly always; and without the lock, no sale waits for it.
        return 0
    head = await lock_head(session, establishment_id)
    orders = [row["order_id"] for row in await session.fetch(FIND_ORDERS, establishment_id, slots, limit)]
    numbers: dict[UUID, list[int]] = {}
    for row in await session.fetch(WAIVE, establishment_id, slots, orders, head.now):
        numbers.setdefault(row["order_id"], []).append(row["number"])
    told = [
        NewEvent("order.visit_closed", f"order:{order_id}", {"tickets": sorted(found)})
        for order_id, found in sorted(numbers.items())
    ]
    if told:
        await append(session, establishment_id, *told, head=head)
    return len(told)
