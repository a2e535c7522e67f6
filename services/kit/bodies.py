"""JSON bodies, read straight into the structs that the routes ask for.

Stricter than the framework, which would take `"8"` for 8: a body means one thing or it is refused.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec
from litestar import Request
from msgspec import inspect

from services.kit.errors import FieldError, Invalid, Malformed, Refused, json_pointer
from services.kit.moments import check_moment
from services.kit.wording import plain

MAX_DETAIL_LENGTH = 300
# A struct of ours has few texts by language; a client that sends more keys is told the object, not the key.
MAX_KEYS_TRIED = 20
PLACE = re.compile(r" - at (?:`key` in )?`\$(.*)`\Z", re.DOTALL)
STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")
NAMED_FIELD = re.compile(r"(?:unknown|required) field `(.+)`\Z", re.DOTALL)


class UnsupportedMediaType(Refused):
    status = 415
    code = "unsupported_media_type"
    title = "Send the body as application/json"


class JsonRequest(Request[Any, Any, Any]):
    """What the routes of a service get. Its body is decoded once, by the type of the route's `data`."""

    async def json(self) -> Any:  # noqa: ANN401 - as the framework has it; the type is that of `data`
        field = self.route_handler.parsed_data_field
        if field is None:
            return await super().json()
        check_media_type(self.headers.get("content-type"))
        return read_body(await self.body(), field.annotation)


def check_media_type(content_type: str | None) -> None:
    """No content type at all is fine: what else would it be? Raises `UnsupportedMediaType` for another one."""
    if content_type is None:
        return
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise UnsupportedMediaType


def read_body(body: bytes, type_: Any) -> Any:  # noqa: ANN401 - any type that msgspec knows, and a value of it
    """Raises `Malformed` for what is no JSON, `Invalid` with a pointer for what does not fit `type_`.

    A type may read itself: with `read(body)`. One may take NUL characters: where `nul_at` says, a pointer or the
    beginning of one.
    """
    if hasattr(type_, "read"):
        return type_.read(body)
    try:
        value = _decoder(type_).decode(body)
    except msgspec.ValidationError as error:
        raise _invalid(str(error), body, type_) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(f"The body is no JSON in UTF-8: {error}.") from None
    except RecursionError:
        raise Malformed("The body is nested too deeply.") from None
    _check_names_and_texts(body, getattr(type_, "nul_at", None))
    if _may_hold_moments(type_):
        _check_moments(msgspec.to_builtins(value, builtin_types=(datetime,), enc_hook=_unread))
    return value


@lru_cache(maxsize=256)
def _decoder(type_: Any) -> "msgspec.json.Decoder[Any]":  # noqa: ANN401 - see read_body
    return msgspec.json.Decoder(type_)


@lru_cache(maxsize=256)
def _may_hold_moments(type_: Any) -> bool:  # noqa: ANN401 - see read_body
    return "DateTimeType" in repr(inspect.type_info(type_))


def _check_moments(value: object, *steps: str) -> None:
    if isinstance(value, datetime):
        check_moment(value, json_pointer(*steps))
    elif isinstance(value, dict):
        for name, item in value.items():
            _check_moments(item, *steps, str(name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check_moments(item, *steps, str(index))


def _unread(_: object) -> None:
    """Raw JSON, which whoever asked for it reads later."""


def _invalid(message: str, body: bytes, type_: Any) -> Invalid:  # noqa: ANN401 - see read_body
    detail = message.split(" - at ", maxsplit=1)[0]
    place = PLACE.search(message)
    steps = [name or index for name, index in STEP.findall(place.group(1))] if place else []
    if "..." in steps or " - at `key` in " in message:
        steps = _exact(steps, message, body, type_)
    named = NAMED_FIELD.search(detail)
    if named:
        steps.append(named.group(1))
    sentence = plain(detail)[:MAX_DETAIL_LENGTH]
    return Invalid.field(json_pointer(*(step[:MAX_DETAIL_LENGTH] for step in steps)), sentence)


def _exact(steps: list[str], message: str, body: bytes, type_: Any) -> list[str]:  # noqa: ANN401 - see read_body
    """Which key of an object with free keys is meant: the one that is wrong also alone."""
    place = steps.index("...") if "..." in steps else len(steps)
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # What follows the first fault was not read until now, and is no better.
        return steps[:place]
    parent: Any = None
    target = document
    for step in steps[:place]:
        parent, target = target, target[int(step)] if isinstance(target, list) else target[step]
    if parent is None:
        return steps[:place]
    last: Any = int(steps[place - 1]) if isinstance(parent, list) else steps[place - 1]
    for key in list(target)[:MAX_KEYS_TRIED]:
        parent[last] = {key: target[key]}
        try:
            msgspec.convert(document, type_)
        except msgspec.ValidationError as error:
            if str(error) == message:
                return [*steps[:place], key, *steps[place + 1 :]]
    return steps[:place]


class _RepeatedNameError(Exception):
    pass


def _check_names_and_texts(body: bytes, nul_at: str | None) -> None:
    """Two readers could take a repeated name for different values; PostgreSQL stores no NUL character."""
    try:
        _NAMES.decode(body.decode())
    except _RepeatedNameError as error:
        raise Invalid.field("", f"The name {str(error)[:MAX_DETAIL_LENGTH]!r} stands twice in one object.") from None
    if rb"\u0000" in body:
        errors = [
            FieldError(f"#{place}", "The character NUL is not allowed.")
            for place in _with_nul(json.loads(body))
            if nul_at is None or not place.startswith(nul_at)
        ]
        if errors:
            raise Invalid(errors[0].detail, errors=errors[:MAX_KEYS_TRIED])


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    named = dict(pairs)
    if len(named) != len(pairs):
        counts = Counter(name for name, _ in pairs)
        raise _RepeatedNameError(counts.most_common(1)[0][0])
    return named


_NAMES = json.JSONDecoder(object_pairs_hook=_distinct)


def _with_nul(value: object, *steps: str) -> Iterator[str]:
    if isinstance(value, str):
        if "\0" in value:
            yield json_pointer(*steps)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _with_nul(item, *steps, str(index))
    elif isinstance(value, dict):
        for name, item in value.items():
            if "\0" in name:
                yield json_pointer(*steps)
            yield from _with_nul(item, *steps, name)
