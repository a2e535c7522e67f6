"""One statement, however many slots; kept apart from the rules so that a short cache can stand in front."""

from datetime import date
from uuid import UUID

from services.inventory.availability.rules import OfferCount, SlotCount
from services.kit.database import ReadSession

COUNT_PLACES = """
SELECT schedules.kind, schedules.timezone, schedules.published, schedules.opens_at, schedules.closes_minutes_before,
       slots.id, slots.starts_at, slots.ends_at, slots.local_date,
       counted.remaining, counted.shared_remaining, counted.capacity, counted.closed
FROM inventory.schedules
LEFT JOIN inventory.slots ON slots.establishment_id = $1 AND slots.offer_id = schedules.offer_id
    AND slots.local_date BETWEEN $3 AND $4 AND slots.removed_at IS NULL
LEFT JOIN LATERAL (
    SELECT min(gauges.capacity - gauges.held - gauges.sold) AS remaining,
           min(gauges.capacity - gauges.held - gauges.sold)
               FILTER (WHERE shared_gauges.per IN ('day', 'total')) AS shared_remaining,
           max(gauges.capacity) FILTER (WHERE gauges.id = slots.id) AS capacity,
           bool_or(gauges.closed) AS closed
    FROM inventory.gauges
    LEFT JOIN inventory.shared_gauges ON shared_gauges.establishment_id = $1
        AND shared_gauges.id = gauges.shared_gauge_id
    WHERE gauges.establishment_id = $1 AND gauges.id = ANY(slots.gauge_ids)
) AS counted ON true
WHERE schedules.establishment_id = $1 AND schedules.offer_id = $2
ORDER BY slots.starts_at"""


async def count_places(
    session: ReadSession, establishment_id: UUID, offer_id: UUID, dates: tuple[date, date]
) -> OfferCount | None:
    """The offer with its slots on the local dates, both included; None if there is no such offer."""
    rows = await session.fetch(COUNT_PLACES, establishment_id, offer_id, *dates)
    if not rows:
        return None
    offer = rows[0]
    return OfferCount(
        kind=offer["kind"],
        timezone=offer["timezone"],
        published=offer["published"],
        opens_at=offer["opens_at"],
        closes_minutes_before=offer["closes_minutes_before"],
        slots=[
            SlotCount(
                id=row["id"],
                starts_at=row["starts_at"],
                ends_at=row["ends_at"],
                local_date=row["local_date"],
                remaining=row["remaining"],
                shared_remaining=row["shared_remaining"],
                capacity=row["capacity"],
                closed=row["closed"],
            )
            for row in rows
            if row["id"] is not None
        ],
    )
