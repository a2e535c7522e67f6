"""The verbs on slots, schedules and shared gauges.

Locks in this order: the establishment's timetable, then gauges by id. Slots are never moved or given other gauges:
they are removed and made anew, so that a hold which read a slot before it waited for the gauge is not misled. For
the same reason a removed slot keeps its gauge, closed.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from services.inventory.contract import Gauge, Schedule, UnknownGauge
from services.inventory.slots.queries import Affected, affected_by, schedule_of, shared_gauges_by_id
from services.inventory.slots.rules import shared_row_id
from services.inventory.tables import calendars, gauges, schedules, shared_gauges, slots, timetables
from services.kit.database import WriteSession
from services.kit.errors import FieldError, Invalid, NotFound
from services.kit.ids import new_id
from services.kit.zones import checked_zone

LOCK_GAUGES = """
SELECT id, held + sold AS places FROM inventory.gauges
WHERE establishment_id = $1 AND id = ANY($2::uuid[])
ORDER BY id
FOR UPDATE"""

INSERT_OWN_GAUGES = """
INSERT INTO inventory.gauges (establishment_id, id, capacity, closed)
SELECT $1, new.* FROM unnest($2::uuid[], $3::int[], $4::bool[]) AS new"""

INSERT_SHARED_ROWS = """
INSERT INTO inventory.gauges (establishment_id, id, shared_gauge_id, capacity)
SELECT $1, new.* FROM unnest($2::uuid[], $3::uuid[], $4::int[]) AS new
ON CONFLICT DO NOTHING"""

# A list of lists has no array of its own: each slot's gauges travel as text.
INSERT_SLOTS = """
INSERT INTO inventory.slots (establishment_id, id, offer_id, calendar_id, starts_at, ends_at, local_date, gauge_ids)
SELECT $1, new.id, $2, new.calendar_id, new.starts_at, new.ends_at, new.local_date, new.gauge_ids::uuid[]
FROM unnest($3::uuid[], $4::uuid[], $5::timestamptz[], $6::timestamptz[], $7::date[], $8::text[])
     AS new(id, calendar_id, starts_at, ends_at, local_date, gauge_ids)"""

REMOVE_SLOTS = """
WITH removed AS (
    UPDATE inventory.slots SET removed_at = now(), calendar_id = NULL
    WHERE establishment_id = $1 AND id = ANY($2::uuid[])
    RETURNING id
)
UPDATE inventory.gauges SET closed = true
FROM removed WHERE gauges.establishment_id = $1 AND gauges.id = removed.id"""

CHANGE_SHARED_ROWS = """
UPDATE inventory.gauges SET capacity = greatest($3, held + sold)
WHERE establishment_id = $1 AND shared_gauge_id = $2
RETURNING id, capacity"""

SLOTS_ON_GAUGES = """
SELECT id FROM inventory.slots WHERE establishment_id = $1 AND gauge_ids && $2::uuid[]"""


class NewSlot(NamedTuple):
    starts_at: datetime
    ends_at: datetime
    local_date: date
    calendar_id: UUID | None
    capacity: int
    closed: bool


async def lock_timetable(session: WriteSession, establishment_id: UUID) -> None:
    """From here until the commit nobody else makes, changes or closes slots of the establishment."""
    statement = insert(timetables).values(establishment_id=establishment_id, version=1)
    await session.run(
        statement.on_conflict_do_update(
            index_elements=[timetables.c.establishment_id], set_={"version": timetables.c.version + 1}
        )
    )


async def lock_gauges(session: WriteSession, establishment_id: UUID, ids: Iterable[UUID]) -> dict[UUID, int]:
    """Gauge → places held and sold, which stay so until the commit."""
    rows = await session.fetch(LOCK_GAUGES, establishment_id, list(ids))
    return {row["id"]: row["places"] for row in rows}


async def put_schedule(session: WriteSession, schedule: Schedule) -> None:
    """Raises `UnknownGauge`. Future slots that nobody holds or bought follow a change of the gauges at once, and a
    change of the time zone when the calendars are next extended."""
    checked_zone(schedule.timezone)
    establishment_id = schedule.establishment_id
    await lock_timetable(session, establishment_id)
    known = await shared_gauges_by_id(session, establishment_id, schedule.gauge_ids)
    missing = [index for index, gauge_id in enumerate(schedule.gauge_ids) if gauge_id not in known]
    if missing:
        detail = "There is no such gauge."
        raise UnknownGauge(detail, errors=[FieldError(f"#/gauge_ids/{index}", detail) for index in missing])
    for index, gauge_id in enumerate(schedule.gauge_ids):
        if gauge_id in schedule.gauge_ids[:index]:
            raise Invalid.field(f"/gauge_ids/{index}", "This gauge stands here twice.")
    before = await schedule_of(session, establishment_id, schedule.offer_id)
    await _upsert_schedule(session, schedule)
    if before is not None and before.gauge_ids != schedule.gauge_ids:
        await _make_anew(session, schedule)
    if before is not None and before.timezone != schedule.timezone:
        await _forget_made(session, schedule)


async def make_slots(session: WriteSession, schedule: Schedule, new_slots: Sequence[NewSlot]) -> None:
    """With their own gauges and the rows of shared gauges; the caller has locked the timetable."""
    if not new_slots:
        return
    establishment_id = schedule.establishment_id
    shared = await shared_gauges_by_id(session, establishment_id, schedule.gauge_ids)
    sold = [(gauge_id, per) for gauge_id in schedule.gauge_ids if (per := shared[gauge_id].per) != "inside"]
    ids = [new_id() for _ in new_slots]
    shared_rows: dict[UUID, Gauge] = {}
    gauge_lists = []
    for slot_id, slot in zip(ids, new_slots, strict=True):
        rows = {
            shared_row_id(gauge_id, per, slot.starts_at, slot.local_date): shared[gauge_id] for gauge_id, per in sold
        }
        shared_rows |= rows
        gauge_lists.append("{" + ",".join(map(str, [slot_id, *rows])) + "}")
    await session.fetch(
        INSERT_OWN_GAUGES,
        establishment_id,
        ids,
        [slot.capacity for slot in new_slots],
        [slot.closed for slot in new_slots],
    )
    await session.fetch(
        INSERT_SHARED_ROWS,
        establishment_id,
        list(shared_rows),
        [gauge.id for gauge in shared_rows.values()],
        [gauge.capacity for gauge in shared_rows.values()],
    )
    await session.fetch(
        INSERT_SLOTS,
        establishment_id,
        schedule.offer_id,
        ids,
        [slot.calendar_id for slot in new_slots],
        [slot.starts_at for slot in new_slots],
        [slot.ends_at for slot in new_slots],
        [slot.local_date for slot in new_slots],
        gauge_lists,
    )


async def remove_slots(session: WriteSession, establishment_id: UUID, slot_ids: Collection[UUID]) -> None:
    """The caller has locked their own gauges and seen that nobody has places on them."""
    if slot_ids:
        await session.fetch(REMOVE_SLOTS, establishment_id, list(slot_ids))


async def create_shared_gauge(session: WriteSession, establishment_id: UUID, gauge: Gauge) -> None:
    await session.run(
        sa.insert(shared_gauges).values(
            establishment_id=establishment_id, id=gauge.id, name=gauge.name, capacity=gauge.capacity, per=gauge.per
        )
    )


async def change_shared_gauge(
    session: WriteSession, establishment_id: UUID, gauge_id: UUID, *, name: dict[str, str] | None, capacity: int | None
) -> tuple[Gauge, Affected]:
    """The gauge as it is now, and whom a lower capacity leaves above it: places once given are never taken away."""
    await lock_timetable(session, establishment_id)
    before = (await shared_gauges_by_id(session, establishment_id, [gauge_id])).get(gauge_id)
    if before is None:
        raise NotFound
    gauge = Gauge(
        id=gauge_id,
        name=before.name if name is None else name,
        capacity=before.capacity if capacity is None else capacity,
        per=before.per,
    )
    await session.run(
        sa.update(shared_gauges)
        .where(shared_gauges.c.establishment_id == establishment_id, shared_gauges.c.id == gauge_id)
        .values(name=gauge.name, capacity=gauge.capacity)
    )
    if gauge.capacity == before.capacity:
        return gauge, Affected()
    above = await _change_rows(session, establishment_id, gauge)
    if not above:
        return gauge, Affected()
    drawing = await session.fetch(SLOTS_ON_GAUGES, establishment_id, above)
    return gauge, await affected_by(session, establishment_id, [row["id"] for row in drawing])


async def _change_rows(session: WriteSession, establishment_id: UUID, gauge: Gauge) -> list[UUID]:
    """Returns the rows that have more places given than the new capacity."""
    rows = await session.all(
        sa.select(gauges.c.id).where(
            gauges.c.establishment_id == establishment_id, gauges.c.shared_gauge_id == gauge.id
        )
    )
    await lock_gauges(session, establishment_id, [row.id for row in rows])
    changed = await session.fetch(CHANGE_SHARED_ROWS, establishment_id, gauge.id, gauge.capacity)
    return [row["id"] for row in changed if row["capacity"] > gauge.capacity]


async def _upsert_schedule(session: WriteSession, schedule: Schedule) -> None:
    values = {column.name: getattr(schedule, column.name) for column in schedules.c}
    key = [schedules.c.establishment_id, schedules.c.offer_id]
    changes = {name: value for name, value in values.items() if name not in ("establishment_id", "offer_id")}
    await session.run(insert(schedules).values(values).on_conflict_do_update(index_elements=key, set_=changes))


async def _make_anew(session: WriteSession, schedule: Schedule) -> None:
    """Future slots that nobody has places on, again with the gauges of the schedule."""
    rows = await session.all(
        sa.select(
            slots.c.id,
            slots.c.starts_at,
            slots.c.ends_at,
            slots.c.local_date,
            slots.c.calendar_id,
            gauges.c.capacity,
            gauges.c.closed,
        )
        .select_from(slots)
        .join(gauges, sa.and_(gauges.c.establishment_id == slots.c.establishment_id, gauges.c.id == slots.c.id))
        .where(
            slots.c.establishment_id == schedule.establishment_id,
            gauges.c.establishment_id == schedule.establishment_id,
            slots.c.offer_id == schedule.offer_id,
            slots.c.starts_at > sa.func.now(),
            slots.c.removed_at.is_(None),
        )
        .order_by(slots.c.starts_at)
    )
    places = await lock_gauges(session, schedule.establishment_id, [row.id for row in rows])
    free = [row for row in rows if places[row.id] == 0]
    await remove_slots(session, schedule.establishment_id, [row.id for row in free])
    await make_slots(session, schedule, [_same_slot(row) for row in free])


def _same_slot(row: sa.Row[Any]) -> NewSlot:
    return NewSlot(row.starts_at, row.ends_at, row.local_date, row.calendar_id, row.capacity, row.closed)


async def _forget_made(session: WriteSession, schedule: Schedule) -> None:
    """Lets the next extension of the calendars go over all their days again."""
    await session.run(
        sa.update(calendars)
        .where(calendars.c.establishment_id == schedule.establishment_id, calendars.c.offer_id == schedule.offer_id)
        .values(made_until=calendars.c.valid_from)
    )
