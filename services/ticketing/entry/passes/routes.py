import asyncio
import gzip
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from services.kit.ids import body_id
from services.kit.paging import Cursor
from services.kit.principal import Principal
from services.kit.web import ESTABLISHMENT, header, needs
from services.ticketing.entry.passes.desk import Asked, PassDesk
from services.ticketing.entry.passes.views import EntryPass

GateQuery = Annotated[str, QueryParameter(max_length=100, description="The gate that the scanner stands at")]
DateQuery = Annotated[
    str | None, QueryParameter(max_length=30, description="A day by the venue's calendar; without it today")
]
# Shorter than this is not worth the trouble.
COMPRESSED_FROM_BYTES: Final = 2_000
LEVEL: Final = 1


@get(
    f"{ESTABLISHMENT}/entry-pass",
    **needs("entry:scan"),
    summary="What a scanner needs to decide by itself: all of a day, then what changed since a cursor",
)
async def show_entry_pass(
    request: Request[Any, Any, Any],
    principal: NamedDependency[Principal],
    passes: NamedDependency[PassDesk],
    gate_id: GateQuery,
    date: DateQuery = None,
    cursor: Cursor = None,
) -> Response[EntryPass]:
    asked = Asked(body_id(gate_id, "/gate_id"), date, cursor)
    body = msgspec.json.encode(await passes.entry_pass(principal, asked))
    headers = {"cache-control": "private, no-store", "vary": "accept-encoding"}
    if len(body) >= COMPRESSED_FROM_BYTES and b"gzip" in (header(request.scope, b"accept-encoding") or b""):
        headers["content-encoding"] = "gzip"
        # Some milliseconds, without the GIL.
        body = await asyncio.to_thread(gzip.compress, body, LEVEL)
    return Response(content=body, media_type="application/json", headers=headers)  # type: ignore[arg-type]  # encoded already


handlers = [show_entry_pass]
