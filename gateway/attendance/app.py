"""The attendance page: a key is shown once, then a short session reads the attendance, live where scripts run.

Everything is read through the public API, as the principal of the session. Without scripts the page is reloaded by
hand; with them the same template comes again through a stream whenever a number changed.
"""

import asyncio
import gzip
from collections.abc import Mapping
from datetime import date
from typing import Final
from urllib.parse import parse_qsl

import msgspec
from litestar.types import ASGIApp, HTTPScope

from gateway.attendance.answers import Attendance, Conflicts
from gateway.attendance.assets import PREFIX, asset
from gateway.attendance.relay import Relay, Source
from gateway.attendance.rendering import PATH, Asked, Shown, attendance_page, live_part, sign_in_page
from gateway.attendance.session import Session, Sessions
from gateway.attendance.words import DEFAULT_LANGUAGE, LANGUAGES, phrases
from gateway.callers import Callers
from gateway.errors import OtherMethodsOnly, RateLimited
from gateway.exchange import Exchange
from gateway.replies import Reply, send_reply
from gateway.settings import GatewaySettings
from gateway.shop.answers import Profile
from gateway.shop.api import Api, Ask
from gateway.shop.error_page import error_page
from gateway.shop.language import liked_language, words
from gateway.shop.remembered import takes_gzip
from gateway.shop.rendering import see_other
from gateway.shop.visit import View, Visit
from services.kit.errors import Forbidden, NotFound, Refused, Unauthenticated, Unavailable
from services.kit.moments import EARLIEST_YEAR, LATEST_YEAR
from services.kit.principal import ANONYMOUS
from services.kit.principal_token import Service
from services.kit.recent import Recent

STREAM: Final = f"{PATH}/stream"
SHEET: Final = f"{PATH}/sheet.csv"
SIGN_OUT: Final = f"{PATH}/sign-out"
METHODS: Final = {PATH: (b"GET", b"HEAD", b"POST"), STREAM: (b"GET",), SHEET: (b"GET", b"HEAD"), SIGN_OUT: (b"POST",)}
CONFLICTS_SHOWN: Final = 50
KEY_LENGTH_MAX: Final = 200
DRAWN_MAX_AGE_SECONDS: Final = 2.0
DRAWN_MAX: Final = 64


class _Drawing(msgspec.Struct, frozen=True):
    """`body` is the attendance as JSON."""

    session: Session
    timezone: str
    language: str
    body: bytes


class AttendancePages:
    def __init__(self, settings: GatewaySettings, callers: Callers, upstreams: Mapping[Service, ASGIApp]) -> None:
        self._public_url = settings.public_url
        self._sessions = Sessions(settings)
        self._callers = callers
        self._api = Api(upstreams)
        self._ticketing = upstreams["ticketing"]
        self._drawn: Recent[_Drawing, str] = Recent(
            self._draw, max_age_seconds=DRAWN_MAX_AGE_SECONDS, max_entries=DRAWN_MAX
        )

    @staticmethod
    def owns(path: str) -> bool:
        return f"{path}/".startswith(f"{PATH}/")

    async def answer(self, exchange: Exchange, leaving: asyncio.Event) -> None:
        """Streams end when the process is `leaving`. Errors are raised to who does not read HTML."""
        scope, outgoing = exchange.scope, exchange.outgoing
        exchange.route = PATH
        asked = _asked(scope)
        accepts_gzip = takes_gzip(_header(scope, b"accept-encoding"))
        try:
            if scope["path"].startswith(PREFIX):
                await send_reply(outgoing, _asset(scope, zipped=accepts_gzip))
            elif scope["path"] == STREAM:
                await self._stream(exchange, asked, leaving)
            else:
                reply = await self._reply(
                    Visit(_view(scope, asked), scope, exchange.receive, self._callers), scope, asked
                )
                await send_reply(outgoing, _zipped(reply) if accepts_gzip else reply)
        except (Refused, Unavailable) as error:
            if outgoing.has_started or b"text/html" not in _header(scope, b"accept"):
                raise
            await send_reply(outgoing, error_page(_view(scope, asked), error))

    async def _reply(self, visit: Visit, scope: HTTPScope, asked: Asked) -> Reply:
        _check_method(scope)
        path, session = scope["path"], self._sessions.find(visit.cookies)
        if scope["method"] == "POST":
            visit.check_origin(self._public_url)
            if path == SIGN_OUT:
                return see_other(asked.link(), self._sessions.end())
            return await self._sign_in(visit, scope, asked)
        if session is None:
            return sign_in_page(asked) if path == PATH else see_other(asked.link())
        try:
            return await (self._sheet(session, asked) if path == SHEET else self._page(session, asked))
        except Unauthenticated:
            notice = phrases(asked.language)("Your session is over. Please sign in again.")
            return sign_in_page(asked, notice=notice, headers=self._sessions.end())

    async def _sign_in(self, visit: Visit, scope: HTTPScope, asked: Asked) -> Reply:
        key = (await visit.form()).get("key", "").strip()[:KEY_LENGTH_MAX]
        try:
            headers = self._sessions.begin(await self._callers.visitor(scope, None, key))
        except (Unauthenticated, NotFound):
            fault = "This key is not valid: check that it was copied whole, and that it is neither expired nor revoked."
        except Forbidden:
            fault = "This key may not read the attendance: it needs the scope reports:read."
        except RateLimited:
            fault = "Too many wrong keys were tried from here. Please wait a minute."
        else:
            return see_other(asked.link(), headers)
        return sign_in_page(asked, fault=phrases(asked.language)(fault))

    async def _page(self, session: Session, asked: Asked) -> Reply:
        body = await self._api.read(session.principal, Ask("GET", f"{_base(session)}/attendance", _query(asked)))
        profile = await self._profile(session)
        return attendance_page(asked, profile, await self._shown(session, body, profile.timezone))

    async def _sheet(self, session: Session, asked: Asked) -> Reply:
        ask = Ask("GET", f"{_base(session)}/attendance.csv", _query(asked))
        name = f"attendance-{asked.day}.csv" if asked.day else "attendance.csv"
        return Reply(
            status=200,
            body=await self._api.read(session.principal, ask),
            media_type=b"text/csv; charset=utf-8",
            headers=((b"content-disposition", f'attachment; filename="{name}"'.encode()),),
        )

    async def _stream(self, exchange: Exchange, asked: Asked, leaving: asyncio.Event) -> None:
        _check_method(exchange.scope)
        visit = Visit(_view(exchange.scope, asked), exchange.scope, exchange.receive, self._callers)
        session = self._sessions.find(visit.cookies)
        if session is None:
            raise Unauthenticated("The session is over: sign in again.")
        profile = await self._profile(session)

        async def draw(body: bytes) -> str:
            return await self._drawn.get(_Drawing(session, profile.timezone, asked.language, body))

        source = Source(self._ticketing, session.principal, f"{_base(session)}/attendance/stream", _query(asked))
        await Relay(exchange.outgoing, draw, lambda: session.is_over).run(exchange, source, leaving)

    async def _draw(self, drawing: _Drawing) -> str:
        return live_part(await self._shown(drawing.session, drawing.body, drawing.timezone), drawing.language)

    async def _shown(self, session: Session, body: bytes, timezone: str) -> Shown:
        attendance, found = msgspec.json.decode(body, type=Attendance), Conflicts([])
        if attendance.conflicts:
            path = f"{_base(session)}/scans/conflicts"
            found = await self._api.get(session.principal, path, f"date={attendance.date}", as_=Conflicts)
        latest_first = sorted(found.items, key=lambda conflict: conflict.scan.at, reverse=True)
        return Shown(attendance, latest_first[:CONFLICTS_SHOWN], timezone)

    async def _profile(self, session: Session) -> Profile:
        return await self._api.get(session.principal, _base(session), as_=Profile)


def _base(session: Session) -> str:
    return f"/v1/establishments/{session.establishment_id}"


def _query(asked: Asked) -> str:
    return f"date={asked.day}" if asked.day else ""


def _check_method(scope: HTTPScope) -> None:
    """Raises `NotFound`, `OtherMethodsOnly`."""
    allowed = METHODS.get(scope["path"])
    if allowed is None:
        raise NotFound
    if scope["method"].encode() not in allowed:
        raise OtherMethodsOnly(headers=((b"allow", b", ".join(allowed)),))


def _asset(scope: HTTPScope, *, zipped: bool) -> Reply:
    found = asset(scope["path"], zipped=zipped)
    if found is None:
        raise NotFound
    if scope["method"] not in {"GET", "HEAD"}:
        raise OtherMethodsOnly(headers=((b"allow", b"GET, HEAD"),))
    return found


def _zipped(reply: Reply) -> Reply:
    if not reply.body:
        return reply
    headers = (*reply.headers, (b"content-encoding", b"gzip"))
    return msgspec.structs.replace(reply, body=gzip.compress(reply.body, 6, mtime=0), headers=headers)


def _asked(scope: HTTPScope) -> Asked:
    query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
    chosen = query.get("lang") if query.get("lang") in LANGUAGES else None
    liked = chosen or liked_language(_header(scope, b"accept-language").decode("latin-1")[:200])
    return Asked(liked if liked in LANGUAGES else DEFAULT_LANGUAGE, chosen, _day(query.get("date", "")))


def _day(text: str) -> date | None:
    """None, which is today, for what is no day."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    # Room for the days before and after, which the page links to.
    return day if EARLIEST_YEAR < day.year < LATEST_YEAR else None


def _view(scope: HTTPScope, asked: Asked) -> View:
    return View(scope["path"], {}, {}, words(asked.language), asked.chosen, ANONYMOUS)


def _header(scope: HTTPScope, wanted: bytes) -> bytes:
    return next((value for name, value in scope["headers"] if name == wanted), b"")
