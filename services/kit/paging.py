"""Opaque cursors: where a list goes on, by the key of its last row."""

import base64
from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar

import msgspec
from litestar.params import QueryParameter

from services.kit.errors import Invalid

T = TypeVar("T")
DEFAULT_LIMIT = 50
MAX_LIMIT = 100

Limit = Annotated[int, QueryParameter(ge=1, le=MAX_LIMIT, description="How many items at most")]
Cursor = Annotated[str | None, QueryParameter(max_length=400, description="`next_cursor` of the page before")]


class Page(msgspec.Struct, Generic[T], frozen=True):
    items: list[T]
    next_cursor: str | None


def page(rows: Sequence[T], limit: int, key: Callable[[T], Sequence[str]]) -> Page[T]:
    """One page out of at most `limit + 1` rows: the extra row only says that there is more."""
    items = list(rows[:limit])
    return Page(items=items, next_cursor=_encode(key(items[-1])) if len(rows) > limit else None)


def after(cursor: str | None, parts: int) -> list[str] | None:
    """The key in a cursor that `page` made, or None for the first page. Raises `Invalid` for any other text."""
    if cursor is None:
        return None
    try:
        values = msgspec.json.decode(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)), type=list[str])
    except (ValueError, msgspec.DecodeError):
        values = []
    if len(values) != parts:
        raise Invalid.field("/cursor", "Use the next_cursor of the page before, unchanged.")
    return values


def _encode(values: Sequence[str]) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(list(values))).rstrip(b"=").decode()
