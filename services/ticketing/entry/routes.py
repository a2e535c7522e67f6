from litestar import Response, delete, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from services.kit.database import Database
from services.kit.idempotency import Answer
from services.kit.ids import path_id
from services.kit.principal import Principal
from services.kit.web import ESTABLISHMENT, hot, needs, respond
from services.ticketing.entry.desk import EntryDesk
from services.ticketing.entry.devices.actions import revoke_device
from services.ticketing.entry.requests import NewScan
from services.ticketing.entry.views import ScanAnswer


@post(
    f"{ESTABLISHMENT}/scans",
    **hot(needs("entry:scan")),
    summary="Scan a ticket at a gate; the same id again gets the same answer",
    status_code=200,
)
async def scan_ticket(
    principal: NamedDependency[Principal], entry: NamedDependency[EntryDesk], data: JSONBody[NewScan]
) -> Response[ScanAnswer]:
    return respond(Answer(status=200, body=await entry.scan(principal, data)))


@delete(f"{ESTABLISHMENT}/devices/{{device_id:str}}", **needs("admin"), summary="Revoke a scanner", status_code=204)
async def delete_device(
    principal: NamedDependency[Principal], database: NamedDependency[Database], device_id: FromPath[str]
) -> None:
    revoked = path_id(device_id)
    await database.write(principal.tenant, lambda session: revoke_device(session, principal.tenant, revoked))


handlers = [scan_ticket, delete_device]
