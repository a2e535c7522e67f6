"""Rows that stand ready: for tests of what comes after calendars have made slots."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg

INSERT_SCHEDULE = """
INSERT INTO inventory.schedules (establishment_id, offer_id, kind, timezone, gauge_ids, published,
    closes_minutes_before, early_entry_minutes)
VALUES ($1, $2, 'timed', 'Europe/Paris', '{}', true, 0, 30)"""
INSERT_GAUGE = "INSERT INTO inventory.gauges (establishment_id, id, capacity) VALUES ($1, $2, $3)"
INSERT_SLOT = """
INSERT INTO inventory.slots (establishment_id, id, offer_id, starts_at, ends_at, local_date, gauge_ids)
VALUES ($1, $2, $3, $4, $5, $6, $7)"""


async def make_slot(
    owner: asyncpg.Connection,
    establishment_id: UUID,
    *,
    capacity: int,
    shared: Sequence[UUID] = (),
    starts_at: datetime | None = None,
) -> UUID:
    """One slot of an offer of its own, on sale, starting tomorrow unless told otherwise."""
    slot_id, offer_id = uuid4(), uuid4()
    starts_at = starts_at or datetime.now(UTC) + timedelta(days=1)
    await owner.execute(INSERT_SCHEDULE, establishment_id, offer_id)
    await owner.execute(INSERT_GAUGE, establishment_id, slot_id, capacity)
    await owner.execute(
        INSERT_SLOT,
        establishment_id,
        slot_id,
        offer_id,
        starts_at,
        starts_at + timedelta(minutes=30),
        starts_at.date(),
        [slot_id, *shared],
    )
    return slot_id
