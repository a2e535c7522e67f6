"""The hub's side of the network: the paths of the instance, as far as scanners at a gate need them."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias, TypeVar
from urllib.parse import parse_qs
from uuid import UUID

import msgspec
import structlog
from litestar.enums import ScopeType
from litestar.types import HTTPScope, Receive, Scope, Send

from gateway.replies import Headers, Reply, bug, refusal, send_reply, unavailable
from parvis.gate_hub.desk import Caller, HubDesk
from parvis.gate_hub.guard import Guard, Question
from parvis.gate_hub.handing_out import hand_out
from parvis.gate_hub.hub import Hub
from parvis.gate_hub.kept import Place
from services.kit.bodies import read_body
from services.kit.errors import Forbidden, Malformed, NotFound, Refused, Unavailable
from services.kit.ids import body_id, path_id
from services.ticketing.entry.passes.rules import read_day
from services.ticketing.entry.requests import NewScan, NewUndo, Upload
from services.ticketing.entry.views import UndoAnswer

T = TypeVar("T")
Handler: TypeAlias = Callable[[Caller, Question, str], Awaitable[bytes]]
log = structlog.get_logger()

MAX_BODY_BYTES: Final = 1_000_000
PREFIX: Final = "/v1/establishments/"
MAX_AGE: Final = b"86400"


class HubApp:
    """ASGI."""

    def __init__(self, hub: Hub, desk: HubDesk, guard: Guard, *, origin: str) -> None:
        """`origin`: where the scanner page comes from; no other page may ask."""
        self._hub = hub
        self._desk = desk
        self._guard = guard
        self._cors: Headers = (
            (b"access-control-allow-origin", origin.encode()),
            (b"access-control-expose-headers", b"Parvis-Device, Parvis-Signature, Retry-After"),
            (b"vary", b"origin"),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
        )
        self._preflight: Headers = (
            (b"access-control-allow-methods", b"GET, POST, PUT, OPTIONS"),
            (b"access-control-allow-headers", b"Authorization, Content-Type, Parvis-Device, Parvis-Signature"),
            # What browsers ask before a page of the internet may speak to a machine in the house.
            (b"access-control-allow-private-network", b"true"),
            (b"access-control-max-age", MAX_AGE),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP:
            reply = await self._reply(scope, receive)
            await send_reply(send, msgspec.structs.replace(reply, headers=(*reply.headers, *self._cors)))

    async def _reply(self, scope: HTTPScope, receive: Receive) -> Reply:
        if scope["method"] == "OPTIONS":
            return Reply(status=204, body=b"", headers=self._preflight)
        if scope["path"] == "/livez":
            return Reply(status=200, body=msgspec.json.encode(self._hub.health()))
        try:
            asked = await _question(scope, receive)
        except Refused as error:
            return refusal(error)
        reply = await self._answered(asked)
        return msgspec.structs.replace(
            reply, headers=(*reply.headers, *self._guard.signed(asked, reply.status, reply.body))
        )

    async def _answered(self, asked: Question) -> Reply:
        try:
            self._hub.check_open()
            caller = await self._guard.caller(asked)
            body = await self._handle(caller, asked)
        except Refused as error:
            return refusal(error)
        except Unavailable as error:
            return unavailable(error)
        except Exception:
            log.exception("hub_bug", path=asked.path)
            return bug()
        return Reply(status=200 if body else 204, body=body)

    async def _handle(self, caller: Caller, asked: Question) -> bytes:
        path, _, query = asked.path.partition("?")
        establishment, _, rest = path.removeprefix(PREFIX).partition("/")
        if not path.startswith(PREFIX) or establishment not in self._hub.names:
            raise NotFound
        match asked.method, rest.split("/"):
            case "POST", ["scans"]:
                return await self._scan(caller, asked)
            case "POST", ["scans", "batch"]:
                return await self._upload(caller, asked)
            case "POST", ["scans", scan_id, "undo"]:
                return await self._undo(caller, asked, path_id(scan_id))
            case "GET", ["entry-pass"]:
                return self._entry_pass(caller, query)
            case "PUT", ["devices", "self", "status"]:
                # Scanners tell this to whoever answers; only the instance wants to know.
                return b""
        raise NotFound

    async def _scan(self, caller: Caller, asked: Question) -> bytes:
        kept, is_new = self._desk.scan(caller, _decoded(asked.body, NewScan))
        if is_new:
            await self._hub.keep([kept])
        else:
            await self._hub.kept_before(kept.id)
        return kept.answer.encode() or self._desk.answer_of(kept)

    async def _upload(self, caller: Caller, asked: Question) -> bytes:
        answer, kept = self._desk.upload(caller, _decoded(asked.body, Upload))
        await self._hub.keep(kept)
        for one in answer.scans:
            await self._hub.kept_before(one.id)
        return msgspec.json.encode(answer)

    async def _undo(self, caller: Caller, asked: Question, scan_id: UUID) -> bytes:
        undone, kept = self._desk.undo(caller, scan_id, _decoded(asked.body, NewUndo))
        await self._hub.keep(kept)
        await self._hub.kept_before(undone.id)
        outcome = "undone" if undone.outcome == "undone" else "not_admitted"
        return msgspec.json.encode(UndoAnswer(undone.id, scan_id, outcome))  # type: ignore[arg-type]  # both are literals

    def _entry_pass(self, caller: Caller, query: str) -> bytes:
        values = {name: found[0] for name, found in parse_qs(query).items()}
        gate_id = body_id(values.get("gate_id", ""), "/gate_id")
        gate = self._hub.gate(gate_id)
        if caller.gate_ids is not None and gate_id not in caller.gate_ids:
            raise Forbidden("This scanner does not stand at that gate.")
        day = read_day(values["date"]).isoformat() if "date" in values else self._hub.today()
        place = Place(gate.venue_id, day)
        return msgspec.json.encode(hand_out(self._hub.memory, place, values.get("cursor"), self._hub.clock.now()))


def _decoded(body: bytes, type_: type[T]) -> T:
    read: T = read_body(body, type_)
    return read


async def _question(scope: HTTPScope, receive: Receive) -> Question:
    """Raises `Malformed` for a body that is too long or breaks off."""
    parts, length, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise Malformed("The body broke off.")
        parts.append(message.get("body", b""))
        length += len(parts[-1])
        if length > MAX_BODY_BYTES:
            raise Malformed(f"At most {MAX_BODY_BYTES} bytes.")
        more = message.get("more_body", False)
    raw = (scope.get("raw_path") or scope["path"].encode()).partition(b"?")[0]
    query = scope["query_string"]
    path = raw + b"?" + query if query else raw
    return Question(scope["method"], path.decode("latin-1"), dict(scope["headers"]), b"".join(parts))
