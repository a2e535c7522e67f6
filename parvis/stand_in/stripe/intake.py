"""Reads the parameters of the calls that create something."""

from urllib.parse import urlsplit

from parvis.stand_in.stripe.books import new_id
from parvis.stand_in.stripe.cards import CARDS_BY_PAYMENT_METHOD, SampleCard
from parvis.stand_in.stripe.errors import bad_parameter, missing_resource
from parvis.stand_in.stripe.forms import Form
from parvis.stand_in.stripe.money import format_amount
from parvis.stand_in.stripe.objects import IntentOrder, LineItem, SessionOrder
from parvis.stand_in.stripe.refunds import RefundOrder

_SHORTEST_SESSION_SECONDS = 30 * 60
_LONGEST_SESSION_SECONDS = 24 * 3600
# The clocks of caller and callee differ a little, and the call takes time: the real API is as lenient.
_LENIENCE_SECONDS = 60
_MINIMUM_AMOUNTS = {"gbp": 30, "jpy": 50}
_MINIMUM_AMOUNT = 50
_MAXIMUM_AMOUNT = 99_999_999
_CURRENCY_LENGTH = 3
_REFUND_REASONS = ("duplicate", "fraudulent", "requested_by_customer")


def read_session_order(form: Form, now: int) -> SessionOrder:
    form.required_text("mode")
    form.choice("mode", ("payment",))
    form.choice("ui_mode", ("hosted_page",))
    form.section("allowed_payment_method_types").accept("0")
    form.accept("submit_type", "customer_creation", "billing_address_collection", "currency")
    success_url, cancel_url = read_url(form, "success_url"), read_url(form, "cancel_url")
    if success_url is None:
        form.required_text("success_url")
    line_items, currency = _read_line_items(form)
    total = sum(item.amount for item in line_items)
    _check_amount(total, currency, "line_items")
    email = form.text("customer_email")
    return SessionOrder(
        line_items=line_items,
        intent=_read_payment_data(form.section("payment_intent_data"), total, currency, email),
        success_url=success_url or "",
        cancel_url=cancel_url,
        customer_email=email,
        client_reference_id=form.text("client_reference_id"),
        locale=form.text("locale"),
        metadata=form.metadata(),
        expires_at=_read_expiry(form, now),
    )


def _read_line_items(form: Form) -> tuple[list[LineItem], str]:
    sections = form.sections("line_items")
    if not sections:
        raise bad_parameter("Missing required param: line_items.", param="line_items", code="parameter_missing")
    currencies = {_currency(section.section("price_data")) for section in sections}
    if len(currencies) > 1:
        raise bad_parameter("All line items of a Checkout Session must have the same currency.", param="line_items")
    return [_read_line_item(section) for section in sections], currencies.pop()


def _read_line_item(form: Form) -> LineItem:
    price = form.section("price_data")
    price.accept("currency", "tax_behavior")
    product = price.section("product_data")
    product.accept("images", "metadata", "tax_code")
    return LineItem(
        id=new_id("li_1"),
        name=product.required_text("name"),
        description=product.text("description"),
        unit_amount=price.required_integer("unit_amount"),
        quantity=form.required_integer("quantity", minimum=1),
    )


def _read_payment_data(form: Form, total: int, currency: str, email: str | None) -> IntentOrder:
    form.choice("capture_method", ("automatic", "automatic_async"))
    form.accept("statement_descriptor", "statement_descriptor_suffix")
    return IntentOrder(
        amount=total,
        currency=currency,
        description=form.text("description"),
        receipt_email=form.text("receipt_email") or email,
        application_fee_amount=form.integer("application_fee_amount"),
        metadata=form.metadata(),
    )


def _read_expiry(form: Form, now: int) -> int:
    expires_at = form.integer("expires_at")
    if expires_at is None:
        return now + _LONGEST_SESSION_SECONDS
    if expires_at < now + _SHORTEST_SESSION_SECONDS - _LENIENCE_SECONDS:
        message = "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation."
        raise bad_parameter(message, param="expires_at")
    if expires_at > now + _LONGEST_SESSION_SECONDS + _LENIENCE_SECONDS:
        message = "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation."
        raise bad_parameter(message, param="expires_at")
    return expires_at


def read_intent_order(form: Form) -> IntentOrder:
    form.choice("capture_method", ("automatic", "automatic_async"))
    form.choice("confirmation_method", ("automatic",))
    form.accept("payment_method_types", "automatic_payment_methods", "statement_descriptor_suffix")
    currency = _currency(form)
    amount = form.required_integer("amount", minimum=1)
    _check_amount(amount, currency, "amount")
    return IntentOrder(
        amount=amount,
        currency=currency,
        description=form.text("description"),
        receipt_email=form.text("receipt_email"),
        return_url=read_url(form, "return_url"),
        application_fee_amount=form.integer("application_fee_amount"),
        metadata=form.metadata(),
    )


def read_card(form: Form, *, needed: bool) -> SampleCard | None:
    name = form.required_text("payment_method") if needed else form.text("payment_method")
    if name is None:
        return None
    card = CARDS_BY_PAYMENT_METHOD.get(name)
    if card is None:
        raise missing_resource("PaymentMethod", name, param="payment_method", status=400)
    return card


def read_refund_order(form: Form) -> RefundOrder:
    form.accept("refund_application_fee", "reverse_transfer")
    return RefundOrder(
        amount=form.integer("amount", minimum=1),
        reason=form.choice("reason", _REFUND_REASONS),
        metadata=form.metadata(),
    )


def _currency(form: Form) -> str:
    currency = form.required_text("currency").lower()
    if len(currency) != _CURRENCY_LENGTH or not (currency.isascii() and currency.isalpha()):
        path = form.path_of("currency")
        raise bad_parameter(f"Invalid currency: {currency}.", param=path)
    return currency


def _check_amount(amount: int, currency: str, param: str) -> None:
    minimum = _MINIMUM_AMOUNTS.get(currency, _MINIMUM_AMOUNT)
    if amount < minimum:
        message = f"The total amount due must add up to at least {format_amount(minimum, currency)} {currency}"
        raise bad_parameter(message, param=param, code="amount_too_small")
    if amount > _MAXIMUM_AMOUNT:
        message = f"The total amount due must be no more than {format_amount(_MAXIMUM_AMOUNT, currency)}"
        raise bad_parameter(message, param=param, code="amount_too_large")


def read_url(form: Form, name: str) -> str | None:
    """Only web addresses: the hosted page makes links of them."""
    value = form.text(name)
    if value is None:
        return None
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise bad_parameter("Not a valid URL", param=name, code="url_invalid")
    return value
