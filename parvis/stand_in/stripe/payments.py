"""The life of a PaymentIntent: requires_payment_method → (requires_action →) succeeded, or canceled."""

from parvis.stand_in.stripe.books import Books, new_id
from parvis.stand_in.stripe.cards import AUTHENTICATED_CARD, AUTHENTICATION_FAILURE, CardFailure, SampleCard
from parvis.stand_in.stripe.errors import StripeProblem, invalid_request
from parvis.stand_in.stripe.objects import Charge, IntentOrder, PaymentIntent
from parvis.stand_in.stripe.rendering import render_charge, render_intent


def create_intent(
    books: Books, account: str, order: IntentOrder, *, checkout_session: str | None = None
) -> PaymentIntent:
    intent_id = new_id("pi_3")
    intent = PaymentIntent(
        id=intent_id,
        account=account,
        created=books.now(),
        order=order,
        client_secret=new_id(f"{intent_id}_secret_"),
        checkout_session=checkout_session,
    )
    books.intents.put(intent)
    _tell(books, intent, "payment_intent.created")
    return intent


def confirm_intent(books: Books, intent: PaymentIntent, card: SampleCard, *, page_url: str) -> None:
    """Tries the card; what came of it stands in `intent.status` and `intent.failure`.

    `page_url` is the address below which the hosted pages live, for the cards that want 3-D Secure.
    """
    if intent.status not in ("requires_payment_method", "requires_confirmation", "requires_action"):
        raise unexpected_state(intent, "confirm")
    intent.failure = None
    if card.needs_authentication:
        intent.status = "requires_action"
        intent.authentication_url = f"{page_url}/c/authentication/{intent.id}"
        books.intents.put(intent)
        _tell(books, intent, "payment_intent.requires_action")
        return
    _charge(books, intent, card)


def authenticate_intent(books: Books, intent: PaymentIntent, *, authorised: bool) -> None:
    """The cardholder's answer on the 3-D Secure page."""
    if intent.status != "requires_action":
        raise unexpected_state(intent, "authenticate")
    if authorised:
        _charge(books, intent, AUTHENTICATED_CARD)
    else:
        _fail(books, intent, AUTHENTICATION_FAILURE)


def cancel_intent(books: Books, intent: PaymentIntent, reason: str | None) -> None:
    if intent.status in ("succeeded", "canceled"):
        raise unexpected_state(intent, "cancel")
    intent.status = "canceled"
    intent.canceled_at = books.now()
    intent.cancellation_reason = reason
    books.intents.put(intent)
    _tell(books, intent, "payment_intent.canceled")


def _charge(books: Books, intent: PaymentIntent, card: SampleCard) -> None:
    order = intent.order
    charge = Charge(
        id=new_id("ch_3"),
        account=intent.account,
        created=books.now(),
        payment_intent=intent.id,
        amount=order.amount,
        currency=order.currency,
        brand=card.brand,
        last4=card.last4,
        metadata=order.metadata,
        description=order.description,
        email=order.receipt_email,
        failure=card.failure,
    )
    books.charges.put(charge)
    intent.latest_charge = charge.id
    if card.failure is not None:
        books.record_event(intent.account, "charge.failed", render_charge(charge))
        _fail(books, intent, card.failure)
        return
    intent.status = "succeeded"
    intent.amount_received = order.amount
    intent.payment_method = new_id("pm_1")
    books.intents.put(intent)
    books.record_event(intent.account, "charge.succeeded", render_charge(charge))
    _tell(books, intent, "payment_intent.succeeded")


def _fail(books: Books, intent: PaymentIntent, failure: CardFailure) -> None:
    intent.status = "requires_payment_method"
    intent.failure = failure
    books.intents.put(intent)
    _tell(books, intent, "payment_intent.payment_failed")


def _tell(books: Books, intent: PaymentIntent, event_type: str) -> None:
    books.record_event(intent.account, event_type, render_intent(intent))


def card_error(intent: PaymentIntent, failure: CardFailure) -> StripeProblem:
    details: dict[str, object] = {"code": failure.code, "payment_intent": render_intent(intent)}
    if failure.decline_code is not None:
        details["decline_code"] = failure.decline_code
    if intent.latest_charge is not None:
        details["charge"] = intent.latest_charge
    return StripeProblem(402, "card_error", failure.message, details=details)


def unexpected_state(intent: PaymentIntent, verb: str) -> StripeProblem:
    message = f"You cannot {verb} this PaymentIntent because it has a status of {intent.status}."
    details: dict[str, object] = {"code": "payment_intent_unexpected_state", "payment_intent": render_intent(intent)}
    return StripeProblem(400, "invalid_request_error", message, details=details)


def managed_by_checkout(verb: str) -> StripeProblem:
    return invalid_request(
        f"You cannot {verb} this PaymentIntent because it belongs to a Checkout Session; act on the Session instead.",
        code="payment_intent_unexpected_state",
    )
