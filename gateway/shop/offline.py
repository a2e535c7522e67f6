"""The service worker that shows tickets without a network. It is registered for pages of tickets only."""

from gateway.replies import Reply
from gateway.shop.assets import FOLDER
from gateway.shop.routes import SharedPage
from gateway.shop.shop import Shop
from gateway.shop.visit import View

# At the root, so that it may be told to serve any path; its own policy says what it may fetch.
PATH = "/tickets-worker.js"
SCRIPT = (FOLDER / "tickets-worker.js").read_bytes()
POLICY = b"default-src 'none'; connect-src 'self'"


async def show_worker(_: Shop, __: View) -> Reply:
    return Reply(
        status=200,
        body=SCRIPT,
        media_type=b"text/javascript; charset=utf-8",
        headers=((b"content-security-policy", POLICY),),
    )


pages = [SharedPage(PATH, show_worker)]
