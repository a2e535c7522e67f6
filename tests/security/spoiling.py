"""Takes a good body and makes bad ones of it, each wrong in one place that the answer must name."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import msgspec

HUGE = 10**30


class Spoilt(msgspec.Struct, frozen=True):
    """`pointer` is where the fault is."""

    fault: str
    body: bytes
    pointer: str


def spoilt_bodies(body: dict[str, Any]) -> Iterator[Spoilt]:
    for steps, value in _places(body):
        pointer = "#" + "".join(f"/{step}" for step in steps)
        for fault, wrong in _wrong(value):
            yield Spoilt(fault, json.dumps(_replaced(body, steps, wrong)).encode(), pointer)
        if isinstance(value, str):
            marked = json.dumps(_replaced(body, steps, "MARK"))
            yield Spoilt("NUL", marked.replace("MARK", json.dumps(value)[1:-1] + r"\u0000").encode(), pointer)
            yield Spoilt("line break", marked.replace("MARK", json.dumps(value)[1:-1] + r"\n").encode(), pointer)
    yield Spoilt("unknown field", json.dumps(body | {"surprise": 1}).encode(), "#/surprise")
    for name in body:
        yield Spoilt("repeated name", json.dumps(body)[:-1].encode() + f', "{name}": null}}'.encode(), "")


def not_even_json(body: dict[str, Any]) -> dict[str, bytes]:
    good = json.dumps(body).encode()
    return {
        "cut short": good[:-1],
        "something behind it": good + b"}",
        "invalid UTF-8": good.replace(b'": ', b'\xff": ', 1),
        "a surrogate as bytes": good.replace(b'": ', b'\xed\xa0\x80": ', 1),
        "half a surrogate pair": good[:-1] + rb', "x": "\ud800"}',
        "the other half": good[:-1] + rb', "x": "\udc00"}',
        "a NUL byte": good.replace(b'": ', b'\0": ', 1),
        "byte order mark": b"\xef\xbb\xbf" + good,
        "UTF-16": json.dumps(body).encode("utf-16"),
        "not a number": good.replace(b": ", b": NaN, ", 1),
        "a comment": b"/* hello */" + good,
        "single quotes": good.replace(b'"', b"'"),
        "words": b"hello",
        "XML": b"<?xml version='1.0'?><a/>",
    }


def not_an_object(body: dict[str, Any]) -> dict[str, bytes]:
    good = json.dumps(body).encode()
    return {
        "array": b"[" + good + b"]",
        "null": b"null",
        "text": json.dumps(good.decode()).encode(),
        "number": b"1",
        "very long number": b"9" * 10_000,
        "deep arrays": b"[" * 100_000 + b"]" * 100_000,
        "deep objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    }


def _places(value: object, *steps: str | int) -> Iterator[tuple[tuple[str | int, ...], object]]:
    if steps:
        yield steps, value
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _places(item, *steps, name)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _places(item, *steps, index)


def _wrong(value: object) -> Iterator[tuple[str, object]]:
    """What the place may never hold. An object may stand where text does (gates), so numbers spoil those."""
    if isinstance(value, bool):
        yield from (("text for a boolean", str(value).lower()), ("number for a boolean", int(value)))
    elif isinstance(value, int):
        yield from (("text for a number", str(value)), ("boolean for a number", True), ("fraction", value + 0.5))
        yield from (("huge number", HUGE), ("huge negative number", -HUGE), ("null for a number", []))
    elif isinstance(value, str):
        yield from (("number for text", 7), ("array for text", [value]), ("endless text", value + "x" * 100_000))
    elif isinstance(value, list):
        yield from (("object for an array", {"0": value}), ("text for an array", "x"), ("number for an array", 0))
        if value:
            yield ("endless array", value * 2_000)
    elif isinstance(value, dict):
        yield from (("array for an object", [value]), ("number for an object", 0), ("boolean for an object", True))


def _replaced(body: Any, steps: tuple[str | int, ...], value: object) -> Any:  # noqa: ANN401 - any JSON
    if not steps:
        return value
    changed = copy.copy(body)
    changed[steps[0]] = _replaced(body[steps[0]], steps[1:], value)
    return changed
