from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from gateway.shop.answers import Money
from gateway.shop.own_answers import Payment, Ticket, TicketSlot, TicketTariff
from gateway.shop.refunds import Refund, refund_of
from gateway.shop.visits import within
from services.ticketing.orders.rules import refundable

NOBODY, NOON = UUID(int=0), datetime(2026, 12, 5, 12, tzinfo=UTC)


def ticket(price_minor: int) -> Ticket:
    return Ticket(
        id=NOBODY,
        number=1,
        short_code="",
        status="valid",
        slot=TicketSlot(NOBODY, NOBODY, NOON),
        tariff=TicketTariff(NOBODY, {}),
        price=Money(price_minor, "EUR"),
        admitted_at=None,
    )


def payment(status: str, amount_minor: int, refunded_minor: int = 0) -> Payment:
    return Payment("stripe", status, Money(amount_minor, "EUR"), Money(refunded_minor, "EUR"))


class Priced:
    """As much of a stored ticket as the service looks at here."""

    def __init__(self, price_minor: int) -> None:
        self.price_minor = price_minor


@given(st.lists(st.integers(0, 10_000), max_size=8), st.integers(0, 50_000), st.integers(0, 50_000))
def test_what_is_shown_before_is_what_the_service_gives_back(prices, amount_minor, refunded_minor):
    shown = refund_of(payment("paid", amount_minor, refunded_minor), [ticket(price) for price in prices])
    assert shown.back_minor == refundable([Priced(price) for price in prices], amount_minor, refunded_minor)


def test_nothing_goes_back_that_never_came():
    tickets = [ticket(1500), ticket(700)]
    assert refund_of(None, tickets) == Refund(0, 0)
    assert refund_of(payment("expired", 2200), tickets) == Refund(0, 0)
    assert refund_of(payment("due", 2900), tickets) == Refund(0, 2200)


def test_terms_end_so_many_hours_before_the_visit():
    assert within(24, NOON, NOON - timedelta(hours=24))
    assert not within(24, NOON, NOON - timedelta(hours=24) + timedelta(seconds=1))
    assert not within(None, NOON, NOON - timedelta(days=30))
