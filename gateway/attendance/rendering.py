"""From numbers to the page, and to the part of it that changes."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import msgspec
from babel.numbers import format_decimal
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gateway.attendance.answers import Attendance, Conflict, Scan
from gateway.attendance.assets import SCRIPT_PATH, STYLE_PATH
from gateway.attendance.plot import plot
from gateway.attendance.words import LANGUAGES, phrases
from gateway.replies import HTML, Headers, Reply
from gateway.shop.answers import Profile
from gateway.shop.assets import ICON_PATH, style_path
from gateway.shop.language import words
from gateway.shop.rendering import PLAIN_ACCENT

PATH: Final = "/attendance"
POLICY: Final = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    b"form-action 'self'; frame-ancestors 'none'"
)
KINDS: Final = {"wrong_establishment": "of another establishment"}

_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.globals |= {
    "icon_path": ICON_PATH,
    "script_path": SCRIPT_PATH,
    "own_style_path": STYLE_PATH,
    "style_path": style_path,
    "languages": LANGUAGES,
}


class Asked(msgspec.Struct, frozen=True):
    """What the address says. `chosen` is the language of `?lang=` and `day` that of `?date=`, which links keep."""

    language: str
    chosen: str | None = None
    day: date | None = None

    def link(self, path: str = PATH, **query: object) -> str:
        kept = {"date": self.day, "lang": self.chosen} | query
        parameters = urlencode({name: str(value) for name, value in kept.items() if value is not None})
        return f"{path}?{parameters}" if parameters else path


class Shown(msgspec.Struct, frozen=True):
    """What is drawn. `conflicts` may be the latest of more."""

    attendance: Attendance
    conflicts: Sequence[Conflict]
    timezone: str

    @property
    def is_today(self) -> bool:
        return self.attendance.date == datetime.now(UTC).astimezone(ZoneInfo(self.timezone)).date()


def sign_in_page(asked: Asked, *, notice: str = "", fault: str = "", headers: Headers = ()) -> Reply:
    values: dict[str, object] = {"accent": PLAIN_ACCENT, "name": "", "notice": notice, "fault": fault}
    return _page("sign_in.html", asked, values, headers, status=422 if fault else 200)


def attendance_page(asked: Asked, profile: Profile, shown: Shown) -> Reply:
    day = shown.attendance.date
    values = {
        "accent": profile.accent_colour,
        "name": words(asked.language).said(profile.name).text,
        "day": words(asked.language).long_day(day),
        "date": day,
        "previous": day - timedelta(days=1),
        "next": day + timedelta(days=1),
        **_numbers(shown, asked.language),
    }
    return _page("attendance.html", asked, values)


def live_part(shown: Shown, language: str) -> str:
    """What a stream brings: the part of the page that changes."""
    return _templates.get_template("live.html").render(
        {"words": words(language), "_": phrases(language), **_numbers(shown, language)}
    )


def _page(template: str, asked: Asked, values: dict[str, object], headers: Headers = (), *, status: int = 200) -> Reply:
    body = _templates.get_template(template).render(
        {"words": words(asked.language), "_": phrases(asked.language), "link": asked.link, **values}
    )
    return Reply(
        status=status,
        body=body.encode(),
        media_type=HTML,
        headers=(
            (b"content-security-policy", POLICY),
            (b"content-language", asked.language.encode()),
            (b"vary", b"accept-language, accept-encoding, cookie"),
            # A form must be able to say from which site it comes.
            (b"referrer-policy", b"same-origin"),
            *headers,
        ),
    )


def _numbers(shown: Shown, language: str) -> dict[str, object]:
    zone, phrase, said = ZoneInfo(shown.timezone), phrases(language), words(language)

    def place(scan: Scan) -> str:
        return "".join(f", {name}" for name in (scan.gate, scan.device) if name)

    return {
        "one": shown.attendance,
        "conflicts": shown.conflicts,
        "plot": plot(shown.attendance.arrivals, shown.timezone),
        "is_today": shown.is_today,
        "time": lambda moment: said.time(moment.astimezone(zone)),
        "number": lambda number: format_decimal(number, locale=said.locale),
        "place": place,
        "kind": lambda kind: phrase(KINDS.get(kind, kind.replace("_", " "))),
    }
