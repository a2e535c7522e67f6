"""From a template to a page of the shop."""

from collections.abc import Mapping
from pathlib import Path

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from gateway.replies import HTML, Headers, Reply
from gateway.shop.assets import FRAME_SCRIPT_PATH, ICON_PATH, SCRIPT_PATH, style_path
from gateway.shop.language import LANGUAGES, RIGHT_TO_LEFT
from gateway.shop.one_time import MARK
from gateway.shop.visit import View

FOLDER = Path(__file__).parent
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "manifest-src 'self'; base-uri 'none'; form-action {form_action}; frame-ancestors {frame_ancestors}"
)
PLAIN_ACCENT = "#1d3557"


class Sent(msgspec.Struct, frozen=True):
    """How a page leaves. `form_action` and `frame_ancestors` are sources of its Content-Security-Policy."""

    status: int = 200
    headers: Headers = ()
    form_action: str = "'self'"
    frame_ancestors: str = "'none'"


templates = Environment(
    loader=FileSystemLoader(FOLDER / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
templates.globals |= {
    "frame_script_path": FRAME_SCRIPT_PATH,
    "icon_path": ICON_PATH,
    "script_path": SCRIPT_PATH,
    "style_path": style_path,
    "languages": LANGUAGES,
    "one_time_key": MARK,
}
templates.filters["paragraphs"] = lambda text: [part.strip() for part in text.split("\n\n") if part.strip()]
templates.tests["right_to_left"] = RIGHT_TO_LEFT.__contains__


def page(template: str, view: View, values: Mapping[str, object], sent: Sent | None = None) -> Reply:
    """`values` is what the template shows, besides what every template knows: `view`, `_`, `ngettext` and `said`."""
    sent = sent or Sent()
    body = templates.get_template(template).render(
        {
            "view": view,
            "words": view.words,
            "_": view.words.gettext,
            "ngettext": view.words.ngettext,
            "said": view.words.said,
            "accent": PLAIN_ACCENT,
            **values,
        }
    )
    policy = POLICY.format(form_action=sent.form_action, frame_ancestors=sent.frame_ancestors)
    return Reply(
        status=sent.status,
        body=body.encode(),
        media_type=HTML,
        headers=(
            (b"content-security-policy", policy.encode()),
            (b"content-language", view.words.code.encode()),
            # A form must be able to say from which site it comes.
            (b"referrer-policy", b"same-origin"),
            *sent.headers,
        ),
    )


def see_other(path: str, headers: Headers = ()) -> Reply:
    """After a form: the browser reads `path`, and going back does not send the form again."""
    return Reply(status=303, body=b"", headers=((b"location", path.encode()), *headers))


def json_in_html(content: object) -> Markup:
    """For a script element of type application/ld+json: no text in it can end the element."""
    text = msgspec.json.encode(content).decode()
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))  # noqa: S704 - escaped for JSON
