"""From the held order to the bought one: who comes, how it is paid."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from gateway.replies import Reply
from gateway.shop import basket
from gateway.shop.api import Ask
from gateway.shop.cart_page import cart_page, leave_page, payment_methods
from gateway.shop.offer import Fault, Form
from gateway.shop.own_answers import Order
from gateway.shop.own_order import Own, key_of, order_of_form, send_once
from gateway.shop.rendering import see_other
from gateway.shop.routes import OwnPage
from gateway.shop.shop import Shop
from gateway.shop.visit import View, Visit
from services.kit.errors import Invalid, Refused

# Refusals that are about how it is paid.
ABOUT_PAYMENT = frozenset({"payment_method_refused", "nothing_to_pay", "payment_refused"})

# Ends the address to which a payment page sends whoever has paid.
RETURNED = "returned=1"


async def confirm(shop: Shop, visit: Visit) -> Reply:
    """Name, e-mail and payment. What is missing is said beside its field."""
    own, form = await order_of_form(shop, visit)
    view = visit.view
    filled = {**form, "name": form.get("name", "").strip(), "email": form.get("email", "").strip()}
    front = await shop.storefront.front(view.visitor)
    methods = payment_methods(front, own.order.total.amount)
    method = methods[0] if len(methods) == 1 else form.get("payment_method", "")
    faults = [Fault(name, basket.about_customer(view.words, name)) for name in basket.unreadable(filled)]
    if method not in methods:
        faults.append(Fault("payment_method", view.words.gettext("Please choose how to pay.")))
    if form.get("total") != str(own.order.total.amount):
        # Another tab has changed the order: nobody agrees to what they have not seen.
        text = view.words.gettext("Your order has changed in the meantime. Please check it and confirm again.")
        faults.append(Fault("", text))
    if faults and own.order.status == "held":
        return await cart_page(shop, view, own, Form(filled, faults))
    customer = {"name": filled["name"], "email": filled["email"], "language": view.words.code}
    try:
        return await _pay(shop, view, own, {"payment_method": method, "customer": customer}, key_of(form))
    except Invalid as refused:
        found = basket.faults(view.words, refused, (), {}, basket.line_name)
        return await cart_page(shop, view, own, Form(filled, found))
    except Refused as refused:
        if refused.code in ABOUT_PAYMENT and own.order.status == "held":
            return await cart_page(shop, view, own, Form(filled, [_payment_fault(view)]))
        return _as_it_stands(view, refused)


async def pay(shop: Shop, visit: Visit) -> Reply:
    """To the payment page again, or in another way after all; the customer is known."""
    own, form = await order_of_form(shop, visit)
    view = visit.view
    try:
        body = {"payment_method": form.get("payment_method", "stripe")}
        return await _pay(shop, view, own, body, key_of(form))
    except Refused as refused:
        return _as_it_stands(view, refused)


async def _pay(shop: Shop, view: View, own: Own, body: Mapping[str, object], key: str | None) -> Reply:
    """Raises `Refused`."""
    # The way back works in another browser too: banks' applications open the one they like.
    back = f"{shop.public_url}{view.link(own.path, access_token=own.opener.token)}"
    asked = {**body, "success_url": f"{back}&{RETURNED}", "cancel_url": back}
    order = await send_once(shop, own.principal, Ask("POST", f"{own.api}/confirmation", body=asked, key=key), as_=Order)
    url = order.payment.url if order.payment else None
    if order.status != "awaiting_payment" or not url:
        return see_other(view.link(f"/{view.slug}/order"))
    if _origin(url) in shop.payment_pages:
        return see_other(url)
    return await leave_page(shop, view, own, url)


def _as_it_stands(view: View, refused: Refused) -> Reply:
    """Too late or twice: the page of the order says how it stands. Raises what is no conflict."""
    if refused.code not in ABOUT_PAYMENT | {
        "order_ended",
        "order_settled",
        "validation_failed",
        "idempotency_key_reused",
    }:
        raise refused
    return see_other(view.link(f"/{view.slug}/order"))


def _payment_fault(view: View) -> Fault:
    text = view.words.gettext("This way of paying does not work at the moment. Please try again or choose another.")
    return Fault("payment_method", text)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


pages = [
    OwnPage("POST", "/{slug}/order/details", confirm),
    OwnPage("POST", "/{slug}/order/payment", pay),
]
