"""An order as whoever may open it sees it: from the cookie to the order, and forms that nobody else can send."""

import asyncio
import hmac
import re
import secrets
from collections.abc import Mapping
from typing import TypeVar

import msgspec

from gateway.shop.api import Ask
from gateway.shop.own_answers import Order
from gateway.shop.pocket import ORDER, Opener, Pocket
from gateway.shop.shop import Shop
from gateway.shop.visit import Visit
from services.kit.errors import Forbidden, IdempotencyInProgress, NotFound, Unauthenticated
from services.kit.principal import Principal

T = TypeVar("T")

KEY = re.compile(r"[A-Za-z0-9_-]{16,64}")
TRIES, PAUSE_SECONDS = 20, 0.1


class Own(msgspec.Struct, frozen=True):
    """An order with what opens it."""

    opener: Opener
    principal: Principal
    order: Order

    @property
    def path(self) -> str:
        """Of its pages."""
        return f"/{self.opener.slug}/orders/{self.order.id}"

    @property
    def api(self) -> str:
        return order_api(self.principal, self.opener)


def order_api(principal: Principal, opener: Opener) -> str:
    return f"/v1/establishments/{principal.establishment_slug}/orders/{opener.id}"


async def open_order(shop: Shop, visit: Visit, opener: Opener | None) -> Own:
    """Raises `NotFound` alike for what is not there, what is somebody else's and what was made up."""
    if opener is None:
        raise NotFound
    try:
        principal = await visit.holder(opener.token)
    except Unauthenticated:
        raise NotFound from None
    if principal.order_id != opener.id:
        raise NotFound
    return Own(opener, principal, await shop.api.get(principal, order_api(principal, opener), as_=Order))


async def order_of_path(shop: Shop, visit: Visit) -> Own:
    """Raises `NotFound`."""
    return await open_order(shop, visit, Pocket(visit, shop.public_url).find(ORDER, visit.view.params["order"]))


async def current_order(shop: Shop, visit: Visit) -> Own | None:
    """The one that is being made here, or was made last."""
    opener = Pocket(visit, shop.public_url).current
    try:
        return await open_order(shop, visit, opener) if opener else None
    except NotFound:
        return None


async def order_of_form(shop: Shop, visit: Visit) -> tuple[Own, dict[str, str]]:
    """The order that a form is about, and what was filled in. Raises `Forbidden` for a form that is not ours."""
    visit.check_origin(shop.public_url)
    form = await visit.form()
    wanted = visit.view.params.get("order") or form.get("order_id", "")
    opener = Pocket(visit, shop.public_url).find(ORDER, wanted)
    if opener is not None and not hmac.compare_digest(
        form.get("form_token", "").encode(), form_token(shop, opener).encode()
    ):
        raise Forbidden("This form was not made for you.")
    return await open_order(shop, visit, opener), form


def form_token(shop: Shop, opener: Opener) -> str:
    """What only a page of ours, shown to whoever holds the cookie, can know (CSRF)."""
    return hmac.digest(shop.secret, b"shop form v1 " + opener.token.encode(), "sha256")[:16].hex()


def hidden(shop: Shop, own: Own) -> dict[str, str]:
    """The fields that every form of an order carries. The key makes that sending it twice counts once."""
    return {
        "order_id": str(own.order.id),
        "form_token": form_token(shop, own.opener),
        "key": new_key(),
    }


def new_key() -> str:
    return secrets.token_urlsafe(18)


def key_of(form: Mapping[str, str]) -> str | None:
    key = form.get("key", "")
    return key if KEY.fullmatch(key) else None


async def send_once(shop: Shop, principal: Principal, ask: Ask, *, as_: type[T]) -> T:
    """A form sent twice at the same time gets the one answer that the first gets. Raises what `Api.send` raises."""
    for _ in range(TRIES):
        try:
            return await shop.api.send(principal, ask, as_=as_)
        except IdempotencyInProgress:
            await asyncio.sleep(PAUSE_SECONDS)
    return await shop.api.send(principal, ask, as_=as_)
