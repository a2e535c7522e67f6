"""Reads the form encoding of Stripe's API: `line_items[0][price_data][currency]=eur`."""

import re
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from parvis.stand_in.stripe.errors import StripeProblem, bad_parameter

FormValue: TypeAlias = "str | dict[str, FormValue]"

_KEY = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_MAXIMUM_DEPTH = 8
_MAXIMUM_METADATA_KEYS = 50
_MAXIMUM_METADATA_KEY_LENGTH = 40
_MAXIMUM_METADATA_VALUE_LENGTH = 500


def parse_form(pairs: Iterable[tuple[str, str]]) -> dict[str, FormValue]:
    """Nests bracketed keys. A list becomes a mapping whose keys are its positions; `[]` takes the next position."""
    root: dict[str, FormValue] = {}
    for key, value in pairs:
        *outer, last = _split(key)
        place = root
        for step in outer:
            inner = place.setdefault(step or str(len(place)), {})
            if isinstance(inner, str):
                raise _invalid(key)
            place = inner
        name = last or str(len(place))
        if isinstance(place.get(name), dict):
            raise _invalid(key)
        place[name] = value
    return root


def _split(key: str) -> list[str]:
    match = _KEY.fullmatch(key)
    steps = [] if match is None else [match.group(1), *re.findall(r"\[([^\[\]]*)\]", match.group(2))]
    if not 0 < len(steps) <= _MAXIMUM_DEPTH:
        raise _invalid(key)
    return steps


def _invalid(key: str) -> StripeProblem:
    return bad_parameter(f"Invalid parameter name: {key}", param=key)


class Form:
    """Typed reading of a parsed form, which remembers what was read so that `finish` can refuse the rest.

    Strict on purpose: a parameter that the stand-in would silently ignore might matter to the real Stripe.
    """

    def __init__(self, values: dict[str, FormValue], path: str = "") -> None:
        self._values = values
        self._path = path
        self._read: set[str] = set()
        self._sections: dict[str, Form] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def positions(self) -> list[str]:
        """The keys it holds; those of a list in the order of the list."""
        return sorted(self._values, key=lambda key: (int(key), "") if key.isdecimal() else (-1, key))

    def path_of(self, name: str) -> str:
        return f"{self._path}[{name}]" if self._path else name

    def text(self, name: str) -> str | None:
        self._read.add(name)
        value = self._values.get(name)
        if isinstance(value, dict):
            raise bad_parameter(f"Invalid string: {self.path_of(name)}", param=self.path_of(name))
        return value or None

    def required_text(self, name: str) -> str:
        value = self.text(name)
        if value is None:
            path = self.path_of(name)
            raise bad_parameter(f"Missing required param: {path}.", param=path, code="parameter_missing")
        return value

    def choice(self, name: str, allowed: Sequence[str]) -> str | None:
        value = self.text(name)
        if value is not None and value not in allowed:
            path = self.path_of(name)
            raise bad_parameter(f"Invalid {path}: must be one of {', '.join(allowed)}", param=path)
        return value

    def flag(self, name: str) -> bool:
        return self.choice(name, ("true", "false")) == "true"

    def integer(self, name: str, *, minimum: int = 0) -> int | None:
        value = self.text(name)
        if value is None:
            return None
        path = self.path_of(name)
        if not re.fullmatch(r"-?[0-9]{1,15}", value):
            raise bad_parameter(f"Invalid integer: {value}", param=path, code="parameter_invalid_integer")
        if int(value) < minimum:
            message = f"This value must be greater than or equal to {minimum}."
            raise bad_parameter(message, param=path, code="parameter_invalid_integer")
        return int(value)

    def required_integer(self, name: str, *, minimum: int = 0) -> int:
        self.required_text(name)
        return self.integer(name, minimum=minimum) or 0

    def section(self, name: str) -> "Form":
        self._read.add(name)
        if name in self._sections:
            return self._sections[name]
        value = self._values.get(name, {})
        if isinstance(value, str):
            raise bad_parameter(f"Invalid object: {self.path_of(name)}", param=self.path_of(name))
        return self._sections.setdefault(name, Form(value, self.path_of(name)))

    def sections(self, name: str) -> list["Form"]:
        outer = self.section(name)
        return [outer.section(position) for position in outer.positions()]

    def texts(self, name: str) -> list[str]:
        outer = self.section(name)
        return [outer.required_text(position) for position in outer.positions()]

    def metadata(self, name: str = "metadata") -> dict[str, str]:
        section = self.section(name)
        if len(section.positions()) > _MAXIMUM_METADATA_KEYS:
            raise bad_parameter("Metadata can hold at most 50 keys.", param=self.path_of(name))
        pairs = {key: value for key in section.positions() if (value := section.text(key)) is not None}
        for key, value in pairs.items():
            if len(key) > _MAXIMUM_METADATA_KEY_LENGTH or len(value) > _MAXIMUM_METADATA_VALUE_LENGTH:
                message = "Metadata keys can be up to 40 characters long, values up to 500."
                raise bad_parameter(message, param=section.path_of(key))
        return pairs

    def accept(self, *names: str) -> None:
        """Parameters that change nothing in what the stand-in imitates."""
        self._read.update(names)

    def finish(self) -> None:
        """Raises `parameter_unknown` for whatever nobody asked for."""
        for name in self._values:
            if name not in self._read:
                path = self.path_of(name)
                raise bad_parameter(f"Received unknown parameter: {path}", param=path, code="parameter_unknown")
        for section in self._sections.values():
            section.finish()
