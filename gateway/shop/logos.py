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

# A drawing that somebody opens on its own may style itself, and do nothing else.
HEADERS: Headers = (
    (b"cache-control", b"public, max-age=31536000, immutable"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'"),
)
ENDINGS = {"image/svg+xml": "svg", "image/png": "png"}


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


pages = [SharedPage("/{slug}/logo/{file}", show_logo)]
