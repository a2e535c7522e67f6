from datetime import date
from typing import Annotated

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from services.kit.database import Database
from services.kit.idempotency import Answer
from services.kit.ids import path_id
from services.kit.principal import Principal
from services.kit.web import ESTABLISHMENT, also, hot, needs, respond
from services.ticketing.entry.desk import EntryDesk
from services.ticketing.entry.queries import Conflicts, conflicts_of
from services.ticketing.entry.requests import NewScan, NewUndo, Upload
from services.ticketing.entry.views import ScanAnswer, UndoAnswer, UploadAnswer

SCANS = f"{ESTABLISHMENT}/scans"
Day = Annotated[date, QueryParameter(name="date", description="By the calendar of the gate's venue")]


@post(
    SCANS,
    **hot(needs("entry:scan")),
    summary="Scan a ticket at a gate; the same id again gets the same answer",
    status_code=200,
)
async def scan_ticket(
    principal: NamedDependency[Principal], entry: NamedDependency[EntryDesk], data: JSONBody[NewScan]
) -> Response[ScanAnswer]:
    return respond(Answer(status=200, body=await entry.scan(principal, data)))


@post(
    f"{SCANS}/batch",
    **needs("entry:scan"),
    summary="Upload what a scanner decided by itself; repeated, or in any order, it comes to the same",
    status_code=200,
)
async def upload_scans(
    principal: NamedDependency[Principal], entry: NamedDependency[EntryDesk], data: JSONBody[Upload]
) -> UploadAnswer:
    return await entry.upload(principal, data)


@post(
    f"{SCANS}/{{scan_id:str}}/undo",
    **needs("entry:scan"),
    summary="Take a wrong admission back; the same id again changes nothing",
    status_code=200,
)
async def undo_scan(
    principal: NamedDependency[Principal],
    entry: NamedDependency[EntryDesk],
    scan_id: FromPath[str],
    data: JSONBody[NewUndo],
) -> UndoAnswer:
    return await entry.undo(principal, path_id(scan_id), data)


@get(
    f"{SCANS}/conflicts",
    **also(needs("entry:scan"), "reports:read"),
    summary="Who passed on a copy, or should not have passed, on a day",
)
async def list_conflicts(
    principal: NamedDependency[Principal], database: NamedDependency[Database], day: Day
) -> Conflicts:
    return await database.read(principal.tenant, lambda session: conflicts_of(session, principal.tenant, day))


handlers = [scan_ticket, upload_scans, undo_scan, list_conflicts]
