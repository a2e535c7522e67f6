"""An establishment's logo, which it gave as a data: URI, as a file."""

import base64
import binascii
import hashlib
from functools import lru_cache

from gateway.replies import Headers, Reply
from gateway.shop.routes import SharedPage
from gateway.shop.shop import Shop
from gateway.shop.visit import View
from services.kit.errors import NotFound
from services.kit.pictures import framed_png

# A drawing that somebody opens on its own may style itself, and do nothing else.
HEADERS: Headers = (
    (b"cache-control", b"public, max-age=31536000, immutable"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'"),
)
ENDINGS = {"image/svg+xml": "svg", "image/png": "png"}


# What social networks show beside a link; they take no SVG. Its size is what they ask for.
CARD_SIZE, CARD_FRAME = (1200, 630), 60
HOUR: Headers = ((b"cache-control", b"public, max-age=3600"),)


def picture_path(slug: str, logo: str) -> str:
    """The logo where it is a PNG, else a plain card in the establishment's colour."""
    path = logo_path(slug, logo)
    return path if path and path.endswith(".png") else f"/{slug}/card.png"


@lru_cache(maxsize=256)
def logo_path(slug: str, logo: str) -> str | None:
    """The name changes with the content. None without a logo."""
    kind = logo.removeprefix("data:").partition(";")[0]
    if kind not in ENDINGS:
        return None
    return f"/{slug}/logo/{hashlib.sha256(logo.encode()).hexdigest()[:12]}.{ENDINGS[kind]}"


async def show_logo(shop: Shop, view: View) -> Reply:
    logo = (await shop.storefront.front(view.visitor)).presentation.logo
    if logo_path(view.slug, logo) != view.path:
        raise NotFound
    kind, _, encoded = logo.removeprefix("data:").partition(";base64,")
    try:
        content = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise NotFound from None
    return Reply(status=200, body=content, media_type=kind.encode(), headers=HEADERS)


async def show_card(shop: Shop, view: View) -> Reply:
    profile = (await shop.storefront.front(view.visitor)).profile
    card = framed_png(*CARD_SIZE, profile.accent_colour, CARD_FRAME)
    return Reply(status=200, body=card, media_type=b"image/png", headers=HOUR)


pages = [SharedPage("/{slug}/card.png", show_card), SharedPage("/{slug}/logo/{file}", show_logo)]
