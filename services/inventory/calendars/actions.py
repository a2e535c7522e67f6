"""The verbs on calendars and closures. Locks: the timetable first, then the slots' own gauges by id."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import sqlalchemy as sa

from services.inventory.calendars.queries import (
    Calendar,
    Closure,
    calendar_of,
    calendar_with,
    closure_of,
    closures_of,
    rule_of,
    rules_of,
    slots_in,
    slots_in_only,
    slots_on,
)
from services.inventory.calendars.rules import (
    Changes,
    PresentSlot,
    WantedSlot,
    WeeklyRule,
    check,
    compare,
    horizon,
    wanted_slots,
)
from services.inventory.contract import Schedule
from services.inventory.slots.actions import NewSlot, lock_gauges, lock_timetable, make_slots, remove_slots
from services.inventory.slots.queries import Affected, affected_by, schedule_of
from services.inventory.tables import calendars, closures
from services.kit.database import WriteSession
from services.kit.errors import Invalid, NotFound
from services.kit.ids import new_id

DETACH_SLOTS = """
UPDATE inventory.slots SET calendar_id = NULL WHERE establishment_id = $1 AND id = ANY($2::uuid[])"""

ADOPT_SLOTS = """
WITH adopted AS (
    UPDATE inventory.slots SET calendar_id = wanted.calendar_id
    FROM unnest($2::uuid[], $3::uuid[], $4::int[]) AS wanted(id, calendar_id, capacity)
    WHERE slots.establishment_id = $1 AND slots.id = wanted.id
    RETURNING slots.id, wanted.capacity
)
UPDATE inventory.gauges SET capacity = adopted.capacity
FROM adopted WHERE gauges.establishment_id = $1 AND gauges.id = adopted.id"""

CLOSE_GAUGES = """
UPDATE inventory.gauges SET closed = $3 WHERE establishment_id = $1 AND id = ANY($2::uuid[])"""

PURGE_SLOTS = """
WITH purged AS (
    DELETE FROM inventory.slots
    WHERE establishment_id = $1 AND removed_at < $2 AND NOT EXISTS(
        SELECT FROM inventory.hold_lines
        WHERE hold_lines.establishment_id = $1 AND hold_lines.slot_id = slots.id)
    RETURNING id
)
DELETE FROM inventory.gauges USING purged WHERE gauges.establishment_id = $1 AND gauges.id = purged.id"""


async def create_calendar(
    session: WriteSession, establishment_id: UUID, offer_id: UUID, rule: WeeklyRule, now: datetime
) -> Calendar:
    """With its slots. Raises `Invalid`, or `NotFound` for an unknown offer."""
    check(rule, now.date())
    schedule = await _locked_schedule(session, establishment_id, offer_id)
    calendar_id = new_id()
    made_until = horizon(now.date())
    await session.run(
        sa.insert(calendars).values(
            establishment_id=establishment_id,
            id=calendar_id,
            offer_id=offer_id,
            made_until=made_until,
            **_columns(rule),
        )
    )
    await _align(session, schedule, now)
    return calendar_with(rule, calendar_id=calendar_id, offer_id=offer_id, made_until=made_until)


async def change_calendar(
    session: WriteSession,
    establishment_id: UUID,
    path: tuple[UUID, UUID],
    changes: Mapping[str, object],
    now: datetime,
) -> tuple[Calendar, Affected]:
    """Future slots follow the new rule, except those that somebody holds or bought: they stay and are listed.

    `path` is offer and calendar, `changes` new values for fields of `Calendar`.
    """
    schedule, before = await _locked_calendar(session, establishment_id, path)
    rule = rule_of(msgspec.structs.replace(before, **changes))
    check(rule, now.date())
    await session.run(
        sa.update(calendars)
        .where(calendars.c.establishment_id == establishment_id, calendars.c.id == before.id)
        .values(**_columns(rule))
    )
    affected = await _align(session, schedule, now)
    made_until = horizon(now.date())
    return calendar_with(rule, calendar_id=before.id, offer_id=before.offer_id, made_until=made_until), affected


async def delete_calendar(
    session: WriteSession, establishment_id: UUID, path: tuple[UUID, UUID], now: datetime
) -> tuple[Calendar, Affected]:
    """The calendar as it was. Slots that somebody holds or bought stay and are listed."""
    schedule, calendar = await _locked_calendar(session, establishment_id, path)
    await session.run(
        sa.delete(calendars).where(calendars.c.establishment_id == establishment_id, calendars.c.id == calendar.id)
    )
    return calendar, await _align(session, schedule, now)


async def extend_offer(
    session: WriteSession, establishment_id: UUID, offer_id: UUID, since: date, now: datetime
) -> None:
    """Makes the slots on dates that came within the rolling window, from `since`."""
    schedule = await _locked_schedule(session, establishment_id, offer_id)
    await _align(session, schedule, now, since=since)


async def purge_slots(session: WriteSession, establishment_id: UUID, now: datetime) -> None:
    """Forgets slots removed more than a day ago that nobody ever held: no request can still be on its way to them."""
    await session.fetch(PURGE_SLOTS, establishment_id, now - timedelta(days=1))


async def create_closure(session: WriteSession, establishment_id: UUID, closure: Closure) -> tuple[Closure, Affected]:
    """Closes every slot that it touches, also those that are made later; people keep what they have."""
    await lock_timetable(session, establishment_id)
    if closure.offer_id is not None and await schedule_of(session, establishment_id, closure.offer_id) is None:
        raise Invalid.field("/offer_id", "There is no such offer.")
    await session.run(
        sa.insert(closures).values(
            establishment_id=establishment_id,
            id=closure.id,
            offer_id=closure.offer_id,
            closed_from=closure.from_,
            closed_until=closure.until,
            reason=closure.reason,
        )
    )
    slot_ids = await slots_in(session, establishment_id, closure)
    await _close(session, establishment_id, slot_ids, closed=True)
    # Read back, so that this answer shows the times like every later one.
    stored = await closure_of(session, establishment_id, closure.id)
    return stored or closure, await affected_by(session, establishment_id, slot_ids)


async def delete_closure(session: WriteSession, establishment_id: UUID, closure_id: UUID) -> Closure:
    """Opens the slots again that no other closure touches."""
    await lock_timetable(session, establishment_id)
    closure = await closure_of(session, establishment_id, closure_id)
    if closure is None:
        raise NotFound
    await session.run(
        sa.delete(closures).where(closures.c.establishment_id == establishment_id, closures.c.id == closure_id)
    )
    await _close(session, establishment_id, await slots_in_only(session, establishment_id, closure), closed=False)
    return closure


async def _locked_schedule(session: WriteSession, establishment_id: UUID, offer_id: UUID) -> Schedule:
    await lock_timetable(session, establishment_id)
    schedule = await schedule_of(session, establishment_id, offer_id)
    if schedule is None:
        raise NotFound
    return schedule


async def _locked_calendar(
    session: WriteSession, establishment_id: UUID, path: tuple[UUID, UUID]
) -> tuple[Schedule, Calendar]:
    schedule = await _locked_schedule(session, establishment_id, path[0])
    calendar = await calendar_of(session, establishment_id, *path)
    if calendar is None:
        raise NotFound
    return schedule, calendar


async def _align(session: WriteSession, schedule: Schedule, now: datetime, *, since: date | None = None) -> Affected:
    """Makes the offer's future slots what its rules want, from `since` (today) up to the window's end.

    One way for a new, changed, deleted or extended rule: compare what is there with what is wanted, lock what
    differs, mend it. Returns whom it concerns: slots that stay although no rule wants them so.
    """
    establishment_id, offer_id = schedule.establishment_id, schedule.offer_id
    # In some zones it is still yesterday, or tomorrow already.
    first = now.date() - timedelta(days=1)
    dates = (max(first, since or first), horizon(now.date()))
    rules = await rules_of(session, establishment_id, offer_id)
    wanted = wanted_slots(rules, ZoneInfo(schedule.timezone), dates, now)
    present = await slots_on(session, establishment_id, offer_id, dates=dates, after=now)
    changes = compare(present, wanted)
    staying = await _mend(session, establishment_id, changes)
    taken_starts = {slot.starts_at for slot in staying}
    closed = await closures_of(session, establishment_id, offer_id, after=now)
    new_slots = [
        _new_slot(starts_at, slot, closed)
        for starts_at, slot in sorted(changes.missing.items())
        if starts_at not in taken_starts
    ]
    await make_slots(session, schedule, new_slots)
    await session.run(
        sa.update(calendars)
        .where(calendars.c.establishment_id == establishment_id, calendars.c.offer_id == offer_id)
        .values(made_until=dates[1])
    )
    newly = [slot.id for slot in staying if slot.calendar_id is not None]
    return await affected_by(session, establishment_id, newly)


async def _mend(session: WriteSession, establishment_id: UUID, changes: Changes) -> list[PresentSlot]:
    """Removes or changes slots; returns those that no longer fit, but stay because places on them are given."""
    ids = [slot.id for slot in changes.unwanted] + [slot.id for slot, _ in changes.different]
    if not ids:
        return []
    places = await lock_gauges(session, establishment_id, ids)
    staying = [slot for slot in changes.unwanted if places[slot.id]]
    await remove_slots(session, establishment_id, [slot.id for slot in changes.unwanted if not places[slot.id]])
    await session.fetch(DETACH_SLOTS, establishment_id, [slot.id for slot in staying])
    await session.fetch(
        ADOPT_SLOTS,
        establishment_id,
        [slot.id for slot, _ in changes.different],
        [wanted.calendar_id for _, wanted in changes.different],
        [max(wanted.capacity, places[slot.id]) for slot, wanted in changes.different],
    )
    return staying + [slot for slot, wanted in changes.different if places[slot.id] > wanted.capacity]


async def _close(session: WriteSession, establishment_id: UUID, slot_ids: Sequence[UUID], *, closed: bool) -> None:
    await lock_gauges(session, establishment_id, slot_ids)
    await session.fetch(CLOSE_GAUGES, establishment_id, list(slot_ids), closed)


def _new_slot(starts_at: datetime, slot: WantedSlot, closed: Sequence[tuple[datetime, datetime]]) -> NewSlot:
    return NewSlot(
        starts_at=starts_at,
        ends_at=slot.ends_at,
        local_date=slot.local_date,
        calendar_id=slot.calendar_id,
        capacity=slot.capacity,
        closed=any(closed_from < slot.ends_at and starts_at < closed_until for closed_from, closed_until in closed),
    )


def _columns(rule: WeeklyRule) -> dict[str, object]:
    return {name: getattr(rule, name) for name in WeeklyRule.__struct_fields__}
