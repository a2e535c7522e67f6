"""Pages of the gateway itself: plain HTML, no script, one style sheet."""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gateway.headers import CONTENT_SECURITY_POLICY
from gateway.replies import HTML, Headers, Reply

FOLDER = Path(__file__).parent
STYLE = (FOLDER / "parvis.css").read_bytes()
# The name changes with the content, so browsers may keep it for a year.
STYLE_PATH = f"/assets/parvis.{hashlib.sha256(STYLE).hexdigest()[:12]}.css"
STYLE_REPLY = Reply(
    status=200,
    body=STYLE,
    media_type=b"text/css; charset=utf-8",
    headers=((b"cache-control", b"public, max-age=31536000, immutable"),),
)
CODE = re.compile(r"(`[^`\n]+`)")

_templates = Environment(
    loader=FileSystemLoader(FOLDER / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.globals["style_path"] = STYLE_PATH
# Splits prose into text and `code`; the template marks them up, so that everything stays escaped.
_templates.filters["spans"] = lambda text: [
    (part.startswith("`") and part.endswith("`") and len(part) > 1, part.strip("`")) for part in CODE.split(text)
]


def page(template: str, values: Mapping[str, object], headers: Headers = (), *, language: str = "en") -> Reply:
    body = _templates.get_template(template).render(language=language, **values)
    return Reply(
        status=200,
        body=body.encode(),
        media_type=HTML,
        headers=(
            (b"content-security-policy", CONTENT_SECURITY_POLICY),
            (b"content-language", language.encode()),
            *headers,
        ),
    )
