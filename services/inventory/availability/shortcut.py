"""The way past the framework for what is at hand: when a sale opens, nearly every request is this one."""

from functools import lru_cache
from typing import cast, get_args
from urllib.parse import parse_qsl

from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from services.inventory.availability.answers import Answer, Answers, Question, View
from services.inventory.availability.rules import bound
from services.kit.errors import Refused
from services.kit.ids import path_id
from services.kit.web import ESTABLISHMENT, principal_of

END = "/availability"
TEMPLATE = f"{ESTABLISHMENT.replace(':str', '')}/offers/{{offer_id}}{END}"
NAMES = frozenset({"from", "until", "view"})
VIEWS: dict[str, View] = {view: view for view in get_args(View)}
# Longer ones are no questions that many ask, and not worth the memory.
MAX_LENGTH = 300


class Shortcut:
    """Answers what `read_availability` would answer, if that can be done from memory and to a visitor. All the rest
    goes on to `app`: first questions, drafts, errors.
    """

    def __init__(self, app: ASGIApp, answers: Answers) -> None:
        self._app = app
        self._answers = answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind: str = scope["type"]
        answer = self._at_hand(cast("HTTPScope", scope)) if kind == "http" and scope["path"].endswith(END) else None
        if answer is None:
            await self._app(scope, receive, send)
            return
        # As the framework does it, for metrics.
        scope["path_template"] = TEMPLATE
        known = next((value for name, value in scope["headers"] if name == b"if-none-match"), None)
        if known is not None and answer.is_known(known.decode("latin-1")):
            await send({"type": "http.response.start", "status": 304, "headers": answer.headers_if_known})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        else:
            await send({"type": "http.response.start", "status": 200, "headers": answer.headers_if_new})
            await send({"type": "http.response.body", "body": answer.body, "more_body": False})

    def _at_hand(self, scope: HTTPScope) -> Answer | None:
        path, query = scope["path"], scope["query_string"]
        if scope["method"] != "GET" or len(path) + len(query) > MAX_LENGTH:
            return None
        asked = _asked(path, query)
        principal = principal_of(scope)
        if asked is None or principal.establishment_id is None or not principal.names(asked[0]):
            return None
        answer = self._answers.at_hand(principal.establishment_id, asked[1])
        return answer if answer is not None and answer.published else None


@lru_cache(maxsize=10_000)
def _asked(path: str, query: bytes) -> tuple[str, Question] | None:
    """The establishment and the question; None for what is not said in the usual way, right or wrong."""
    segments = path.split("/")
    if segments[:3] != ["", "v1", "establishments"] or segments[4:5] != ["offers"] or segments[6:] != [END[1:]]:
        return None
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    given = dict(pairs)
    if len(given) < len(pairs) or given.keys() - NAMES:
        return None
    view = VIEWS.get(given.get("view", "slots"))
    if view is None:
        return None
    try:
        since, until = bound(given.get("from"), "/from"), bound(given.get("until"), "/until")
        return segments[3], Question(offer_id=path_id(segments[5]), since=since, until=until, view=view)
    except Refused:
        return None
