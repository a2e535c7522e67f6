"""The shop: pages for visitors, rendered here, over the public API.

How a page is made (read `establishment.py` for the short example, `offer.py` for the long one):

1. It registers its paths in a list `pages` of its module: `SharedPage(path, show, query)` for a GET that is the same
   for everybody, `OwnPage(method, path, answer)` for what belongs to one visitor and for every POST. `page_list.py`
   gathers the lists.
2. It renders with `rendering.page("name.html", view, values, Sent(…))`: templates extend `establishment.html` (or
   `base.html` outside of establishments) and know `view`, `words`, `_("…")`, `ngettext("…", "…", number)` and
   `said(texts)`, which gives `.text` and `.language`. After a form: `rendering.see_other(path)`.
3. It asks the API with `shop.api.get(principal, path, query, as_=Struct)` and `shop.api.send(principal, Ask(…),
   as_=Struct)`: refusals are raised as `Refused` with code, detail, errors and remaining. The principal is
   `view.visitor`, or `await visit.holder(token)` for who shows the token of an order. What the catalogue and the
   calendar say is remembered: `shop.storefront`.
4. It reads a form with `await visit.form()` (a dict) after `visit.check_origin(shop.public_url)`, and cookies with
   `visit.cookies`. A cookie is set by a header of the answer.
5. What it raises (`Refused`, `Unavailable`) becomes an error page in the visitor's language, unless it is caught and
   shown beside its field. Words: `_()` in templates, `view.words.gettext()` in code, English, with a translation
   into every language of `locale/` (tests/gateway/shop/test_catalogues.py).

Shared pages hold nothing that is one visitor's own, but for the key that is put into their forms as they leave
(`one_time.py`): `{{ one_time_key }}`.
"""

from functools import lru_cache
from urllib.parse import parse_qsl

import msgspec
from litestar.types import HTTPScope

from gateway.callers import Callers
from gateway.errors import OtherMethodsOnly
from gateway.exchange import Exchange
from gateway.replies import Reply
from gateway.shop import assets
from gateway.shop.error_page import error_page
from gateway.shop.language import LANGUAGES, liked_language, words
from gateway.shop.one_time import with_key
from gateway.shop.page_list import PAGES
from gateway.shop.remembered import Remembered, remembered, takes_gzip
from gateway.shop.routes import Found, Routes, SharedPage
from gateway.shop.shop import Shop
from gateway.shop.visit import View, Visit
from services.kit.errors import NotFound, Refused, Unavailable
from services.kit.paced import Bounds, Paced
from services.kit.principal import ANONYMOUS, Principal

MAX_AGE_SECONDS = 1.0
MAX_BYTES = 64_000_000
DEFAULT_LANGUAGE = "fr"
READING = frozenset({"GET", "HEAD"})
# Longer ones (whoever links to us may add trackers of any length) are read, but not remembered.
MAX_QUERY_LENGTH = 1_000
MAX_VALUE_LENGTH = 200


class Question(msgspec.Struct, frozen=True):
    """What a page depends on; of the query only what the page reads. `chosen`: by `?lang=`."""

    path: str
    query: tuple[tuple[str, str], ...]
    language: str
    chosen: bool


class ShopPages:
    def __init__(self, shop: Shop, callers: Callers) -> None:
        self._shop = shop
        self._callers = callers
        self._routes = Routes(PAGES)
        self._kept = Paced(
            self._render,
            weigh=lambda kept: kept.weight,
            bounds=Bounds(max_age_seconds=MAX_AGE_SECONDS, max_weight=MAX_BYTES),
        )

    async def reply(self, exchange: Exchange) -> Reply:
        """Raises `NotFound` where there is no page, and all errors to who does not read HTML."""
        scope = exchange.scope
        if scope["path"].startswith(assets.PREFIX):
            exchange.service, exchange.route = "shop", "/static"
            return _asset(scope)
        found = self._routes.find(scope["path"])
        if found is not None:
            exchange.service, exchange.route = "shop", found.path
        try:
            return await self._answer(exchange, found)
        except (Refused, Unavailable) as error:
            if b"text/html" not in _header(scope, b"accept"):
                raise
            return error_page(_view(_question(scope, ()), found.params if found else {}, ANONYMOUS), error)

    async def _answer(self, exchange: Exchange, found: Found | None) -> Reply:
        scope = exchange.scope
        if found is None:
            raise NotFound
        method = "GET" if scope["method"] == "HEAD" else str(scope["method"])
        own = found.own.get(method)
        if own is None and found.shared is not None and method == "GET":
            return await self._share(scope, found, found.shared)
        if own is None:
            raise OtherMethodsOnly(headers=((b"allow", found.allow),))
        visitor = await self._callers.visitor(scope, found.params.get("slug"))
        view = _view(_question(scope, own.query), found.params, visitor)
        reply = await own.answer(self._shop, Visit(view, scope, exchange.receive, self._callers))
        return msgspec.structs.replace(reply, body=with_key(reply.body))

    async def _share(self, scope: HTTPScope, found: Found, page: SharedPage) -> Reply:
        question, group = _question(scope, page.query), found.params.get("slug", "")
        kept = self._kept.at_hand(group, question)
        if kept is None:
            # What is at hand costs nothing; what must be made anew counts for whoever makes us make it.
            await self._callers.visitor(scope, found.params.get("slug"))
            kept = await self._kept.get(group, question)
        return kept.reply(
            accept_encoding=_header(scope, b"accept-encoding"), if_none_match=_header(scope, b"if-none-match")
        )

    async def _render(self, _: str, question: Question) -> Remembered:
        found = self._routes.find(question.path)
        if found is None or found.shared is None:
            raise NotFound
        visitor = await self._callers.visitor_to(found.params.get("slug"))
        return remembered(await found.shared.show(self._shop, _view(question, found.params, visitor)))


def _asset(scope: HTTPScope) -> Reply:
    if scope["method"] not in READING:
        raise OtherMethodsOnly(headers=((b"allow", b"GET, HEAD"),))
    found = assets.asset(scope["path"], zipped=takes_gzip(_header(scope, b"accept-encoding")))
    if found is None:
        raise NotFound
    return found


def _view(question: Question, params: dict[str, str], visitor: Principal) -> View:
    return View(
        path=question.path,
        params=params,
        query=dict(question.query),
        words=words(question.language),
        chosen=question.language if question.chosen else None,
        visitor=visitor,
    )


def _question(scope: HTTPScope, names: tuple[str, ...]) -> Question:
    query = scope["query_string"]
    known = _known(query, names) if len(query) <= MAX_QUERY_LENGTH else _read_known(query, names)
    asked = dict(known).get("lang", "")
    chosen = asked in LANGUAGES
    liked = asked if chosen else _liked(_header(scope, b"accept-language")) or DEFAULT_LANGUAGE
    rest = tuple(pair for pair in known if pair[0] != "lang")
    return Question(path=scope["path"], query=rest, language=liked, chosen=chosen)


def _read_known(query: bytes, names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """The pairs that the page reads, the last of each name, in one order."""
    pairs = dict(parse_qsl(query.decode("latin-1")))
    return tuple((name, pairs[name][:MAX_VALUE_LENGTH]) for name in sorted({*names, "lang"}) if name in pairs)


_known = lru_cache(maxsize=4096)(_read_known)


@lru_cache(maxsize=1024)
def _liked(accept_language: bytes) -> str | None:
    return liked_language(accept_language.decode("latin-1")[:MAX_VALUE_LENGTH])


def _header(scope: HTTPScope, wanted: bytes) -> bytes:
    return next((value for name, value in scope["headers"] if name == wanted), b"")
