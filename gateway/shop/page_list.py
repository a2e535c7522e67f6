"""All pages of the shop, in one place."""

from gateway.shop import declarations, embed, establishment, for_robots, home, logos, offer
from gateway.shop.routes import OwnPage, SharedPage

PAGES: list[SharedPage | OwnPage] = [
    *home.pages,
    *establishment.pages,
    *logos.pages,
    *offer.pages,
    *embed.pages,
    *declarations.pages,
    *for_robots.pages,
]
