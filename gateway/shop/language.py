"""The languages of the shop: which one a visitor reads, and texts, dates, times and prices in it."""

import gettext
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path

import msgspec
from babel import Locale
from babel.dates import format_date, format_skeleton, format_time
from babel.messages.pofile import read_po
from babel.numbers import format_currency, format_percent, get_currency_precision

# The language of the messages in the code comes from no catalogue.
SOURCE = "en"
LANGUAGES = {"fr": "Français", "en": "English", "de": "Deutsch", "es": "Español", "it": "Italiano"}
# Whose dates and prices: visitors from abroad read a 24-hour clock.
DAYS = {
    "fr": "EEEE d MMMM",
    "en": "EEEE d MMMM",
    "de": "EEEE, d. MMMM",
    "es": "EEEE, d 'de' MMMM",
    "it": "EEEE d MMMM",
}
LOCALES = {"fr": "fr_FR", "en": "en_GB", "de": "de_DE", "es": "es_ES", "it": "it_IT"}
FOLDER = Path(__file__).parent / "locale"
RIGHT_TO_LEFT = frozenset({"ar", "fa", "he", "ur", "yi"})
# French puts a space before these, which no line may end at.
SPACED = re.compile(r" (?=[:;!?»])|(?<=«) ")
NBSP = "\N{NO-BREAK SPACE}"


class Said(msgspec.Struct, frozen=True):
    """A text of an establishment; `language` only where it is not the language of the page."""

    text: str
    language: str | None

    def __bool__(self) -> bool:
        return bool(self.text)


class Words:
    """One language of the shop."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.locale = Locale.parse(LOCALES[code])
        self._singular, self._plural, self._form = _catalogue(code)

    def gettext(self, message: str, **values: object) -> str:
        """`values` fill `%(name)s`. A message that is not translated is shown in English."""
        text = self._singular.get(message, message)
        return text % values if values else text

    def ngettext(self, one: str, many: str, number: int, **values: object) -> str:
        """`%(num)s` is the number."""
        forms = self._plural.get(one)
        text = forms[self._form(number)] if forms else (one if number == 1 else many)
        return text % {"num": number, **values}

    def said(self, texts: Mapping[str, str]) -> Said:
        """What an establishment wrote, in the visitor's language, else in the one that they most likely read."""
        for language in (self.code, "en", "fr", *texts):
            if language in texts:
                text = _unbroken(texts[language]) if language == "fr" else texts[language]
                return Said(text, None if language == self.code else language)
        return Said("", None)

    def day(self, day: date) -> str:
        """`samedi 5 décembre`"""
        return _day(day, self.code)

    def long_day(self, day: date) -> str:
        """`samedi 5 décembre 2026`"""
        return format_date(day, "full", locale=self.locale)

    def month(self, day: date) -> str:
        """`décembre 2026`"""
        return format_skeleton("yMMMM", day, locale=self.locale)

    def weekdays(self) -> list[tuple[str, str]]:
        """From Monday on, short and whole."""
        names = self.locale.days["stand-alone"]
        return [(names["abbreviated"][day], names["wide"][day]) for day in range(7)]

    def time(self, moment: datetime) -> str:
        """`9 h 30` in French, `09:30` elsewhere; in the zone that `moment` carries."""
        return _time(moment.hour, moment.minute, self.code)

    def price(self, amount: int, currency: str) -> str:
        """`amount` in minor units; nothing is said to cost 0."""
        return _price(amount, currency, self.code)

    def percent(self, share: float) -> str:
        return str(format_percent(share, locale=self.locale))


def liked_language(accept_language: str) -> str | None:
    """The language of the shop that a reader likes best; None when none fits."""
    best, liking = None, 0.0
    for choice in accept_language.lower().split(","):
        tag, _, parameters = choice.strip().partition(";")
        language, quality = tag.strip().partition("-")[0], _quality(parameters)
        if language in LANGUAGES and quality > liking:
            best, liking = language, quality
    return best


@lru_cache(maxsize=len(LANGUAGES))
def words(language: str) -> Words:
    return Words(language)


def _unbroken(text: str) -> str:
    return SPACED.sub(NBSP, text)


def _quality(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    return float(value) if re.fullmatch(r"[01](\.\d{0,3})?", value.strip()) else 0.0


def _catalogue(code: str) -> tuple[dict[str, str], dict[str, tuple[str, ...]], Callable[[int], int]]:
    """Messages, messages with a number, and which form a number takes."""
    if code == SOURCE:
        return {}, {}, lambda number: int(number != 1)
    with (FOLDER / code / "LC_MESSAGES" / "shop.po").open("rb") as file:
        catalogue = read_po(file, locale=code)
    singular: dict[str, str] = {}
    plural: dict[str, tuple[str, ...]] = {}
    for message in catalogue:
        if isinstance(message.id, str) and isinstance(message.string, str):
            if message.id and message.string:
                singular[message.id] = message.string
        elif isinstance(message.string, list | tuple) and all(message.string):
            plural[message.id[0]] = tuple(message.string)
    return singular, plural, gettext.c2py(catalogue.plural_expr)


@lru_cache(maxsize=2_000)
def _day(day: date, code: str) -> str:
    return format_date(day, DAYS[code], locale=LOCALES[code])


@lru_cache(maxsize=10_000)
def _time(hour: int, minute: int, code: str) -> str:
    if code == "fr":
        return f"{hour}{NBSP}h{NBSP}{minute:02}" if minute else f"{hour}{NBSP}h"
    return str(format_time(datetime(2000, 1, 1, hour, minute), "short", locale=LOCALES[code]))  # noqa: DTZ001 - a wall clock


@lru_cache(maxsize=2_000)
def _price(amount: int, currency: str, code: str) -> str:
    if amount == 0:
        return words(code).gettext("Free")
    value = Decimal(amount).scaleb(-get_currency_precision(currency))
    whole = value == value.to_integral_value()
    if whole:
        return str(format_currency(value, currency, locale=LOCALES[code], currency_digits=False, format=_whole(code)))
    return str(format_currency(value, currency, locale=LOCALES[code]))


@lru_cache(maxsize=len(LANGUAGES))
def _whole(code: str) -> str:
    """The pattern of prices without cents: `15 €` is read faster than `15,00 €`."""
    pattern: str = Locale.parse(LOCALES[code]).currency_formats["standard"].pattern
    return pattern.replace("0.00", "0")
