"""One function per API call: parameters in, rendered object out."""

import msgspec

from parvis.stand_in.stripe.calls import Call
from parvis.stand_in.stripe.checkout import expire_if_overdue, expire_overdue_sessions, expire_session, open_session
from parvis.stand_in.stripe.errors import JsonObject, bad_parameter, invalid_request, missing_resource
from parvis.stand_in.stripe.intake import read_card, read_intent_order, read_refund_order, read_session_order, read_url
from parvis.stand_in.stripe.lists import list_page
from parvis.stand_in.stripe.objects import Charge, CheckoutSession, PaymentIntent
from parvis.stand_in.stripe.payments import (
    cancel_intent,
    card_error,
    confirm_intent,
    create_intent,
    managed_by_checkout,
)
from parvis.stand_in.stripe.refunds import create_refund
from parvis.stand_in.stripe.rendering import (
    expand,
    render_charge,
    render_event,
    render_intent,
    render_line_items,
    render_refund,
    render_session,
)

_CANCELLATION_REASONS = ("abandoned", "duplicate", "fraudulent", "requested_by_customer")


def _read_nothing_more(call: Call) -> list[str]:
    """Before anything takes effect: unknown parameters are refused, expansions noted."""
    expansions = call.form.texts("expand")
    call.form.finish()
    return expansions


def create_session(call: Call) -> JsonObject:
    order = read_session_order(call.form, call.books.now())
    expansions = _read_nothing_more(call)
    session = open_session(call.books, call.account, order, page_url=call.page_url)
    return expand(call.books, render_session(session), expansions)


def retrieve_session(call: Call) -> JsonObject:
    expansions = _read_nothing_more(call)
    return expand(call.books, render_session(_session(call)), expansions)


def list_sessions(call: Call) -> JsonObject:
    expire_overdue_sessions(call.books)
    wanted_intent = call.form.text("payment_intent")
    wanted_status = call.form.choice("status", ("open", "complete", "expired"))
    sessions = [
        session
        for session in call.books.sessions.of_account(call.account)
        if wanted_intent in (None, session.payment_intent) and wanted_status in (None, session.status)
    ]
    page = list_page(call.form, "/v1/checkout/sessions", sessions, render_session)
    return expand(call.books, page, _read_nothing_more(call))


def list_session_line_items(call: Call) -> JsonObject:
    call.form.accept("limit")
    _read_nothing_more(call)
    return render_line_items(_session(call))


def expire_session_now(call: Call) -> JsonObject:
    expansions = _read_nothing_more(call)
    session = _session(call)
    expire_session(call.books, session)
    return expand(call.books, render_session(session), expansions)


def create_payment_intent(call: Call) -> JsonObject:
    order = read_intent_order(call.form)
    confirmed = call.form.flag("confirm")
    card = read_card(call.form, needed=confirmed)
    expansions = _read_nothing_more(call)
    intent = create_intent(call.books, call.account, order)
    if confirmed and card is not None:
        confirm_intent(call.books, intent, card, page_url=call.page_url)
        _raise_failure(intent)
    return expand(call.books, render_intent(intent), expansions)


def retrieve_payment_intent(call: Call) -> JsonObject:
    call.form.accept("client_secret")
    expansions = _read_nothing_more(call)
    return expand(call.books, render_intent(_intent(call, call.object_id)), expansions)


def list_payment_intents(call: Call) -> JsonObject:
    intents = call.books.intents.of_account(call.account)
    page = list_page(call.form, "/v1/payment_intents", intents, render_intent)
    return expand(call.books, page, _read_nothing_more(call))


def confirm_payment_intent(call: Call) -> JsonObject:
    return_url = read_url(call.form, "return_url")
    card = read_card(call.form, needed=True)
    expansions = _read_nothing_more(call)
    intent = _intent(call, call.object_id)
    if intent.checkout_session is not None:
        raise managed_by_checkout("confirm")
    intent.order = msgspec.structs.replace(intent.order, return_url=return_url or intent.order.return_url)
    if card is not None:
        confirm_intent(call.books, intent, card, page_url=call.page_url)
    _raise_failure(intent)
    return expand(call.books, render_intent(intent), expansions)


def cancel_payment_intent(call: Call) -> JsonObject:
    reason = call.form.choice("cancellation_reason", _CANCELLATION_REASONS)
    expansions = _read_nothing_more(call)
    intent = _intent(call, call.object_id)
    if intent.checkout_session is not None and intent.status != "succeeded":
        raise managed_by_checkout("cancel")
    cancel_intent(call.books, intent, reason)
    return expand(call.books, render_intent(intent), expansions)


def retrieve_charge(call: Call) -> JsonObject:
    expansions = _read_nothing_more(call)
    return expand(call.books, render_charge(_charge(call, call.object_id)), expansions)


def list_charges(call: Call) -> JsonObject:
    wanted = call.form.text("payment_intent")
    charges = [
        charge for charge in call.books.charges.of_account(call.account) if wanted in (None, charge.payment_intent)
    ]
    page = list_page(call.form, "/v1/charges", charges, render_charge)
    return expand(call.books, page, _read_nothing_more(call))


def create_refund_of_payment(call: Call) -> JsonObject:
    order = read_refund_order(call.form)
    intent_id, charge_id = call.form.text("payment_intent"), call.form.text("charge")
    expansions = _read_nothing_more(call)
    if intent_id is not None:
        charge = _charge_to_refund(call, intent_id)
    elif charge_id is not None:
        charge = _charge(call, charge_id, param="charge")
    else:
        message = "One of the following params should be provided for this request: payment_intent or charge."
        raise bad_parameter(message, param="payment_intent")
    return expand(call.books, render_refund(create_refund(call.books, charge, order)), expansions)


def _charge_to_refund(call: Call, intent_id: str) -> Charge:
    intent = _intent(call, intent_id, param="payment_intent")
    if intent.status != "succeeded" or intent.latest_charge is None:
        message = f"This PaymentIntent ({intent.id}) does not have a successful charge to refund."
        raise invalid_request(message, param="payment_intent")
    return _charge(call, intent.latest_charge)


def retrieve_refund(call: Call) -> JsonObject:
    expansions = _read_nothing_more(call)
    refund = call.books.refunds.find(call.account, call.object_id)
    if refund is None:
        raise missing_resource("refund", call.object_id)
    return expand(call.books, render_refund(refund), expansions)


def list_refunds(call: Call) -> JsonObject:
    wanted_intent, wanted_charge = call.form.text("payment_intent"), call.form.text("charge")
    refunds = [
        refund
        for refund in call.books.refunds.of_account(call.account)
        if wanted_intent in (None, refund.payment_intent) and wanted_charge in (None, refund.charge)
    ]
    page = list_page(call.form, "/v1/refunds", refunds, render_refund)
    return expand(call.books, page, _read_nothing_more(call))


def retrieve_event(call: Call) -> JsonObject:
    _read_nothing_more(call)
    event = call.books.events.find(call.account, call.object_id)
    if event is None:
        raise missing_resource("event", call.object_id)
    return render_event(event)


def list_events(call: Call) -> JsonObject:
    wanted_type = call.form.text("type")
    wanted_types = call.form.texts("types") or ([wanted_type] if wanted_type else [])
    events = [
        event for event in call.books.events.of_account(call.account) if not wanted_types or event.type in wanted_types
    ]
    page = list_page(call.form, "/v1/events", events, render_event)
    return expand(call.books, page, _read_nothing_more(call))


def retrieve_account(call: Call) -> JsonObject:
    _read_nothing_more(call)
    if call.object_id not in ("", call.account):
        raise missing_resource("account", call.object_id)
    return {
        "id": call.account,
        "object": "account",
        "charges_enabled": True,
        "country": "FR",
        "default_currency": "eur",
        "details_submitted": True,
        "payouts_enabled": True,
    }


def _session(call: Call) -> CheckoutSession:
    session = call.books.sessions.find(call.account, call.object_id)
    if session is None:
        raise missing_resource("checkout.session", call.object_id, param="session")
    expire_if_overdue(call.books, session)
    return session


def _intent(call: Call, intent_id: str, *, param: str = "intent") -> PaymentIntent:
    intent = call.books.intents.find(call.account, intent_id)
    if intent is None:
        raise missing_resource("payment_intent", intent_id, param=param)
    return intent


def _charge(call: Call, charge_id: str, *, param: str = "id") -> Charge:
    charge = call.books.charges.find(call.account, charge_id)
    if charge is None:
        raise missing_resource("charge", charge_id, param=param)
    return charge


def _raise_failure(intent: PaymentIntent) -> None:
    if intent.failure is not None:
        raise card_error(intent, intent.failure)
