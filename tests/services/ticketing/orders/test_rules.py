"""What may be paid how, extended how long, cancelled when, and refunded how much: decisions without a database."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.errors import Forbidden, Invalid
from services.kit.principal import Principal
from services.ticketing.catalog.rules import PricedLine
from services.ticketing.establishments.queries import Establishment
from services.ticketing.orders.rules import (
    IMMEDIATE,
    NothingToPay,
    PaymentMethodRefused,
    TermsRefused,
    TicketUsed,
    check_channel,
    check_companions,
    check_payment_method,
    check_terms,
    check_unused,
    hold_seconds,
    refundable,
)
from services.ticketing.tickets.queries import Ticket
from tests.services.ticketing.catalog.test_rules import SLOT, START, tariff

VISITOR = Principal()
STAFF = Principal(actor="key:1", scopes=frozenset({"orders:write"}))
READER = Principal(actor="key:2", scopes=frozenset({"orders:read"}))
HOUR = timedelta(hours=1)


def establishment(**changes: Any) -> Establishment:  # noqa: ANN401 - the fields of an Establishment
    usual = Establishment(
        id=uuid4(),
        slug="louvre",
        name={"fr": "Louvre"},
        country="FR",
        timezone="Europe/Paris",
        currency="EUR",
        languages=["fr"],
        legal_name="",
        registration_number="",
        contact_email="",
        accent_colour="#1d3557",
        payment_methods=["free", "stripe", "on_site"],
        stripe_account="",
        hold_minutes=15,
        extension_minutes=10,
        cancellation_hours_before=24,
        exchange_hours_before=1,
    )
    return msgspec.structs.replace(usual, **changes)


def ticket(**changes: Any) -> Ticket:  # noqa: ANN401 - the fields of a Ticket
    """Valid, at 15.00, for the visit at START."""
    valid = Ticket(
        id=uuid4(),
        number=1,
        short_code="ABCDEFGH",
        status="valid",
        order_id=uuid4(),
        line_position=0,
        hold_id=uuid4(),
        slot_id=SLOT.id,
        offer_id=SLOT.offer_id,
        tariff_id=uuid4(),
        price_minor=1500,
        starts_at=START,
        ends_at=START + HOUR,
        valid_from=START - HOUR,
        valid_until=START + HOUR,
        revision=0,
        key_id=1,
        issued_at=START - 10 * HOUR,
    )
    return msgspec.structs.replace(valid, **changes)


@pytest.mark.parametrize(
    ("method", "total_minor", "principal", "refusal"),
    [
        ("free", 0, VISITOR, None),
        ("free", 1, VISITOR, PaymentMethodRefused),
        # Staff cannot give away what has a price, either.
        ("free", 1, STAFF, PaymentMethodRefused),
        ("stripe", 1, VISITOR, None),
        ("stripe", 0, VISITOR, NothingToPay),
        ("stripe", 0, STAFF, NothingToPay),
        ("on_site", 1, VISITOR, None),
        ("on_site", 0, VISITOR, None),
        ("on_account", 1, STAFF, None),
        ("on_account", 1, VISITOR, Forbidden),
        ("on_account", 1, READER, Forbidden),
    ],
)
def test_payment_method(method: str, total_minor: int, principal: Principal, refusal: type[Exception] | None):
    if refusal is None:
        check_payment_method(method, total_minor, establishment(), principal)
        return
    with pytest.raises(refusal):
        check_payment_method(method, total_minor, establishment(), principal)


@pytest.mark.parametrize("method", ["stripe", "on_site"])
def test_visitor_pays_only_as_the_establishment_takes_it(method: str):
    strict = establishment(payment_methods=["free"])
    with pytest.raises(PaymentMethodRefused):
        check_payment_method(method, 1500, strict, VISITOR)
    check_payment_method(method, 1500, strict, STAFF)


def test_methods_without_a_provider_are_immediate():
    assert {"free", "on_site", "on_account"} == IMMEDIATE


def test_visitor_orders_online_and_staff_anywhere():
    check_channel("online", VISITOR)
    check_channel("desk", STAFF)
    for principal in (VISITOR, READER):
        with pytest.raises(Forbidden):
            check_channel("desk", principal)


def test_hold_lasts_as_long_as_the_establishment_says():
    assert hold_seconds(None, establishment(), VISITOR) == 900
    assert hold_seconds(3, establishment(), VISITOR) == 180
    assert hold_seconds(15, establishment(), VISITOR) == 900
    with pytest.raises(Invalid) as refused:
        hold_seconds(16, establishment(), VISITOR)
    assert [error.pointer for error in refused.value.errors] == ["#/hold_minutes"]
    assert hold_seconds(1440, establishment(), STAFF) == 86_400


def test_visitor_may_until_so_many_hours_before_the_visit():
    deadline = START - 24 * HOUR
    check_terms([ticket()], 24, deadline, VISITOR)
    with pytest.raises(TermsRefused):
        check_terms([ticket()], 24, deadline + timedelta(microseconds=1), VISITOR)
    check_terms([ticket()], 0, START, VISITOR)


def test_earliest_visit_counts():
    later = ticket(starts_at=START + 48 * HOUR)
    check_terms([later], 24, START, VISITOR)
    with pytest.raises(TermsRefused):
        check_terms([later, ticket()], 24, START - HOUR, VISITOR)


def test_establishment_that_takes_nothing_back_tells_its_visitors_only():
    with pytest.raises(TermsRefused):
        check_terms([ticket()], None, START - 1000 * HOUR, VISITOR)
    check_terms([ticket()], None, START, STAFF)


def test_order_token_is_a_visitors():
    with pytest.raises(TermsRefused):
        check_terms([ticket()], None, START, Principal(actor="order:1", order_id=uuid4()))


@pytest.mark.parametrize("change", [{"status": "cancelled"}, {"admitted_at": datetime(2026, 5, 1, 8, tzinfo=UTC)}])
def test_ticket_that_was_used_or_cancelled_cannot_change(change: dict[str, Any]):
    check_unused([ticket()])
    with pytest.raises(TicketUsed, match="number 7"):
        check_unused([ticket(), ticket(number=7, **change)])


@given(st.lists(st.integers(0, 10_000), max_size=8), st.integers(0, 50_000), st.integers(0, 50_000))
def test_refund_is_never_more_than_the_tickets_nor_than_the_rest(
    prices: list[int], amount_minor: int, refunded_minor: int
):
    cancelled = [ticket(price_minor=cents) for cents in prices]
    back = refundable(cancelled, amount_minor, refunded_minor)
    assert 0 <= back <= sum(prices)
    assert back <= max(0, amount_minor - refunded_minor)
    assert back in (sum(prices), max(0, amount_minor - refunded_minor))


def priced(*tariffs: Any) -> list[PricedLine]:  # noqa: ANN401 - tariffs
    return [PricedLine(SLOT, one, 1, one.price_minor, 0) for one in tariffs]


def test_child_needs_one_of_those_that_accompany_it():
    adult, senior = tariff(), tariff()
    child = tariff(eligibility={"accompanied_by": [str(adult.id), str(senior.id)]})
    check_companions(priced(child, senior))
    check_companions(priced(adult))
    check_companions(priced(tariff(eligibility={"accompanied_by": []})))
    with pytest.raises(Invalid) as refused:
        check_companions(priced(tariff(), child, child))
    assert [error.pointer for error in refused.value.errors] == ["#/lines/1/tariff_id", "#/lines/2/tariff_id"]
