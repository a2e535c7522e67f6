"""What came in, as pages see it."""

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode

import msgspec
from litestar.types import HTTPScope, Receive

from gateway.callers import Callers
from gateway.exchange import Incoming, check_length
from gateway.forwarding import ClientLeft
from gateway.shop.language import Words
from services.kit.errors import Forbidden, Malformed
from services.kit.principal import Principal

FORM_TYPE = b"application/x-www-form-urlencoded"
MAX_FORM_BYTES = 50_000
MAX_FORM_FIELDS = 500
FORM_SECONDS = 10


class View(msgspec.Struct, frozen=True):
    """All that a page which is the same for everybody may depend on: no cookie, no address.

    `params` are the names in braces of its path, `query` those that the page said it reads. `chosen` is the language
    of `?lang=`, which links keep. `visitor` is the principal of a visitor to the establishment of the path.
    """

    path: str
    params: Mapping[str, str]
    query: Mapping[str, str]
    words: Words
    chosen: str | None
    visitor: Principal

    @property
    def slug(self) -> str:
        return self.params["slug"]

    def link(self, path: str, **query: object) -> str:
        """A link to another page, in the language that the visitor chose. What is None is left out."""
        kept = {name: str(value) for name, value in query.items() if value is not None}
        if self.chosen:
            kept["lang"] = self.chosen
        return f"{path}?{urlencode(kept)}" if kept else path

    def in_language(self, language: str) -> str:
        """A link to this same page in another language."""
        return f"{self.path}?{urlencode({**self.query, 'lang': language})}"


class Visit:
    """One request of one visitor, for pages that are nobody else's."""

    def __init__(self, view: View, scope: HTTPScope, receive: Receive, callers: Callers) -> None:
        self.view = view
        self._callers = callers
        self._scope = scope
        self._receive = receive
        self._form: dict[str, str] | None = None

    @property
    def cookies(self) -> dict[str, str]:
        """The first value of each name. Read by hand: other sites of the same domain leave cookies that no parser of
        the standard would accept, and ours stand beside them.
        """
        # HTTP/2 may bring them in several headers.
        sent = b";".join(value for name, value in self._scope["headers"] if name == b"cookie").decode("latin-1")
        found: dict[str, str] = {}
        for pair in sent.split(";"):
            name, _, value = pair.partition("=")
            found.setdefault(name.strip(), value.strip().strip('"'))
        return found

    def header(self, wanted: bytes) -> bytes | None:
        return next((value for name, value in self._scope["headers"] if name == wanted), None)

    async def holder(self, token: str) -> Principal:
        """Who shows the token of an order. Raises `Unauthenticated`, `NotFound`, `RateLimited`."""
        return await self._callers.visitor(self._scope, self.view.slug, token)

    async def form(self) -> dict[str, str]:
        """The fields of a POST, the last of each name. Raises `Malformed`, `TooLarge`, `BodyTooSlow`."""
        if self._form is None:
            self._form = await self._read_form()
        return self._form

    def check_origin(self, public_url: str) -> None:
        """Raises `Forbidden` when a page of somebody else sent the form (CSRF): browsers say who did."""
        site = self.header(b"sec-fetch-site")
        if site is not None:
            if site not in {b"same-origin", b"none"}:
                raise Forbidden("This form was sent from another site.")
            return
        origin = self.header(b"origin")
        host = self.header(b"host") or b""
        if origin is not None and origin.decode("latin-1") not in {public_url, f"http://{host.decode('latin-1')}"}:
            raise Forbidden("This form was sent from another site.")

    async def _read_form(self) -> dict[str, str]:
        if (self.header(b"content-type") or b"").partition(b";")[0].strip() != FORM_TYPE:
            raise Malformed("Send the fields of a form.")
        check_length(self._scope, MAX_FORM_BYTES)
        incoming = Incoming(self._receive, limit_bytes=MAX_FORM_BYTES, timeout_seconds=FORM_SECONDS)
        parts: list[bytes] = []
        more = True
        while more:
            message = await incoming()
            if message["type"] == "http.disconnect":
                raise ClientLeft
            parts.append(message.get("body", b""))
            more = message.get("more_body", False)
        try:
            pairs = parse_qsl(b"".join(parts).decode(), keep_blank_values=True, max_num_fields=MAX_FORM_FIELDS)
        except ValueError:
            raise Malformed("The form could not be read.") from None
        return dict(pairs)
