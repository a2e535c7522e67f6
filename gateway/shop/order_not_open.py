"""What somebody reads who may not open an order: the same for one that is not theirs and one that never was."""

from gateway.replies import Reply
from gateway.shop.establishment import around
from gateway.shop.rendering import Sent, page
from gateway.shop.shop import Shop
from gateway.shop.visit import View


async def not_open_page(shop: Shop, view: View) -> Reply:
    front = await shop.storefront.front(view.visitor)
    return page("order_not_open.html", view, around(shop, view, front), Sent(status=404))
