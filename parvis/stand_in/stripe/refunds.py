import msgspec

from parvis.stand_in.stripe.books import Books, new_id
from parvis.stand_in.stripe.errors import invalid_request
from parvis.stand_in.stripe.money import format_amount
from parvis.stand_in.stripe.objects import Charge, Refund
from parvis.stand_in.stripe.rendering import render_charge, render_refund


class RefundOrder(msgspec.Struct, frozen=True, kw_only=True):
    amount: int | None
    """Minor units; everything that remains when absent."""
    reason: str | None
    metadata: dict[str, str]


def create_refund(books: Books, charge: Charge, order: RefundOrder) -> Refund:
    remaining = charge.amount_captured - charge.amount_refunded
    if charge.amount_captured and remaining == 0:
        raise invalid_request(f"Charge {charge.id} has already been refunded.", code="charge_already_refunded")
    if charge.failure is not None:
        raise invalid_request(f"Charge {charge.id} has not been captured or has failed and cannot be refunded.")
    amount = remaining if order.amount is None else order.amount
    if amount > remaining:
        asked, left = (format_amount(value, charge.currency) for value in (amount, remaining))
        # The real API gives this refusal a `param` but no `code`.
        message = f"Refund amount ({asked}) is greater than unrefunded amount on charge ({left})"
        raise invalid_request(message, param="amount")
    refund = Refund(
        id=new_id("re_3"),
        account=charge.account,
        created=books.now(),
        charge=charge.id,
        payment_intent=charge.payment_intent,
        amount=amount,
        currency=charge.currency,
        reason=order.reason,
        metadata=order.metadata,
    )
    charge.amount_refunded += amount
    books.charges.put(charge)
    books.refunds.put(refund)
    books.record_event(charge.account, "refund.created", render_refund(refund))
    books.record_event(charge.account, "charge.refunded", render_charge(charge))
    return refund
