"""Faults of a request in words that say how to mend it, whatever language the client is written in."""

import re
from collections.abc import Callable

KINDS = {
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "null": "null",
    "object": "an object",
    "array": "a list",
    "datetime": "a moment",
    "date": "a date",
    "uuid": "a UUID",
}
COUNTED = {"str": "characters", "array": "items", "object": "entries"}
LIMITS = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}
NO_ADDRESS = "This must be a name: no web address, no line breaks."
NO_MOMENT = "This is no moment with its offset, such as 2027-05-02T10:00:00+02:00."

Reword = Callable[["re.Match[str]"], str]


def _kinds(match: "re.Match[str]") -> str:
    expected = " or ".join(KINDS.get(kind.strip(), kind.strip()) for kind in match["expected"].split("|"))
    return f"This must be {expected}, not {KINDS.get(match['got'], match['got'])}."


def _limit(match: "re.Match[str]") -> str:
    return f"This must be {LIMITS[match['sign']]} {match['bound']}."


def _length(match: "re.Match[str]") -> str:
    return f"This must have {LIMITS[match['sign']]} {match['bound']} {COUNTED.get(match['kind'], 'characters')}."


# msgspec's sentences, which name the types of Python, and ours.
SENTENCES: tuple[tuple["re.Pattern[str]", Reword], ...] = (
    (re.compile(r"Expected `(?P<expected>[^`]+)`, got `(?P<got>[^`]+)`"), _kinds),
    (re.compile(r"Expected `(?:int|float)` (?P<sign>[<>]=?) (?P<bound>\S+)"), _limit),
    (re.compile(r"Expected `(?P<kind>\w+)` of length (?P<sign>[<>]=?) (?P<bound>\d+)"), _length),
    (re.compile(r"Expected `str` matching regex .*\(\?!\.\*\(\?:://.*", re.DOTALL), lambda _: NO_ADDRESS),
    (re.compile(r"Expected `str` matching regex '\\\\S'"), lambda _: "This must not be blank."),
    (re.compile(r"Expected `str` matching regex .*", re.DOTALL), lambda _: "This does not have the expected form."),
    (re.compile(r"Expected `datetime` with a timezone component"), lambda _: NO_MOMENT),
    (re.compile(r"Invalid RFC3339 encoded datetime"), lambda _: NO_MOMENT),
    (re.compile(r"Invalid RFC3339 encoded date"), lambda _: "This is no date, such as 2027-05-02."),
    (re.compile(r"Invalid UUID"), lambda _: "This is no UUID."),
    (
        re.compile(r"Invalid enum value (?P<value>.*)", re.DOTALL),
        lambda match: f"{match['value']} is not allowed here.",
    ),
    (
        re.compile(r"Object contains unknown field `(?P<name>.*)`", re.DOTALL),
        lambda match: f"There is no field {match['name']} here.",
    ),
    (re.compile(r"Object missing required field `.*`", re.DOTALL), lambda _: "This field is required."),
)


def plain(detail: str) -> str:
    """The sentence for people; one that is not known here stays as it is."""
    for pattern, reword in SENTENCES:
        match = pattern.fullmatch(detail)
        if match:
            return reword(match)
    return detail
