"""What really happened, per account: the ground truth for checks of invariants."""

import msgspec

from parvis.stand_in.stripe.books import Books
from parvis.stand_in.stripe.objects import IntentStatus, PaymentIntent, SessionStatus


class PaymentTruth(msgspec.Struct, frozen=True, kw_only=True):
    payment_intent: str
    charge: str | None
    checkout_session: str | None
    client_reference_id: str | None
    metadata: dict[str, str]
    status: IntentStatus
    currency: str
    captured_minor: int
    refunded_minor: int


class SessionTruth(msgspec.Struct, frozen=True, kw_only=True):
    checkout_session: str
    client_reference_id: str | None
    status: SessionStatus
    amount_minor: int
    payment_intent: str | None


class AccountTruth(msgspec.Struct, frozen=True, kw_only=True):
    account: str
    connected: bool
    captured_minor: int
    refunded_minor: int
    payments: list[PaymentTruth]
    sessions: list[SessionTruth]


class StateTruth(msgspec.Struct, frozen=True, kw_only=True):
    now: int
    """The stand-in's clock, Unix seconds."""
    accounts: dict[str, AccountTruth]
    webhook_deliveries: dict[str, int]
    """How many per status: nothing more will be sent once `waiting` and `held` are absent."""


def read_state(books: Books) -> StateTruth:
    accounts = {account.id: _read_account(books, account.id, account.connected) for account in books.accounts.all()}
    deliveries: dict[str, int] = {}
    for delivery in books.deliveries.all():
        deliveries[delivery.status] = deliveries.get(delivery.status, 0) + 1
    return StateTruth(now=books.now(), accounts=accounts, webhook_deliveries=deliveries)


def _read_account(books: Books, account: str, connected: bool) -> AccountTruth:  # noqa: FBT001 (a fact, not a mode)
    payments = [_read_payment(books, intent) for intent in books.intents.of_account(account)]
    sessions = [
        SessionTruth(
            checkout_session=session.id,
            client_reference_id=session.order.client_reference_id,
            status=session.status,
            amount_minor=session.order.intent.amount,
            payment_intent=session.payment_intent,
        )
        for session in books.sessions.of_account(account)
    ]
    return AccountTruth(
        account=account,
        connected=connected,
        captured_minor=sum(payment.captured_minor for payment in payments),
        refunded_minor=sum(payment.refunded_minor for payment in payments),
        payments=payments,
        sessions=sessions,
    )


def _read_payment(books: Books, intent: PaymentIntent) -> PaymentTruth:
    charge = books.charges.get(intent.latest_charge or "")
    session = books.sessions.get(intent.checkout_session or "")
    return PaymentTruth(
        payment_intent=intent.id,
        charge=intent.latest_charge,
        checkout_session=intent.checkout_session,
        client_reference_id=session.order.client_reference_id if session else None,
        metadata=intent.order.metadata,
        status=intent.status,
        currency=intent.order.currency,
        captured_minor=charge.amount_captured if charge else 0,
        refunded_minor=charge.amount_refunded if charge else 0,
    )
