"""What an establishment may call itself and look like: pure."""

import base64
import binascii
import re
from uuid import UUID

from services.kit.colours import TEXT_CONTRAST, WHITE, contrast, readable
from services.kit.errors import Invalid
from services.ticketing.establishments.requests import AccessibilityInput

# Slugs stand first in the paths of the shop: none may hide a path of the instance itself.
RESERVED_SLUGS = frozenset(
    {
        *(
            "admin",
            "api",
            "assets",
            "attendance",
            "console",
            "demo",
            "docs",
            "health",
            "internal",
            "livez",
            "metrics",
            "octo",
        ),
        *("order", "orders", "pass-culture", "readyz", "scan", "scanner", "schema", "static", "status", "v1", "v2"),
    }
)
LEAST_PERCENT = {"non_compliant": 0, "partially_compliant": 50, "compliant": 100}
LOGO = re.compile(r"data:image/(svg\+xml|png);base64,([A-Za-z0-9+/]+={0,2})")
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# A drawing that does more than be seen, or that fetches something.
UNWANTED_IN_SVG = re.compile(
    rb"<\s*(script|foreignObject|iframe|embed|object|animate|set)\b|<!ENTITY|\bon[a-z]+\s*=|(href|src)\s*=\s*[\"'](?!#)"
    rb"|@import|url\(\s*[\"']?(?!#)",
    re.IGNORECASE,
)


def check_slug(slug: str) -> None:
    """Raises `Invalid`."""
    if slug in RESERVED_SLUGS:
        raise Invalid.field("/slug", f"The slug {slug} is a path of the instance itself: choose another.")
    if _is_id(slug):
        raise Invalid.field("/slug", "This reads like an id: choose words.")


def _is_id(slug: str) -> bool:
    """In a URL it would name the establishment that has this id."""
    try:
        UUID(slug)
    except ValueError:
        return False
    return True


def check_accent(colour: str) -> None:
    """Links and buttons are drawn in it, so it must be readable on white (RGAA 3.2, WCAG 1.4.3). Raises `Invalid`."""
    if contrast(colour, WHITE) < TEXT_CONTRAST:
        nearest = readable(colour, WHITE)
        detail = f"The contrast of {colour} with white is {contrast(colour, WHITE):.1f}:1; 4.5:1 is needed."
        raise Invalid.field("/accent_colour", f"{detail} The nearest colour that has it is {nearest}.")


def check_accessibility(stated: AccessibilityInput) -> None:
    """A claim needs the audit that it rests on: its day and its share (RGAA 4.1.2, declaration). Raises `Invalid`."""
    if stated.status == "not_audited":
        return
    if stated.audited_on is None or stated.compliance_percent is None:
        raise Invalid.field("/accessibility", "A status needs an audit: send audited_on and compliance_percent.")
    least = LEAST_PERCENT[stated.status]
    if stated.compliance_percent < least:
        raise Invalid.field("/accessibility/status", f"This status needs {least} % of compliance at least.")


def check_logo(logo: str) -> None:
    """Empty, or a data: URI of a PNG or of an SVG that only draws. Raises `Invalid`."""
    if not logo:
        return
    match = LOGO.fullmatch(logo)
    if match is None:
        raise Invalid.field("/logo", "Use data:image/svg+xml;base64,… or data:image/png;base64,…")
    try:
        content = base64.b64decode(match.group(2), validate=True)
    except binascii.Error:
        raise Invalid.field("/logo", "This is not base64.") from None
    if match.group(1) == "png":
        if not content.startswith(PNG_SIGNATURE):
            raise Invalid.field("/logo", "This is no PNG.")
    elif b"<svg" not in content[:1_000]:
        raise Invalid.field("/logo", "This is no SVG.")
    elif UNWANTED_IN_SVG.search(content):
        raise Invalid.field("/logo", "The SVG may only draw: no scripts, no animation, nothing from elsewhere.")
