"""What is shown of an order before it is bought."""

import math
from datetime import UTC, datetime
from typing import TypeAlias
from zoneinfo import ZoneInfo

import msgspec
from babel.units import format_unit

from gateway.replies import Reply
from gateway.shop.assets import asset_path
from gateway.shop.establishment import around
from gateway.shop.language import Words
from gateway.shop.offer import Form
from gateway.shop.own_order import Own, hidden
from gateway.shop.rendering import Sent, page
from gateway.shop.shop import Shop
from gateway.shop.storefront import Front
from gateway.shop.visit import View
from gateway.shop.visits import cart_visits, tariff_book, within

Values: TypeAlias = dict[str, object]

SCRIPT_PATH = asset_path("order.js")

# A visitor who has less is told so, and offered more.
WARNED_SECONDS = 180
SELF_SERVICE = ("stripe", "on_site")


class TimeLeft(msgspec.Struct, frozen=True):
    """How long places are kept. `until` is a time of the place, `words` like `9 minutes`."""

    seconds: int
    until: str
    words: str

    @property
    def is_short(self) -> bool:
        return self.seconds <= WARNED_SECONDS


async def cart_page(shop: Shop, view: View, own: Own, form: Form | None = None) -> Reply:
    """With a `form` that was refused: 422."""
    front = await shop.storefront.front(view.visitor)
    values = await _values(shop, view, front, own)
    customer = own.order.customer
    known = {"name": customer.name, "email": customer.email} if customer else {}
    form = form or Form()
    status = 422 if form.faults else 200
    shown = {**values, "form": msgspec.structs.replace(form, filled=known | form.filled)}
    return page("order.html", view, shown, _sent(shop, status))


async def pending_page(shop: Shop, view: View, own: Own, *, has_returned: bool) -> Reply:
    """`has_returned`: from the payment page, having paid. Until we are told, nothing that would undo it is offered."""
    front = await shop.storefront.front(view.visitor)
    template = "order_checked.html" if has_returned else "order_pending.html"
    return page(template, view, await _values(shop, view, front, own), _sent(shop, 200))


async def expired_page(shop: Shop, view: View, own: Own) -> Reply:
    front = await shop.storefront.front(view.visitor)
    return page("order_expired.html", view, await _values(shop, view, front, own))


async def empty_page(shop: Shop, view: View) -> Reply:
    front = await shop.storefront.front(view.visitor)
    return page("order_empty.html", view, around(shop, view, front))


async def leave_page(shop: Shop, view: View, own: Own, url: str) -> Reply:
    """A link to a payment page to which no form of ours may lead."""
    front = await shop.storefront.front(view.visitor)
    return page("order_leave.html", view, {**await _values(shop, view, front, own), "payment_url": url})


def payment_methods(front: Front, total_minor: int) -> list[str]:
    """How visitors may pay this here."""
    if total_minor == 0:
        return ["free"]
    return [method for method in SELF_SERVICE if method in front.profile.payment_methods]


def time_left(words: Words, front: Front, expires_at: datetime | None) -> TimeLeft | None:
    if expires_at is None:
        return None
    seconds = max(0, int((expires_at - datetime.now(UTC)).total_seconds()))
    return TimeLeft(
        seconds=seconds,
        until=words.time(expires_at.astimezone(ZoneInfo(front.profile.timezone))),
        words=format_unit(max(1, math.ceil(seconds / 60)), "duration-minute", locale=words.locale),
    )


async def _values(shop: Shop, view: View, front: Front, own: Own) -> Values:
    order = own.order
    tariffs = await tariff_book(shop, view, front, [line.offer_id for line in order.lines])
    hours, now = front.profile.cancellation_hours_before, datetime.now(UTC)
    return {
        **around(shop, view, front),
        "order": order,
        "visits": cart_visits(view, front, order, tariffs),
        "may_cancel_later": any(within(hours, line.starts_at, now) for line in order.lines),
        "total": view.words.price(order.total.amount, order.total.currency),
        "methods": payment_methods(front, order.total.amount),
        "time_left": time_left(view.words, front, order.expires_at),
        "hidden": hidden(shop, own),
        "order_script_path": SCRIPT_PATH,
    }


def _sent(shop: Shop, status: int) -> Sent:
    return Sent(status=status, form_action=" ".join(("'self'", *shop.payment_pages)))
