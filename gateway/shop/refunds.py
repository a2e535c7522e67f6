"""What goes back for tickets that are given back. Pure: as the service will decide it, shown before it does."""

from collections.abc import Sequence

import msgspec

from gateway.shop.own_answers import Payment, Ticket


class Refund(msgspec.Struct, frozen=True):
    """In minor units. `back_minor` goes back as it was paid; `less_due_minor` need no longer be paid on site."""

    back_minor: int
    less_due_minor: int


def refund_of(payment: Payment | None, tickets: Sequence[Ticket]) -> Refund:
    """Their price, never more than what is left of the payment."""
    price_minor = sum(ticket.price.amount for ticket in tickets)
    if payment is None:
        return Refund(0, 0)
    if payment.status == "due":
        return Refund(0, min(price_minor, payment.amount.amount))
    if payment.status != "paid":
        return Refund(0, 0)
    return Refund(max(0, min(price_minor, payment.amount.amount - payment.refunded.amount)), 0)
