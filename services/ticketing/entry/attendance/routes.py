from typing import Annotated

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from litestar.response import Stream

from services.kit.idempotency import Answer
from services.kit.principal import Principal
from services.kit.web import ESTABLISHMENT, answers, needs, respond
from services.ticketing.entry.attendance.desk import AttendanceDesk
from services.ticketing.entry.attendance.sheet import sheet
from services.ticketing.entry.attendance.views import Attendance

DateQuery = Annotated[
    str | None, QueryParameter(max_length=30, description="A day by the venue's calendar; without it today")
]
EVENTS = "text/event-stream"
SHEET = "text/csv"


@get(
    f"{ESTABLISHMENT}/attendance",
    **needs("reports:read"),
    summary="Who is expected on a day, who came, when and by which gate, and who is inside",
)
async def show_attendance(
    principal: NamedDependency[Principal], attendances: NamedDependency[AttendanceDesk], date: DateQuery = None
) -> Response[Attendance]:
    return respond(Answer(status=200, body=(await attendances.attendance(principal, date)).body))


@get(
    f"{ESTABLISHMENT}/attendance/stream",
    **answers(needs("reports:read"), EVENTS),
    summary="The same whenever it changes, as server-sent events (`attendance`), until the key is revoked",
    media_type=EVENTS,
)
async def watch_attendance(
    principal: NamedDependency[Principal], attendances: NamedDependency[AttendanceDesk], date: DateQuery = None
) -> Stream:
    # Proxies that collect answers before passing them on are asked not to.
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return Stream(await attendances.stream(principal, date), media_type=EVENTS, headers=headers)


@get(
    f"{ESTABLISHMENT}/attendance.csv",
    **answers(needs("reports:read"), SHEET),
    summary="The attendance of a day as a table for spreadsheets",
    media_type=SHEET,
)
async def download_attendance(
    principal: NamedDependency[Principal], attendances: NamedDependency[AttendanceDesk], date: DateQuery = None
) -> Response[bytes]:
    found = (await attendances.attendance(principal, date)).attendance
    establishment = await attendances.establishment(principal)
    name = f"attendance-{establishment.slug}-{found.date}.csv"
    return Response(
        content=sheet(found, establishment.timezone, establishment.languages[0]),
        media_type=f"{SHEET}; charset=utf-8",
        headers={"content-disposition": f'attachment; filename="{name}"', "cache-control": "private, no-store"},
    )


handlers = [show_attendance, watch_attendance, download_attendance]
