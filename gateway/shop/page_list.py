"""All pages of the shop, in one place."""

from gateway.shop import (
    cancelling,
    cart,
    changing_time,
    checkout,
    declarations,
    embed,
    establishment,
    for_robots,
    home,
    logos,
    my_order,
    offer,
    offline,
    ticket_files,
    waiting_list,
)
from gateway.shop.routes import OwnPage, SharedPage

PAGES: list[SharedPage | OwnPage] = [
    *home.pages,
    *establishment.pages,
    *logos.pages,
    *offer.pages,
    *embed.pages,
    *declarations.pages,
    *for_robots.pages,
    *cart.pages,
    *checkout.pages,
    *my_order.pages,
    *ticket_files.pages,
    *offline.pages,
    *changing_time.pages,
    *cancelling.pages,
    *waiting_list.pages,
]
