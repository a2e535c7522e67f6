"""The few resources that are the gateway's own."""

import time
from collections.abc import Awaitable, Callable

from litestar.types import HTTPScope

from gateway.addresses import is_local
from gateway.identity import credential_in_header
from gateway.metrics import metrics_reply
from gateway.openapi import ApiDocument, Document, cached_reply
from gateway.pages import reference
from gateway.pages.landing import landing_page, language_of
from gateway.pages.rendering import STYLE_PATH, STYLE_REPLY, page
from gateway.probes import LIVE, Readiness
from gateway.replies import Reply
from gateway.settings import GatewaySettings
from services.kit.errors import Unavailable
from services.ticketing.contract import EstablishmentCard, Ticketing

CARDS_SECONDS = 10


class OwnPages:
    def __init__(
        self, settings: GatewaySettings, *, ticketing: Ticketing, document: ApiDocument, readiness: Readiness
    ) -> None:
        self._settings = settings
        self._ticketing = ticketing
        self._document = document
        self._readiness = readiness
        self._rendered: dict[str, tuple[str, Reply]] = {}
        self._cards: list[EstablishmentCard] | None = None
        self._cards_until = float("-inf")
        self.draining = False
        self.by_path: dict[str, Callable[[HTTPScope], Awaitable[Reply]]] = {
            "/": self._landing,
            "/livez": self._livez,
            "/readyz": self._readyz,
            "/metrics": self._metrics,
            "/openapi.json": self._openapi,
            "/docs": self._operations,
            "/docs/schemas": self._schemas,
            "/docs/problems": self._problems,
            STYLE_PATH: self._style,
        }

    async def _livez(self, _: HTTPScope) -> Reply:
        return LIVE

    async def _readyz(self, _: HTTPScope) -> Reply:
        if self.draining:
            raise Unavailable("This process is going away.")
        return await self._readiness.reply()

    async def _metrics(self, scope: HTTPScope) -> Reply:
        return metrics_reply(
            is_local=is_local(scope["client"], scope["headers"]),
            credential=credential_in_header(scope["headers"]),
            token=self._settings.metrics_token,
        )

    async def _style(self, _: HTTPScope) -> Reply:
        return STYLE_REPLY

    async def _openapi(self, scope: HTTPScope) -> Reply:
        document = await self._document.document()
        return cached_reply(Reply(status=200, body=document.encoded), document.tag, _header(scope, b"if-none-match"))

    async def _operations(self, scope: HTTPScope) -> Reply:
        return await self._page_about(
            scope,
            "operations.html",
            lambda document: {
                "description": document.content["info"]["description"],
                "base": document.content["servers"][0]["url"],
                "sections": reference.sections(document.content),
            },
        )

    async def _schemas(self, scope: HTTPScope) -> Reply:
        return await self._page_about(
            scope, "schemas.html", lambda document: {"schemas": reference.schemas(document.content)}
        )

    async def _problems(self, _: HTTPScope) -> Reply:
        values = {"here": "/docs/problems", "problems": reference.problem_codes()}
        return page("problems.html", values, ((b"cache-control", b"public, max-age=60"),))

    async def _page_about(
        self, scope: HTTPScope, template: str, values: Callable[[Document], dict[str, object]]
    ) -> Reply:
        """Rendered once for each version of the document."""
        document = await self._document.document()
        tag, reply = self._rendered.get(template, ("", None))
        if reply is None or tag != document.tag:
            reply = page(template, {"here": scope["path"], **values(document)})
            self._rendered[template] = (document.tag, reply)
        return cached_reply(reply, document.tag, _header(scope, b"if-none-match"))

    async def _landing(self, scope: HTTPScope) -> Reply:
        language = language_of((_header(scope, b"accept-language") or b"").decode("latin-1"))
        return landing_page(await self._establishments(), language)

    async def _establishments(self) -> list[EstablishmentCard] | None:
        """The last known ones when ticketing cannot say; None when there never were any."""
        if time.monotonic() >= self._cards_until:
            self._cards_until = time.monotonic() + CARDS_SECONDS
            try:
                self._cards = await self._ticketing.establishments()
            except Unavailable:
                self._cards_until = float("-inf")
        return self._cards


def _header(scope: HTTPScope, wanted: bytes) -> bytes | None:
    return next((value for name, value in scope["headers"] if name == wanted), None)
