"""Calendars and closures, as the API shows them."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import sqlalchemy as sa

from services.inventory.calendars.rules import PresentSlot, WeeklyRule
from services.inventory.contract import FindClosedSlots
from services.inventory.slots.queries import Affected
from services.inventory.tables import calendars, closures, gauges, schedules, slots
from services.kit.database import ReadSession

# Two days are the most that a calendar allows; one of them has 25 hours when the clocks change.
LONGEST_SLOT = timedelta(hours=50)


class Calendar(msgspec.Struct, frozen=True):
    """A weekly rule. `made_until`: the first date that has no slots yet."""

    id: UUID
    offer_id: UUID
    valid_from: date
    valid_until: date | None
    weekdays: list[int]
    first_start: str
    last_start: str
    every_minutes: int
    duration_minutes: int
    capacity: int
    made_until: date


class ChangedCalendar(Calendar, frozen=True, kw_only=True):
    """`affected`: slots that stay although the rule no longer makes them so, for people hold or bought them."""

    affected: Affected


class Closure(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """Without `offer_id` the whole establishment is closed."""

    id: UUID
    from_: datetime
    until: datetime
    offer_id: UUID | None
    reason: dict[str, str]


class ClosureWithAffected(Closure, frozen=True, kw_only=True):
    affected: Affected


async def calendar_of(
    session: ReadSession, establishment_id: UUID, offer_id: UUID, calendar_id: UUID
) -> Calendar | None:
    row = await session.first(_select_calendars(establishment_id, offer_id).where(calendars.c.id == calendar_id))
    return _calendar(row) if row else None


async def list_calendars(
    session: ReadSession, establishment_id: UUID, offer_id: UUID, *, after: UUID | None, limit: int
) -> list[Calendar]:
    statement = _select_calendars(establishment_id, offer_id).order_by(calendars.c.id).limit(limit)
    if after is not None:
        statement = statement.where(calendars.c.id > after)
    return [_calendar(row) for row in await session.all(statement)]


async def rules_of(session: ReadSession, establishment_id: UUID, offer_id: UUID) -> list[tuple[UUID, WeeklyRule]]:
    """Calendar and rule, oldest first."""
    rows = await session.all(
        _select_calendars(establishment_id, offer_id).order_by(calendars.c.created_at, calendars.c.id)
    )
    return [(row.id, rule_of(_calendar(row))) for row in rows]


async def slots_on(
    session: ReadSession, establishment_id: UUID, offer_id: UUID, *, dates: tuple[date, date], after: datetime
) -> list[PresentSlot]:
    """Slots that end after a moment, on local dates from the first until before the second."""
    rows = await session.all(
        sa.select(slots.c.id, slots.c.starts_at, slots.c.ends_at, slots.c.calendar_id, gauges.c.capacity)
        .select_from(slots)
        .join(gauges, sa.and_(gauges.c.establishment_id == slots.c.establishment_id, gauges.c.id == slots.c.id))
        .where(
            slots.c.establishment_id == establishment_id,
            gauges.c.establishment_id == establishment_id,
            slots.c.offer_id == offer_id,
            slots.c.local_date >= dates[0],
            slots.c.local_date < dates[1],
            slots.c.ends_at > after,
            slots.c.removed_at.is_(None),
        )
    )
    return [PresentSlot(row.id, row.starts_at, row.ends_at, row.calendar_id, row.capacity) for row in rows]


async def closure_of(session: ReadSession, establishment_id: UUID, closure_id: UUID) -> Closure | None:
    row = await session.first(_select_closures(establishment_id).where(closures.c.id == closure_id))
    return _closure(row) if row else None


async def list_closures(
    session: ReadSession, establishment_id: UUID, *, after: UUID | None, limit: int
) -> list[Closure]:
    statement = _select_closures(establishment_id).order_by(closures.c.id).limit(limit)
    if after is not None:
        statement = statement.where(closures.c.id > after)
    return [_closure(row) for row in await session.all(statement)]


async def closures_of(
    session: ReadSession, establishment_id: UUID, offer_id: UUID, *, after: datetime
) -> list[tuple[datetime, datetime]]:
    """From and until of all that close the offer, and are not over at `after`."""
    rows = await session.all(
        sa.select(closures.c.closed_from, closures.c.closed_until).where(
            closures.c.establishment_id == establishment_id,
            closures.c.closed_until > after,
            sa.or_(closures.c.offer_id.is_(None), closures.c.offer_id == offer_id),
        )
    )
    return [(row.closed_from, row.closed_until) for row in rows]


async def slots_in(session: ReadSession, establishment_id: UUID, closure: Closure) -> list[UUID]:
    """Slots that the closure touches, be it for a minute."""
    return [row.id for row in await session.all(_select_slots_in(establishment_id, closure))]


async def slots_in_only(session: ReadSession, establishment_id: UUID, closure: Closure) -> list[UUID]:
    """Those that no other closure touches."""
    other = sa.exists().where(
        closures.c.establishment_id == establishment_id,
        closures.c.id != closure.id,
        closures.c.closed_from < slots.c.ends_at,
        closures.c.closed_until > slots.c.starts_at,
        sa.or_(closures.c.offer_id.is_(None), closures.c.offer_id == slots.c.offer_id),
    )
    return [row.id for row in await session.all(_select_slots_in(establishment_id, closure).where(~other))]


async def find_closed_slots(session: ReadSession, query: FindClosedSlots) -> list[UUID]:
    """Closures that are over are not looked at, and of the others only the slots near them."""
    statement = (
        sa.select(slots.c.id)
        .distinct()
        .select_from(closures)
        .join(slots, slots.c.establishment_id == closures.c.establishment_id)
        .join(gauges, sa.and_(gauges.c.establishment_id == slots.c.establishment_id, gauges.c.id == slots.c.id))
        .where(
            closures.c.establishment_id == query.establishment_id,
            slots.c.establishment_id == query.establishment_id,
            gauges.c.establishment_id == query.establishment_id,
            closures.c.closed_until > query.ends_after,
            slots.c.removed_at.is_(None),
            slots.c.starts_at > closures.c.closed_from - LONGEST_SLOT,
            slots.c.starts_at < closures.c.closed_until,
            slots.c.ends_at > closures.c.closed_from,
            slots.c.ends_at > query.ends_after,
            sa.or_(closures.c.offer_id.is_(None), closures.c.offer_id == slots.c.offer_id),
            gauges.c.sold > 0,
        )
        .order_by(slots.c.id)
        .limit(query.limit)
    )
    if query.after is not None:
        statement = statement.where(slots.c.id > query.after)
    return [row.id for row in await session.all(statement)]


async def establishments_to_extend(session: ReadSession, horizon: date) -> list[UUID]:
    """Of the whole instance; see instance_level.py."""
    rows = await session.all(sa.select(sa.func.inventory.establishments_to_extend(horizon).label("id")))
    return [row.id for row in rows]


async def offers_to_extend(session: ReadSession, establishment_id: UUID, horizon: date) -> Sequence[tuple[UUID, date]]:
    """Each with the first date that some calendar of it has no slots for."""
    rows = await session.all(
        sa.select(calendars.c.offer_id, sa.func.min(calendars.c.made_until).label("since"))
        .where(
            calendars.c.establishment_id == establishment_id,
            calendars.c.made_until < horizon,
            sa.or_(calendars.c.valid_until.is_(None), calendars.c.valid_until >= calendars.c.made_until),
        )
        .group_by(calendars.c.offer_id)
        .order_by(calendars.c.offer_id)
    )
    return [(row.offer_id, row.since) for row in rows]


def rule_of(calendar: Calendar) -> WeeklyRule:
    return WeeklyRule(
        valid_from=calendar.valid_from,
        valid_until=calendar.valid_until,
        weekdays=sorted(calendar.weekdays),
        first_start=time.fromisoformat(calendar.first_start),
        last_start=time.fromisoformat(calendar.last_start),
        every_minutes=calendar.every_minutes,
        duration_minutes=calendar.duration_minutes,
        capacity=calendar.capacity,
    )


def calendar_with(rule: WeeklyRule, *, calendar_id: UUID, offer_id: UUID, made_until: date) -> Calendar:
    return Calendar(
        id=calendar_id,
        offer_id=offer_id,
        valid_from=rule.valid_from,
        valid_until=rule.valid_until,
        weekdays=rule.weekdays,
        first_start=f"{rule.first_start:%H:%M}",
        last_start=f"{rule.last_start:%H:%M}",
        every_minutes=rule.every_minutes,
        duration_minutes=rule.duration_minutes,
        capacity=rule.capacity,
        made_until=made_until,
    )


def _select_calendars(establishment_id: UUID, offer_id: UUID) -> sa.Select[Any]:
    return sa.select(calendars).where(
        calendars.c.establishment_id == establishment_id, calendars.c.offer_id == offer_id
    )


def _calendar(row: sa.Row[Any]) -> Calendar:
    fields = {column.name: getattr(row, column.name) for column in calendars.c}
    rule = WeeklyRule(**{name: fields[name] for name in WeeklyRule.__struct_fields__})
    return calendar_with(rule, calendar_id=row.id, offer_id=row.offer_id, made_until=row.made_until)


def _select_closures(establishment_id: UUID) -> sa.Select[Any]:
    """With the zone of one of the offers concerned, to show the times in."""
    zone = (
        sa.select(schedules.c.timezone)
        .where(
            schedules.c.establishment_id == establishment_id,
            sa.or_(closures.c.offer_id.is_(None), schedules.c.offer_id == closures.c.offer_id),
        )
        .order_by(schedules.c.offer_id)
        .limit(1)
        .scalar_subquery()
    )
    return sa.select(
        closures.c.id,
        closures.c.closed_from,
        closures.c.closed_until,
        closures.c.offer_id,
        closures.c.reason,
        zone.label("timezone"),
    ).where(closures.c.establishment_id == establishment_id)


def _closure(row: sa.Row[Any]) -> Closure:
    zone = ZoneInfo(row.timezone or "UTC")
    return Closure(
        id=row.id,
        from_=row.closed_from.astimezone(zone),
        until=row.closed_until.astimezone(zone),
        offer_id=row.offer_id,
        reason=row.reason,
    )


def _select_slots_in(establishment_id: UUID, closure: Closure) -> sa.Select[Any]:
    """Offer by offer and from the earliest start on that can matter: an index leads there, past years stay unread."""
    statement = (
        sa.select(slots.c.id)
        .join(
            schedules,
            sa.and_(schedules.c.establishment_id == slots.c.establishment_id, schedules.c.offer_id == slots.c.offer_id),
        )
        .where(
            slots.c.establishment_id == establishment_id,
            schedules.c.establishment_id == establishment_id,
            slots.c.removed_at.is_(None),
            slots.c.starts_at > closure.from_ - LONGEST_SLOT,
            slots.c.starts_at < closure.until,
            slots.c.ends_at > closure.from_,
        )
    )
    return statement if closure.offer_id is None else statement.where(slots.c.offer_id == closure.offer_id)
