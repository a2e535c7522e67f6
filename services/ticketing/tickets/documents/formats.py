"""Money, dates and hours as the five languages of the tickets write them, after CLDR and each language's usage."""

from datetime import date, time
from decimal import Decimal
from typing import Final

from msgspec import Struct

NARROW_SPACE: Final = "\u202f"
SPACE: Final = "\u00a0"

# ISO 4217: two decimals unless said otherwise here.
_DECIMALS: Final = {
    **dict.fromkeys(("JPY", "KRW", "VND", "CLP", "ISK", "XAF", "XOF", "XPF", "UGX", "RWF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}
_SYMBOLS: Final = {"EUR": "€", "GBP": "£", "USD": "$"}


class _Conventions(Struct, frozen=True):
    weekdays: tuple[str, ...]
    months: tuple[str, ...]
    long_date: str
    moment: str
    decimal_mark: str
    group_mark: str
    percent_space: str
    first_day: str = "1"
    currency_first: bool = False
    grouped_from: int = 1_000


_CONVENTIONS: Final = {
    "fr": _Conventions(
        weekdays=("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"),
        months=(
            *("janvier", "février", "mars", "avril", "mai", "juin"),
            *("juillet", "août", "septembre", "octobre", "novembre", "décembre"),
        ),
        long_date="{day} {month} {year}",
        moment="{weekday} {date} à {time}",
        first_day="1er",
        decimal_mark=",",
        group_mark=NARROW_SPACE,
        percent_space=NARROW_SPACE,
    ),
    "en": _Conventions(
        weekdays=("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
        months=(
            *("January", "February", "March", "April", "May", "June"),
            *("July", "August", "September", "October", "November", "December"),
        ),
        long_date="{day} {month} {year}",
        moment="{weekday} {date} at {time}",
        decimal_mark=".",
        group_mark=",",
        percent_space="",
        currency_first=True,
    ),
    "de": _Conventions(
        weekdays=("Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"),
        months=(
            *("Januar", "Februar", "März", "April", "Mai", "Juni"),
            *("Juli", "August", "September", "Oktober", "November", "Dezember"),
        ),
        long_date="{day}. {month} {year}",
        moment="{weekday}, {date} um {time}",
        decimal_mark=",",
        group_mark=".",
        percent_space=SPACE,
    ),
    "es": _Conventions(
        weekdays=("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"),
        months=(
            *("enero", "febrero", "marzo", "abril", "mayo", "junio"),
            *("julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre"),
        ),
        long_date="{day} de {month} de {year}",
        moment="{weekday}, {date}, {article} {time}",
        decimal_mark=",",
        group_mark=".",
        percent_space=SPACE,
        grouped_from=10_000,
    ),
    "it": _Conventions(
        weekdays=("lunedì", "martedì", "mercoledì", "giovedì", "venerdì", "sabato", "domenica"),
        months=(
            *("gennaio", "febbraio", "marzo", "aprile", "maggio", "giugno"),
            *("luglio", "agosto", "settembre", "ottobre", "novembre", "dicembre"),
        ),
        long_date="{day} {month} {year}",
        moment="{weekday} {date} alle ore {time}",
        first_day="1º",
        decimal_mark=",",
        group_mark=".",
        percent_space="",
    ),
}

LANGUAGES: Final = frozenset(_CONVENTIONS)


def supported(language: str) -> str:
    """The language itself if tickets are written in it, else English; `fr-CH` counts as `fr`."""
    primary = language.replace("_", "-").partition("-")[0].lower()
    return primary if primary in LANGUAGES else "en"


def money(amount_minor: int, currency: str, language: str) -> str:
    """`15,00 €`, `€15.00`, `CHF 15.00`: never broken over two lines."""
    conventions = _CONVENTIONS[language]
    decimals = _DECIMALS.get(currency, 2)
    number = _number(Decimal(amount_minor).scaleb(-decimals), decimals, conventions)
    symbol = _SYMBOLS.get(currency, currency)
    if conventions.currency_first:
        return f"{symbol}{number}" if currency in _SYMBOLS else f"{symbol}{SPACE}{number}"
    space = NARROW_SPACE if conventions.group_mark == NARROW_SPACE else SPACE
    return f"{number}{space}{symbol}"


def percent(rate_bp: int, language: str) -> str:
    """`5,5 %` from 550 basis points."""
    conventions = _CONVENTIONS[language]
    rate = Decimal(rate_bp).scaleb(-2).normalize()
    decimals = max(0, -int(rate.as_tuple().exponent))
    return f"{_number(rate, decimals, conventions)}{conventions.percent_space}%"


def weekday(day: date, language: str) -> str:
    return _CONVENTIONS[language].weekdays[day.weekday()]


def long_date(day: date, language: str) -> str:
    """`2 mai 2027`, without the weekday; day and month stay on one line."""
    conventions = _CONVENTIONS[language]
    number = conventions.first_day if day.day == 1 else str(day.day)
    text = conventions.long_date.format(day=number, month=conventions.months[day.month - 1], year=day.year)
    return text.replace(" ", SPACE)


def hour(moment: time, language: str) -> str:
    """`10 h 30`, `10:30`, `10:30 Uhr`."""
    if language == "fr":
        minutes = f"{SPACE}{moment.minute:02}" if moment.minute else ""
        return f"{moment.hour}{SPACE}h{minutes}"
    if language == "de":
        return f"{moment.hour}:{moment.minute:02}{SPACE}Uhr"
    return f"{moment.hour}:{moment.minute:02}"


def day_and_hour(day: date, moment: time, language: str) -> str:
    """`samedi 1er mai 2027 à 10 h 30`."""
    return _CONVENTIONS[language].moment.format(
        weekday=weekday(day, language),
        date=long_date(day, language),
        time=hour(moment, language),
        article="a la" if moment.hour == 1 else "a las",  # used by Spanish alone
    )


def _number(value: Decimal, decimals: int, conventions: _Conventions) -> str:
    grouping = "," if abs(value) >= conventions.grouped_from else ""
    text = f"{value:{grouping}.{decimals}f}"
    return text.translate({ord(","): conventions.group_mark, ord("."): conventions.decimal_mark})
