"""The life of a Checkout Session: open → complete, or expired. Its payment appears at the first attempt to pay."""

from parvis.stand_in.stripe.books import Books, new_id
from parvis.stand_in.stripe.cards import SampleCard
from parvis.stand_in.stripe.errors import invalid_request, missing_resource
from parvis.stand_in.stripe.objects import CheckoutSession, PaymentIntent, SessionOrder
from parvis.stand_in.stripe.payments import authenticate_intent, cancel_intent, confirm_intent, create_intent
from parvis.stand_in.stripe.rendering import render_session

_SESSION_ID_LENGTH = 58  # the real ids have 66 characters with their prefix, and columns must hold them


def open_session(books: Books, account: str, order: SessionOrder, *, page_url: str) -> CheckoutSession:
    session_id = new_id("cs_test_", _SESSION_ID_LENGTH)
    url = f"{page_url}/c/pay/{session_id}"
    session = CheckoutSession(id=session_id, account=account, created=books.now(), order=order, url=url)
    books.sessions.put(session)
    return session


def expire_session(books: Books, session: CheckoutSession) -> None:
    _require_open(session, "expired")
    _expire(books, session)


def expire_overdue_sessions(books: Books) -> None:
    for session in books.sessions.all():
        expire_if_overdue(books, session)


def expire_if_overdue(books: Books, session: CheckoutSession) -> None:
    if session.status == "open" and session.order.expires_at <= books.now():
        _expire(books, session)


def _expire(books: Books, session: CheckoutSession) -> None:
    session.status = "expired"
    books.sessions.put(session)
    intent = payment_of(books, session)
    if intent is not None:
        cancel_intent(books, intent, "automatic")
    books.record_event(session.account, "checkout.session.expired", render_session(session))


def pay_session(books: Books, session: CheckoutSession, card: SampleCard, *, email: str | None = None) -> PaymentIntent:
    """One attempt to pay. The answer's status tells: succeeded, requires_action, or requires_payment_method again."""
    expire_if_overdue(books, session)
    _require_open(session, "paid")
    session.email = email or session.email
    intent = payment_of(books, session)
    if intent is None:
        intent = create_intent(books, session.account, session.order.intent, checkout_session=session.id)
        session.payment_intent = intent.id
    books.sessions.put(session)
    confirm_intent(books, intent, card, page_url=session.url.partition("/c/pay/")[0])
    _settle(books, intent)
    return intent


def authenticate_payment(books: Books, intent: PaymentIntent, *, authorised: bool) -> None:
    authenticate_intent(books, intent, authorised=authorised)
    _settle(books, intent)


def _settle(books: Books, intent: PaymentIntent) -> None:
    session = books.sessions.get(intent.checkout_session or "")
    if session is None or intent.status != "succeeded":
        return
    session.status = "complete"
    books.sessions.put(session)
    books.record_event(session.account, "checkout.session.completed", render_session(session))


def payment_of(books: Books, session: CheckoutSession) -> PaymentIntent | None:
    return books.intents.get(session.payment_intent or "")


def session_by_id(books: Books, session_id: str) -> CheckoutSession:
    """For the hosted page, which knows no account: the id is the secret, as on the real one."""
    session = books.sessions.get(session_id)
    if session is None:
        raise missing_resource("checkout.session", session_id)
    return session


def _require_open(session: CheckoutSession, verb: str) -> None:
    if session.status != "open":
        raise invalid_request(
            f'Only Checkout Sessions with a status in ["open"] can be {verb}. '
            f"This Checkout Session has a status of `{session.status}`."
        )
