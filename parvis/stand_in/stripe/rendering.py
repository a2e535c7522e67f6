"""The JSON of Stripe's API, version 2026-10-28: the fields we use, and their usual neighbours at rest."""

from collections.abc import Callable

import msgspec

from parvis.stand_in.stripe.books import Books
from parvis.stand_in.stripe.cards import CardFailure
from parvis.stand_in.stripe.errors import JsonObject, bad_parameter
from parvis.stand_in.stripe.objects import Charge, CheckoutSession, Event, LineItem, PaymentIntent, Refund

API_VERSION = "2026-10-28.endive"


def render_session(session: CheckoutSession) -> JsonObject:
    order = session.order
    email = session.email or order.customer_email
    total = order.intent.amount
    return {
        "id": session.id,
        "object": "checkout.session",
        "amount_subtotal": total,
        "amount_total": total,
        "cancel_url": order.cancel_url,
        "client_reference_id": order.client_reference_id,
        "created": session.created,
        "currency": order.intent.currency,
        "customer": None,
        "customer_details": {"email": email, "name": None, "phone": None} if email else None,
        "customer_email": order.customer_email,
        "expires_at": order.expires_at,
        "livemode": False,
        "locale": order.locale,
        "metadata": order.metadata,
        "mode": "payment",
        "payment_intent": session.payment_intent,
        "payment_method_types": ["card"],
        "payment_status": "paid" if session.status == "complete" else "unpaid",
        "status": session.status,
        "success_url": order.success_url,
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
        "url": session.url if session.status == "open" else None,
    }


def render_line_items(session: CheckoutSession) -> JsonObject:
    currency = session.order.intent.currency
    items = [_render_line_item(item, currency) for item in session.order.line_items]
    url = f"/v1/checkout/sessions/{session.id}/line_items"
    return {"object": "list", "data": items, "has_more": False, "url": url}


def _render_line_item(item: LineItem, currency: str) -> JsonObject:
    return {
        "id": item.id,
        "object": "item",
        "amount_discount": 0,
        "amount_subtotal": item.amount,
        "amount_tax": 0,
        "amount_total": item.amount,
        "currency": currency,
        "description": item.name,
        "price": {"object": "price", "currency": currency, "type": "one_time", "unit_amount": item.unit_amount},
        "quantity": item.quantity,
    }


def render_intent(intent: PaymentIntent) -> JsonObject:
    order = intent.order
    return {
        "id": intent.id,
        "object": "payment_intent",
        "amount": order.amount,
        "amount_capturable": 0,
        "amount_received": intent.amount_received,
        "application_fee_amount": order.application_fee_amount,
        "canceled_at": intent.canceled_at,
        "cancellation_reason": intent.cancellation_reason,
        "capture_method": "automatic",
        "client_secret": intent.client_secret,
        "created": intent.created,
        "currency": order.currency,
        "customer": None,
        "description": order.description,
        "last_payment_error": _render_failure(intent.failure, intent.latest_charge),
        "latest_charge": intent.latest_charge,
        "livemode": False,
        "metadata": order.metadata,
        "next_action": _render_next_action(intent),
        "payment_method": intent.payment_method,
        "payment_method_types": ["card"],
        "receipt_email": order.receipt_email,
        "status": intent.status,
    }


def _render_failure(failure: CardFailure | None, charge: str | None) -> JsonObject | None:
    if failure is None:
        return None
    rendered: JsonObject = {"code": failure.code, "message": failure.message, "type": "card_error"}
    if failure.decline_code is not None:
        rendered["decline_code"] = failure.decline_code
    if charge is not None:
        rendered["charge"] = charge
    return rendered


def _render_next_action(intent: PaymentIntent) -> JsonObject | None:
    if intent.status != "requires_action":
        return None
    redirect = {"return_url": intent.order.return_url, "url": intent.authentication_url}
    return {"type": "redirect_to_url", "redirect_to_url": redirect}


def render_charge(charge: Charge) -> JsonObject:
    failure = charge.failure
    card = {"brand": charge.brand, "country": "FR", "last4": charge.last4, "funding": "credit"}
    return {
        "id": charge.id,
        "object": "charge",
        "amount": charge.amount,
        "amount_captured": charge.amount_captured,
        "amount_refunded": charge.amount_refunded,
        "billing_details": {"email": charge.email, "name": None, "phone": None},
        "captured": failure is None,
        "created": charge.created,
        "currency": charge.currency,
        "description": charge.description,
        "disputed": False,
        "failure_code": failure.code if failure else None,
        "failure_message": failure.message if failure else None,
        "livemode": False,
        "metadata": charge.metadata,
        "paid": failure is None,
        "payment_intent": charge.payment_intent,
        "payment_method_details": {"type": "card", "card": card},
        "refunded": failure is None and charge.amount_refunded == charge.amount,
        "status": "failed" if failure else "succeeded",
    }


def render_refund(refund: Refund) -> JsonObject:
    return {
        "id": refund.id,
        "object": "refund",
        "amount": refund.amount,
        "charge": refund.charge,
        "created": refund.created,
        "currency": refund.currency,
        "metadata": refund.metadata,
        "payment_intent": refund.payment_intent,
        "reason": refund.reason,
        "status": "succeeded",
    }


def render_event(event: Event) -> JsonObject:
    rendered: JsonObject = {
        "id": event.id,
        "object": "event",
        "api_version": API_VERSION,
        "created": event.created,
        "data": {"object": msgspec.Raw(event.object_json.encode())},
        "livemode": False,
        "pending_webhooks": event.pending_webhooks,
        "request": {"id": None, "idempotency_key": None},
        "type": event.type,
    }
    return {**rendered, "account": event.account} if event.connected else rendered


def expand(books: Books, rendered: JsonObject, paths: list[str]) -> JsonObject:
    """Replaces ids by their objects, as `expand[]=payment_intent.latest_charge` asks for."""
    for path in paths:
        _expand_path(books, rendered, path.split("."), path)
    return rendered


def _expand_path(books: Books, rendered: JsonObject, steps: list[str], path: str) -> None:
    name, *inner_steps = steps
    value = rendered.get(name)
    if isinstance(value, list):
        for item in value:
            _expand_path(books, item, inner_steps, path)
        return
    if name == "line_items" and rendered.get("object") == "checkout.session":
        session = books.sessions.get(str(rendered["id"]))
        rendered[name] = None if session is None else render_line_items(session)
        return
    if name not in ("payment_intent", "latest_charge", "charge") or name not in rendered:
        raise bad_parameter(f"This property cannot be expanded ({path}).", param="expand")
    if isinstance(value, str):
        rendered[name] = value = _RENDER_BY_ID[value.partition("_")[0]](books, value)
    if inner_steps and isinstance(value, dict):
        _expand_path(books, value, inner_steps, path)


def _intent_of(books: Books, object_id: str) -> JsonObject | None:
    intent = books.intents.get(object_id)
    return None if intent is None else render_intent(intent)


def _charge_of(books: Books, object_id: str) -> JsonObject | None:
    charge = books.charges.get(object_id)
    return None if charge is None else render_charge(charge)


_RENDER_BY_ID: dict[str, Callable[[Books, str], JsonObject | None]] = {"pi": _intent_of, "ch": _charge_of}
