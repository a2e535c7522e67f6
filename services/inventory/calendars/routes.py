"""Calendars, the living rules that make an offer's slots, and closures, when nothing is sold."""

from datetime import date, datetime, time
from typing import Annotated, Any, TypeAlias
from uuid import UUID

import msgspec
from litestar import Request, Response, delete, get, patch, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, JSONBody, SkipValidation

from services.inventory.calendars import actions, queries
from services.inventory.calendars.queries import Calendar, ChangedCalendar, Closure, ClosureWithAffected
from services.inventory.calendars.rules import EARLIEST, LATEST, WeeklyRule
from services.inventory.slots.queries import Affected, affected_by, schedule_of
from services.kit.clock import Clock
from services.kit.database import Database, ReadSession, WriteSession
from services.kit.errors import Invalid, NotFound
from services.kit.idempotency import Answer, OnceOnly
from services.kit.ids import body_id, new_id, path_id
from services.kit.paging import DEFAULT_LIMIT, Cursor, Limit, Page, after, page
from services.kit.principal import Principal
from services.kit.texts import Texts
from services.kit.web import ESTABLISHMENT, IdempotencyHeader, encode, idempotency_key, needs, principal_of, respond

CALENDARS = f"{ESTABLISHMENT}/offers/{{offer_id:str}}/calendars"
CALENDAR = f"{CALENDARS}/{{calendar_id:str}}"
CLOSURES = f"{ESTABLISHMENT}/closures"
CLOSURE = f"{CLOSURES}/{{closure_id:str}}"

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
    str,
    msgspec.Meta(
        pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]\Z",
        max_length=5,
        description="On the venue's clock",
        examples=["09:00"],
    ),
]
Every: TypeAlias = Annotated[int, msgspec.Meta(ge=5, le=1440, description="From start to start", examples=[30])]
Duration: TypeAlias = Annotated[int, msgspec.Meta(ge=5, le=2880, description="Of one slot", examples=[60])]
Capacity: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=100_000, description="Places per slot", examples=[50])]
Moment: TypeAlias = Annotated[
    datetime, msgspec.Meta(tz=True, description="RFC 3339 with offset", examples=["2027-05-01T00:00:00+02:00"])
]
Reason: TypeAlias = Annotated[Texts, msgspec.Meta(examples=[{"fr": "Grève", "en": "Strike"}])]


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


class NewClosure(msgspec.Struct, forbid_unknown_fields=True, rename={"from_": "from"}):
    """Closes every slot that overlaps it, now or made later. Without `offer_id`, of all offers."""

    from_: Moment
    until: Moment
    reason: Reason
    offer_id: UUID | None = None


class CalendarPath(msgspec.Struct, frozen=True):
    offer_id: UUID
    calendar_id: UUID


def calendar_path(offer_id: FromPath[str], calendar_id: FromPath[str]) -> CalendarPath:
    return CalendarPath(path_id(offer_id), path_id(calendar_id))


IN_CALENDAR = {"path": Provide(calendar_path, sync_to_thread=False)}


@post(CALENDARS, **needs("catalog:write"), summary="Create a calendar and its slots")
async def create_calendar(
    request: Request[Any, Any, Any],
    once: NamedDependency[OnceOnly],
    clock: NamedDependency[SkipValidation[Clock]],
    offer_id: FromPath[str],
    data: JSONBody[NewCalendar],
    idempotency: IdempotencyHeader = None,
) -> Response[Calendar]:
    tenant, offer, rule = principal_of(request.scope).tenant, path_id(offer_id), _rule(data)

    async def action(session: WriteSession) -> Answer:
        return encode(201, await actions.create_calendar(session, tenant, offer, rule, clock.now()))

    return respond(await once.answer(tenant, await idempotency_key(request), action))


@get(CALENDARS, **needs("catalog:write"), summary="List the calendars of an offer")
async def list_calendars(
    principal: NamedDependency[Principal],
    database: NamedDependency[Database],
    offer_id: FromPath[str],
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[Calendar]:
    tenant, offer, key = principal.tenant, path_id(offer_id), after(cursor, 1)
    last = body_id(key[0], "/cursor") if key else None

    async def query(session: ReadSession) -> list[Calendar]:
        if await schedule_of(session, tenant, offer) is None:
            raise NotFound
        return await queries.list_calendars(session, tenant, offer, after=last, limit=limit + 1)

    return page(await database.read(tenant, query), limit, lambda calendar: [str(calendar.id)])


@get(CALENDAR, dependencies=IN_CALENDAR, **needs("catalog:write"), summary="Read a calendar")
async def read_calendar(
    principal: NamedDependency[Principal], database: NamedDependency[Database], path: NamedDependency[CalendarPath]
) -> Calendar:
    calendar = await database.read(
        principal.tenant,
        lambda session: queries.calendar_of(session, principal.tenant, path.offer_id, path.calendar_id),
    )
    if calendar is None:
        raise NotFound
    return calendar


@patch(CALENDAR, dependencies=IN_CALENDAR, **needs("catalog:write"), summary="Change a calendar and its future slots")
async def change_calendar(
    principal: NamedDependency[Principal],
    database: NamedDependency[Database],
    clock: NamedDependency[SkipValidation[Clock]],
    path: NamedDependency[CalendarPath],
    data: JSONBody[CalendarChange],
) -> ChangedCalendar:
    sent = {name: getattr(data, name) for name in data.__struct_fields__}
    fields = {name: value for name, value in sent.items() if value is not msgspec.UNSET}
    calendar, affected = await database.write(
        principal.tenant,
        lambda session: actions.change_calendar(
            session, principal.tenant, (path.offer_id, path.calendar_id), fields, clock.now()
        ),
    )
    return _with_affected(calendar, affected)


@delete(
    CALENDAR,
    dependencies=IN_CALENDAR,
    status_code=200,
    **needs("catalog:write"),
    summary="Delete a calendar and its future slots that nobody holds or bought",
)
async def delete_calendar(
    principal: NamedDependency[Principal],
    database: NamedDependency[Database],
    clock: NamedDependency[SkipValidation[Clock]],
    path: NamedDependency[CalendarPath],
) -> ChangedCalendar:
    calendar, affected = await database.write(
        principal.tenant,
        lambda session: actions.delete_calendar(
            session, principal.tenant, (path.offer_id, path.calendar_id), clock.now()
        ),
    )
    return _with_affected(calendar, affected)


@post(CLOSURES, **needs("catalog:write"), summary="Close an offer or the establishment for a time")
async def create_closure(
    request: Request[Any, Any, Any],
    once: NamedDependency[OnceOnly],
    data: JSONBody[NewClosure],
    idempotency: IdempotencyHeader = None,
) -> Response[ClosureWithAffected]:
    tenant = principal_of(request.scope).tenant
    _check_closure(data)
    closure = Closure(id=new_id(), from_=data.from_, until=data.until, offer_id=data.offer_id, reason=data.reason)

    async def action(session: WriteSession) -> Answer:
        return encode(201, _affecting(*await actions.create_closure(session, tenant, closure)))

    return respond(await once.answer(tenant, await idempotency_key(request), action))


@get(CLOSURES, **needs("catalog:write"), summary="List the closures")
async def list_closures(
    principal: NamedDependency[Principal],
    database: NamedDependency[Database],
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[Closure]:
    key = after(cursor, 1)
    last = body_id(key[0], "/cursor") if key else None
    found = await database.read(
        principal.tenant,
        lambda session: queries.list_closures(session, principal.tenant, after=last, limit=limit + 1),
    )
    return page(found, limit, lambda closure: [str(closure.id)])


@get(CLOSURE, **needs("catalog:write"), summary="Read a closure and whom it affects now")
async def read_closure(
    principal: NamedDependency[Principal], database: NamedDependency[Database], closure_id: FromPath[str]
) -> ClosureWithAffected:
    tenant, wanted = principal.tenant, path_id(closure_id)

    async def query(session: ReadSession) -> ClosureWithAffected:
        closure = await queries.closure_of(session, tenant, wanted)
        if closure is None:
            raise NotFound
        slot_ids = await queries.slots_in(session, tenant, closure)
        return _affecting(closure, await affected_by(session, tenant, slot_ids))

    return await database.read(tenant, query)


@delete(CLOSURE, status_code=200, **needs("catalog:write"), summary="Open again what no other closure closes")
async def delete_closure(
    principal: NamedDependency[Principal], database: NamedDependency[Database], closure_id: FromPath[str]
) -> Closure:
    wanted = path_id(closure_id)
    return await database.write(
        principal.tenant, lambda session: actions.delete_closure(session, principal.tenant, wanted)
    )


def _rule(data: NewCalendar) -> WeeklyRule:
    return WeeklyRule(
        valid_from=data.valid_from,
        valid_until=data.valid_until,
        weekdays=data.weekdays,
        first_start=time.fromisoformat(data.first_start),
        last_start=time.fromisoformat(data.last_start),
        every_minutes=data.every_minutes,
        duration_minutes=data.duration_minutes,
        capacity=data.capacity,
    )


def _with_affected(calendar: Calendar, affected: Affected) -> ChangedCalendar:
    return ChangedCalendar(**msgspec.structs.asdict(calendar), affected=affected)


def _check_closure(data: NewClosure) -> None:
    for pointer, moment in (("/from", data.from_), ("/until", data.until)):
        if not EARLIEST.year <= moment.year <= LATEST.year:
            raise Invalid.field(pointer, f"Use a year between {EARLIEST.year} and {LATEST.year}.")
    if data.until <= data.from_:
        raise Invalid.field("/until", "The end must come after the start.")


def _affecting(closure: Closure, affected: Affected) -> ClosureWithAffected:
    return ClosureWithAffected(
        id=closure.id,
        from_=closure.from_,
        until=closure.until,
        offer_id=closure.offer_id,
        reason=closure.reason,
        affected=affected,
    )


handlers = [
    create_calendar,
    list_calendars,
    read_calendar,
    change_calendar,
    delete_calendar,
    create_closure,
    list_closures,
    read_closure,
    delete_closure,
]
