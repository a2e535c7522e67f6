"""An offer's calendar inside an establishment's own site: a script there, a page of ours in a frame."""

from gateway.replies import Reply
from gateway.shop.assets import EMBED_SCRIPT
from gateway.shop.offer import QUERY, offer_values
from gateway.shop.rendering import Sent, page
from gateway.shop.routes import SharedPage
from gateway.shop.shop import Shop
from gateway.shop.storefront import Front
from gateway.shop.visit import View

HOUR = ((b"cache-control", b"public, max-age=3600"), (b"cross-origin-resource-policy", b"cross-origin"))


async def show_embedded(shop: Shop, view: View) -> Reply:
    values = await offer_values(shop, view, view.params["offer"])
    front: Front = await shop.storefront.front(view.visitor)
    allowed = " ".join(front.presentation.allowed_origins) or "'none'"
    return page("embed.html", view, {**values, "here": view.path, "target": "_top"}, Sent(frame_ancestors=allowed))


async def show_script(_: Shop, __: View) -> Reply:
    return Reply(status=200, body=EMBED_SCRIPT, media_type=b"text/javascript; charset=utf-8", headers=HOUR)


pages = [
    SharedPage("/embed.js", show_script),
    SharedPage("/{slug}/embed/{offer}", show_embedded, QUERY),
]
