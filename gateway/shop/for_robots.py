"""What search engines ask for."""

from collections.abc import Iterable
from xml.sax.saxutils import escape

from gateway.replies import Headers, Reply
from gateway.shop.language import LANGUAGES
from gateway.shop.routes import SharedPage
from gateway.shop.shop import Shop
from gateway.shop.visit import View

XML = b"application/xml; charset=utf-8"
TEXT = b"text/plain; charset=utf-8"
HOUR: Headers = ((b"cache-control", b"public, max-age=3600"),)
SITEMAP = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'


async def show_robots(shop: Shop, _: View) -> Reply:
    """Orders belong to nobody else; pages of days that go by are not worth keeping."""
    lines = ["User-agent: *", "Disallow: /*/order", "Disallow: /*?day=", "Disallow: /v1/"]
    lines += ["", f"Sitemap: {shop.public_url}/sitemap.xml", ""]
    return Reply(status=200, body="\n".join(lines).encode(), media_type=TEXT, headers=HOUR)


async def show_index(shop: Shop, _: View) -> Reply:
    """One map per establishment: none of them has to be asked for this one."""
    cards = await shop.ticketing.establishments()
    entries = (f"<sitemap><loc>{escape(shop.public_url)}/{card.slug}/sitemap.xml</loc></sitemap>" for card in cards)
    return _xml(f"<sitemapindex {SITEMAP}>", entries, "</sitemapindex>")


async def show_map(shop: Shop, view: View) -> Reply:
    front = await shop.storefront.front(view.visitor)
    paths = ["", *(f"/offers/{offer_id}" for offer_id in front.offers), "/accessibilite", "/mentions-legales"]
    entries = (_entry(f"{shop.public_url}/{view.slug}{path}") for path in paths)
    return _xml(f'<urlset {SITEMAP} xmlns:xhtml="http://www.w3.org/1999/xhtml">', entries, "</urlset>")


def _entry(url: str) -> str:
    """The page, and the same page in each language."""
    url = escape(url)
    others = "".join(
        f'<xhtml:link rel="alternate" hreflang="{language}" href="{url}?lang={language}"/>' for language in LANGUAGES
    )
    return f"<url><loc>{url}</loc>{others}</url>"


def _xml(start: str, entries: Iterable[str], end: str) -> Reply:
    return Reply(status=200, body="\n".join((HEAD + start, *entries, end)).encode(), media_type=XML, headers=HOUR)


pages = [
    SharedPage("/robots.txt", show_robots),
    SharedPage("/sitemap.xml", show_index),
    SharedPage("/{slug}/sitemap.xml", show_map),
]
