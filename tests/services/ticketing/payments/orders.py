"""Payments and refunds to ask for, right in every field that a test does not care about."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from services.kit.ids import new_id
from services.ticketing.payments.provider import Checkout, CheckoutLine, CheckoutPaid, RefundOrder
from tests.parvis.stand_in.stripe.shop import MUSEUM
from tests.services.ticketing.payments.stages import Stage

ESTABLISHMENT = UUID("01900000-0000-7000-8000-000000000001")


def checkout(**changes: Any) -> Checkout:  # noqa: ANN401 - the fields of a Checkout
    """For 36.00 EUR."""
    fields: dict[str, Any] = {
        "payment_id": new_id(),
        "order_id": new_id(),
        "establishment_id": ESTABLISHMENT,
        "account": MUSEUM,
        "amount_minor": 3600,
        "currency": "EUR",
        "lines": [CheckoutLine("Plein tarif – Été", 2, 1800), CheckoutLine("Moins de 26 ans", 1, 0)],
        "success_url": "http://127.0.0.1:9/merci",
        "cancel_url": "http://127.0.0.1:9/panier",
        "customer_email": "ada@example.org",
        "language": "fr",
        "asked_at": datetime.now(UTC),
        "expires_in_seconds": 3600,
    }
    return Checkout(**fields | changes)


def refund_of(paid: CheckoutPaid, **changes: Any) -> RefundOrder:  # noqa: ANN401 - the fields of a RefundOrder
    """Of 10.00 EUR."""
    order = RefundOrder(
        refund_id=new_id(),
        order_id=new_id(),
        establishment_id=ESTABLISHMENT,
        account=MUSEUM,
        provider_reference=paid.provider_reference,
        amount_minor=1000,
    )
    return msgspec.structs.replace(order, **changes)


async def paid_checkout(stage: Stage, account: str = MUSEUM) -> tuple[str, CheckoutPaid]:
    started = await stage.provider.start(checkout(account=account))
    await stage.pay(started.reference)
    paid = await stage.provider.look_up(account, started.reference)
    assert isinstance(paid, CheckoutPaid)
    return started.reference, paid
