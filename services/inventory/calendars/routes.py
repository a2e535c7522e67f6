"""Calendars: the living rules that make an offer's slots. Closures are next door."""

from datetime import date, time
from typing import Annotated, Any, TypeAlias
from uuid import UUID

import msgspec
from litestar import Request, Response, delete, get, patch, post
from litestar.di import Provide

from services.inventory.calendars import actions, closure_routes, queries
from services.inventory.calendars.queries import Calendar, ChangedCalendar, calendar_with, rule_of
from services.inventory.calendars.rules import WeeklyRule
from services.inventory.slots.queries import Affected, schedule_of
from services.kit.clock import Clock
from services.kit.database import Database, ReadSession, WriteSession
from services.kit.errors import NotFound
from services.kit.idempotency import Answer, OnceOnly
from services.kit.ids import body_id, path_id
from services.kit.paging import DEFAULT_LIMIT, Cursor, Limit, Page, after, page
from services.kit.principal import Principal
from services.kit.web import ESTABLISHMENT, encode, idempotency_key, needs, principal_of, respond

CALENDARS = f"{ESTABLISHMENT}/offers/{{offer_id:str}}/calendars"
CALENDAR = f"{CALENDARS}/{{calendar_id:str}}"

FirstDay: TypeAlias = Annotated[date, msgspec.Meta(description="First local date", examples=["2027-01-01"])]
LastDay: TypeAlias = Annotated[
    date, msgspec.Meta(description="Last local date; null: for good", examples=["2027-12-31"])
]
Weekday: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=7)]
Weekdays: TypeAlias = Annotated[
    list[Weekday],
    msgspec.Meta(min_length=1, max_length=7, description="1 is Monday", examples=[[2, 3, 4, 5, 6, 7]]),
]
LocalTime: TypeAlias = Annotated[
    str, msgspec.Meta(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$", description="On the venue's clock", examples=["09:00"])
]
Every: TypeAlias = Annotated[int, msgspec.Meta(ge=5, le=1440, description="From start to start", examples=[30])]
Duration: TypeAlias = Annotated[int, msgspec.Meta(ge=5, le=2880, description="Of one slot", examples=[60])]
Capacity: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=100_000, description="Places per slot", examples=[50])]


class NewCalendar(msgspec.Struct, forbid_unknown_fields=True):
    """On each of the weekdays a slot at `first_start`, then every so many minutes up to `last_start`."""

    valid_from: FirstDay
    weekdays: Weekdays
    first_start: LocalTime
    last_start: LocalTime
    every_minutes: Every
    duration_minutes: Duration
    capacity: Capacity
    valid_until: LastDay | None = None


class CalendarChange(msgspec.Struct, forbid_unknown_fields=True):
    """What is left out stays as it is."""

    valid_from: FirstDay | msgspec.UnsetType = msgspec.UNSET
    weekdays: Weekdays | msgspec.UnsetType = msgspec.UNSET
    first_start: LocalTime | msgspec.UnsetType = msgspec.UNSET
    last_start: LocalTime | msgspec.UnsetType = msgspec.UNSET
    every_minutes: Every | msgspec.UnsetType = msgspec.UNSET
    duration_minutes: Duration | msgspec.UnsetType = msgspec.UNSET
    capacity: Capacity | msgspec.UnsetType = msgspec.UNSET
    valid_until: LastDay | msgspec.UnsetType | None = msgspec.UNSET


class CalendarPath(msgspec.Struct, frozen=True):
    offer_id: UUID
    calendar_id: UUID


def calendar_path(offer_id: str, calendar_id: str) -> CalendarPath:
    return CalendarPath(path_id(offer_id), path_id(calendar_id))


IN_CALENDAR = {"path": Provide(calendar_path, sync_to_thread=False)}


@post(CALENDARS, **needs("catalog:write"), summary="Create a calendar and its slots")
async def create_calendar(
    request: Request[Any, Any, Any], once: OnceOnly, clock: Clock, offer_id: str, data: NewCalendar
) -> Response[Calendar]:
    tenant, offer, rule = principal_of(request.scope).tenant, path_id(offer_id), _rule(data)

    async def action(session: WriteSession) -> Answer:
        return encode(201, await actions.create_calendar(session, tenant, offer, rule, clock.now()))

    return respond(await once.answer(tenant, await idempotency_key(request), action))


@get(CALENDARS, **needs("catalog:write"), summary="List the calendars of an offer")
async def list_calendars(
    principal: Principal, database: Database, offer_id: str, cursor: Cursor = None, limit: Limit = DEFAULT_LIMIT
) -> Page[Calendar]:
    tenant, offer, key = principal.tenant, path_id(offer_id), after(cursor, 1)
    last = body_id(key[0], "/cursor") if key else None

    async def query(session: ReadSession) -> list[Calendar]:
        if await schedule_of(session, tenant, offer) is None:
            raise NotFound
        return await queries.list_calendars(session, tenant, offer, after=last, limit=limit + 1)

    return page(await database.read(tenant, query), limit, lambda calendar: [str(calendar.id)])


@get(CALENDAR, dependencies=IN_CALENDAR, **needs("catalog:write"), summary="Read a calendar")
async def read_calendar(principal: Principal, database: Database, path: CalendarPath) -> Calendar:
    return await database.read(principal.tenant, lambda session: _found(session, principal.tenant, path))


@patch(CALENDAR, dependencies=IN_CALENDAR, **needs("catalog:write"), summary="Change a calendar and its future slots")
async def change_calendar(
    principal: Principal, database: Database, clock: Clock, path: CalendarPath, data: CalendarChange
) -> ChangedCalendar:
    async def action(session: WriteSession) -> tuple[Calendar, Affected]:
        before = await _found(session, principal.tenant, path)
        rule = _changed(before, data)
        return await actions.change_calendar(session, principal.tenant, before, rule, clock.now())

    return _with_affected(*await database.write(principal.tenant, action))


@delete(
    CALENDAR,
    dependencies=IN_CALENDAR,
    status_code=200,
    **needs("catalog:write"),
    summary="Delete a calendar and its future slots that nobody holds or bought",
)
async def delete_calendar(
    principal: Principal, database: Database, clock: Clock, path: CalendarPath
) -> ChangedCalendar:
    calendar, affected = await database.write(
        principal.tenant,
        lambda session: actions.delete_calendar(
            session, principal.tenant, path.offer_id, path.calendar_id, clock.now()
        ),
    )
    return _with_affected(calendar, affected)


async def _found(session: ReadSession, establishment_id: UUID, path: CalendarPath) -> Calendar:
    calendar = await queries.calendar_of(session, establishment_id, path.offer_id, path.calendar_id)
    if calendar is None:
        raise NotFound
    return calendar


def _rule(data: NewCalendar) -> WeeklyRule:
    return WeeklyRule(
        valid_from=data.valid_from,
        valid_until=data.valid_until,
        weekdays=sorted(data.weekdays),
        first_start=time.fromisoformat(data.first_start),
        last_start=time.fromisoformat(data.last_start),
        every_minutes=data.every_minutes,
        duration_minutes=data.duration_minutes,
        capacity=data.capacity,
    )


def _changed(before: Calendar, data: CalendarChange) -> WeeklyRule:
    """The rule with the fields that were sent."""
    sent = {name: getattr(data, name) for name in data.__struct_fields__}
    fields = {name: value for name, value in sent.items() if value is not msgspec.UNSET}
    return rule_of(msgspec.structs.replace(before, **fields))


def _with_affected(calendar: Calendar, affected: Affected) -> ChangedCalendar:
    return ChangedCalendar(**msgspec.structs.asdict(calendar), affected=affected)


handlers = [
    create_calendar,
    list_calendars,
    read_calendar,
    change_calendar,
    delete_calendar,
    *closure_routes.handlers,
]
