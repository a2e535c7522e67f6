"""Which page answers a path."""

from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from typing import TypeAlias

import msgspec

from gateway.replies import Reply
from gateway.shop.shop import Shop
from gateway.shop.visit import View, Visit

Show: TypeAlias = Callable[[Shop, View], Awaitable[Reply]]
Answer: TypeAlias = Callable[[Shop, Visit], Awaitable[Reply]]


class SharedPage(msgspec.Struct, frozen=True):
    """A GET that is answered the same to everybody: remembered, as bytes, for a second.

    `{name}` in `path` is one segment. `query` names all that the page reads of the query.
    """

    path: str
    show: Show
    query: tuple[str, ...] = ()


class OwnPage(msgspec.Struct, frozen=True):
    """A page of one visitor, or a form: answered anew each time, never stored."""

    method: str
    path: str
    answer: Answer
    query: tuple[str, ...] = ()


class Found(msgspec.Struct, frozen=True):
    """`shared` answers GET, unless a method of `own` does."""

    path: str
    params: dict[str, str]
    shared: SharedPage | None
    own: dict[str, OwnPage]

    @property
    def allow(self) -> bytes:
        methods = {"GET"} if self.shared else set()
        methods |= self.own.keys()
        if "GET" in methods:
            methods.add("HEAD")
        return ", ".join(sorted(methods)).encode()


class Routes:
    def __init__(self, pages: Sequence[SharedPage | OwnPage]) -> None:
        # A plain word is a better match than a name in braces.
        paths = sorted({page.path for page in pages}, key=lambda path: (path.count("{"), path))
        self._paths = [path.split("/") for path in paths]
        self._pages = pages
        self.find = lru_cache(maxsize=4096)(self._find)

    def _find(self, path: str) -> Found | None:
        segments = (path.removesuffix("/") or "/").split("/")
        for wanted in self._paths:
            if len(wanted) == len(segments) and all(
                word == segment or (word.startswith("{") and segment)
                for word, segment in zip(wanted, segments, strict=True)
            ):
                return self._found(wanted, segments)
        return None

    def _found(self, wanted: list[str], segments: list[str]) -> Found:
        path = "/".join(wanted)
        pages = [page for page in self._pages if page.path == path]
        return Found(
            path=path,
            params={
                word.strip("{}"): segment
                for word, segment in zip(wanted, segments, strict=True)
                if word.startswith("{")
            },
            shared=next((page for page in pages if isinstance(page, SharedPage)), None),
            own={page.method: page for page in pages if isinstance(page, OwnPage)},
        )
