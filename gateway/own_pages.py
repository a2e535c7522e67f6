"""The few resources that are the gateway's own."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from litestar.types import HTTPScope

from gateway.addresses import is_local
from gateway.identity import credential_in_header
from gateway.mailbox import PATH as MAILBOX_PATH
from gateway.mailbox import ROUTE as MAILBOX_ROUTE
from gateway.mailbox import Mailbox
from gateway.metrics import metrics_reply
from gateway.openapi import ApiDocument, Document, cached_reply
from gateway.pages import reference
from gateway.pages.rendering import STYLE_PATH, STYLE_REPLY, page
from gateway.probes import LIVE, Readiness
from gateway.replies import Reply
from gateway.scanner import app as scanner
from gateway.settings import GatewaySettings
from services.kit.errors import Unavailable

Handler: TypeAlias = Callable[[HTTPScope], Awaitable[Reply]]


class OwnPages:
    def __init__(self, settings: GatewaySettings, *, document: ApiDocument, readiness: Readiness) -> None:
        self._settings = settings
        self.document = document
        self._readiness = readiness
        self._rendered: dict[str, tuple[str, Reply]] = {}
        self.draining = False
        folder = settings.mailbox_folder
        self._mailbox = Mailbox(folder, for_all=settings.mailbox_for_all) if folder else None
        self.by_path: dict[str, Handler] = {
            "/livez": self._livez,
            "/readyz": self._readyz,
            "/metrics": self._metrics,
            "/openapi.json": self._openapi,
            "/docs": self._operations,
            "/docs/schemas": self._schemas,
            "/docs/problems": self._problems,
            STYLE_PATH: self._style,
        }

    def find(self, path: str) -> tuple[str, Handler] | None:
        """Who answers a path of ours, and what metrics call it."""
        own = self.by_path.get(path)
        if own is not None:
            return path, own
        if self._mailbox is not None and f"{path}/".startswith(f"{MAILBOX_PATH}/"):
            return MAILBOX_ROUTE, self._mailbox.reply
        if f"{path}/".startswith(f"{scanner.PATH}/"):
            return scanner.ROUTE, scanner.scanner_reply
        return None

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
        document = await self.document.document()
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
        document = await self.document.document()
        tag, reply = self._rendered.get(template, ("", None))
        if reply is None or tag != document.tag:
            reply = page(template, {"here": scope["path"], **values(document)})
            self._rendered[template] = (document.tag, reply)
        return cached_reply(reply, document.tag, _header(scope, b"if-none-match"))


def _header(scope: HTTPScope, wanted: bytes) -> bytes | None:
    return next((value for name, value in scope["headers"] if name == wanted), None)
