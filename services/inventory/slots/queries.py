"""Slots, schedules and shared gauges, as structs."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg
import msgspec
import sqlalchemy as sa

from services.inventory.contract import FindGauges, FindPlaces, FindSlots, Gauge, Schedule, Slot, SlotPlaces
from services.inventory.slots.rules import SaleTerms, entry_window, on_sale, sales_end
from services.inventory.tables import gauges, hold_lines, holds, schedules, shared_gauges, slots
from services.kit.database import ReadSession

# The smallest of all gauges, as a hold would find it. Its own clock: who asks may be on another machine.
FIND_PLACES = """
SELECT slots.id, slots.offer_id, slots.starts_at, slots.ends_at, slots.local_date,
       schedules.timezone, schedules.kind, schedules.opens_at, schedules.closes_minutes_before, schedules.published,
       counted.free, counted.capacity, counted.closed, now() AS now
FROM (
    SELECT id FROM inventory.slots WHERE establishment_id = $1 AND id = ANY($2::uuid[])
    UNION
    SELECT slots.id FROM unnest($3::uuid[], $4::date[]) AS wanted(offer_id, day)
    JOIN inventory.slots ON slots.establishment_id = $1 AND slots.offer_id = wanted.offer_id
        AND slots.local_date = wanted.day
) AS found
JOIN inventory.slots ON slots.establishment_id = $1 AND slots.id = found.id AND slots.removed_at IS NULL
JOIN inventory.schedules ON schedules.establishment_id = $1 AND schedules.offer_id = slots.offer_id
JOIN LATERAL (
    SELECT min(gauges.capacity - gauges.held - gauges.sold) AS free, min(gauges.capacity) AS capacity,
           bool_or(gauges.closed) AS closed
    FROM inventory.gauges WHERE gauges.establishment_id = $1 AND gauges.id = ANY(slots.gauge_ids)
) AS counted ON true
ORDER BY slots.starts_at, slots.id"""


class AffectedSlot(msgspec.Struct, frozen=True):
    """A slot that people hold or bought `places` on; times with the venue's offset."""

    id: UUID
    offer_id: UUID
    starts_at: datetime
    ends_at: datetime
    places: int


class Affected(msgspec.Struct, frozen=True):
    """Whom a change concerns."""

    slots: list[AffectedSlot] = []
    order_ids: list[UUID] = []


async def find_slots(session: ReadSession, query: FindSlots) -> list[Slot]:
    """Also finds slots that are no longer offered: orders name them."""
    rows = await session.all(
        sa.select(
            slots.c.id,
            slots.c.offer_id,
            slots.c.starts_at,
            slots.c.ends_at,
            schedules.c.timezone,
            schedules.c.kind,
            schedules.c.early_entry_minutes,
            schedules.c.late_entry_minutes,
        )
        .select_from(slots)
        .join(schedules, _schedule_of_slot())
        .where(
            slots.c.establishment_id == query.establishment_id,
            schedules.c.establishment_id == query.establishment_id,
            slots.c.id.in_(query.slot_ids),
        )
    )
    return [_slot(row) for row in rows]


async def find_places(session: ReadSession, query: FindPlaces) -> list[SlotPlaces]:
    """One statement, however many; only slots that are still offered."""
    offers, days = [day.offer_id for day in query.days], [day.day for day in query.days]
    rows = await session.fetch(FIND_PLACES, query.establishment_id, query.slot_ids, offers, days)
    return [_places(row) for row in rows]


async def schedule_of(session: ReadSession, establishment_id: UUID, offer_id: UUID) -> Schedule | None:
    row = await session.first(
        sa.select(schedules).where(schedules.c.establishment_id == establishment_id, schedules.c.offer_id == offer_id)
    )
    return Schedule(**row._mapping) if row else None  # noqa: SLF001 - SQLAlchemy's public name for it


async def shared_gauge(session: ReadSession, establishment_id: UUID, gauge_id: UUID) -> Gauge | None:
    found = await shared_gauges_by_id(session, establishment_id, [gauge_id])
    return found.get(gauge_id)


async def shared_gauges_by_id(
    session: ReadSession, establishment_id: UUID, gauge_ids: Sequence[UUID]
) -> dict[UUID, Gauge]:
    rows = await session.all(_select_shared_gauges(establishment_id).where(shared_gauges.c.id.in_(gauge_ids)))
    return {row.id: Gauge(**row._mapping) for row in rows}  # noqa: SLF001 - SQLAlchemy's public name for it


async def list_shared_gauges(
    session: ReadSession, establishment_id: UUID, *, after: UUID | None, limit: int | None
) -> list[Gauge]:
    statement = _select_shared_gauges(establishment_id).order_by(shared_gauges.c.id).limit(limit)
    if after is not None:
        statement = statement.where(shared_gauges.c.id > after)
    return [Gauge(**row._mapping) for row in await session.all(statement)]  # noqa: SLF001 - as above


async def find_gauges(session: ReadSession, query: FindGauges) -> list[Gauge]:
    return await list_shared_gauges(session, query.establishment_id, after=None, limit=None)


async def affected_by(session: ReadSession, establishment_id: UUID, slot_ids: Sequence[UUID]) -> Affected:
    """Those of the slots that somebody holds or bought, and the orders that did."""
    if not slot_ids:
        return Affected()
    places = (gauges.c.held + gauges.c.sold).label("places")
    rows = await session.all(
        sa.select(slots.c.id, slots.c.offer_id, slots.c.starts_at, slots.c.ends_at, places, schedules.c.timezone)
        .select_from(slots)
        .join(schedules, _schedule_of_slot())
        .join(gauges, sa.and_(gauges.c.establishment_id == slots.c.establishment_id, gauges.c.id == slots.c.id))
        .where(
            slots.c.establishment_id == establishment_id,
            schedules.c.establishment_id == establishment_id,
            gauges.c.establishment_id == establishment_id,
            slots.c.id == sa.any_(sa.cast(list(slot_ids), sa.ARRAY(sa.UUID))),
            places > 0,
        )
        .order_by(slots.c.starts_at, slots.c.id)
    )
    if not rows:
        return Affected()
    order_ids = await _owners(session, establishment_id, [row.id for row in rows])
    return Affected(slots=[_affected_slot(row) for row in rows], order_ids=order_ids)


async def _owners(session: ReadSession, establishment_id: UUID, slot_ids: Sequence[UUID]) -> list[UUID]:
    rows = await session.all(
        sa.select(holds.c.owner_id)
        .distinct()
        .select_from(holds)
        .join(
            hold_lines,
            sa.and_(hold_lines.c.establishment_id == holds.c.establishment_id, hold_lines.c.hold_id == holds.c.id),
        )
        .where(
            holds.c.establishment_id == establishment_id,
            hold_lines.c.establishment_id == establishment_id,
            hold_lines.c.slot_id == sa.any_(sa.cast(list(slot_ids), sa.ARRAY(sa.UUID))),
            hold_lines.c.quantity > 0,
            holds.c.state.in_(["held", "sold"]),
        )
        .order_by(holds.c.owner_id)
    )
    return [row.owner_id for row in rows]


def _schedule_of_slot() -> sa.ColumnElement[bool]:
    return sa.and_(schedules.c.establishment_id == slots.c.establishment_id, schedules.c.offer_id == slots.c.offer_id)


def _select_shared_gauges(establishment_id: UUID) -> sa.Select[Any]:
    return sa.select(shared_gauges.c.id, shared_gauges.c.name, shared_gauges.c.capacity, shared_gauges.c.per).where(
        shared_gauges.c.establishment_id == establishment_id
    )


def _slot(row: sa.Row[Any]) -> Slot:
    valid_from, valid_until = entry_window(
        row.kind, row.starts_at, row.ends_at, row.early_entry_minutes, row.late_entry_minutes
    )
    return Slot(
        id=row.id,
        offer_id=row.offer_id,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        timezone=row.timezone,
        valid_from=valid_from,
        valid_until=valid_until,
    )


def _places(row: asyncpg.Record) -> SlotPlaces:
    terms = SaleTerms(
        kind=row["kind"],
        opens_at=row["opens_at"],
        closes_minutes_before=row["closes_minutes_before"],
        published=row["published"],
    )
    return SlotPlaces(
        slot_id=row["id"],
        offer_id=row["offer_id"],
        starts_at=row["starts_at"],
        day=row["local_date"],
        timezone=row["timezone"],
        free=max(row["free"], 0),
        capacity=row["capacity"],
        on_sale=not row["closed"] and on_sale(terms, row["starts_at"], row["ends_at"], row["now"]),
        sold_until=sales_end(terms.kind, row["starts_at"], row["ends_at"], terms.closes_minutes_before),
    )


def _affected_slot(row: sa.Row[Any]) -> AffectedSlot:
    zone = ZoneInfo(row.timezone)
    return AffectedSlot(
        id=row.id,
        offer_id=row.offer_id,
        starts_at=row.starts_at.astimezone(zone),
        ends_at=row.ends_at.astimezone(zone),
        places=row.places,
    )
