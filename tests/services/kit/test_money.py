from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from math import floor

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.money import Money, vat_included

PRICES = st.integers(0, 100_000_000)
RATES = st.integers(0, 10_000)


@pytest.mark.parametrize(
    ("gross_minor", "rate_bp", "vat_minor"),
    [
        (1500, 1000, 136),  # 1.3636 → 1.36
        (900, 550, 47),  # 0.4691
        (1100, 1000, 100),
        (11, 1000, 1),
        (21, 2000, 4),  # 3.5 cents go up
        (0, 2000, 0),
        (100, 0, 0),
        (2, 10_000, 1),
        (1, 10_000, 1),  # half a cent goes up
    ],
)
def test_vat_included_by_example(gross_minor: int, rate_bp: int, vat_minor: int):
    assert vat_included(gross_minor, rate_bp) == vat_minor


@given(PRICES, RATES)
def test_vat_included_is_the_exact_fraction_rounded_half_up(gross_minor: int, rate_bp: int):
    exact = Fraction(gross_minor * rate_bp, 10_000 + rate_bp)
    assert vat_included(gross_minor, rate_bp) == floor(exact + Fraction(1, 2))


@given(PRICES, RATES)
def test_vat_included_agrees_with_commercial_rounding(gross_minor: int, rate_bp: int):
    exact = Decimal(gross_minor) * rate_bp / (10_000 + rate_bp)
    assert vat_included(gross_minor, rate_bp) == int(exact.quantize(Decimal(1), ROUND_HALF_UP))


@given(PRICES, RATES)
def test_vat_is_never_more_than_half_of_the_price(gross_minor: int, rate_bp: int):
    assert 0 <= vat_included(gross_minor, rate_bp) <= (gross_minor + 1) // 2


@pytest.mark.parametrize(
    "body",
    [
        b'{"amount": 15.0, "currency": "EUR"}',
        b'{"amount": -1, "currency": "EUR"}',
        b'{"amount": 100000001, "currency": "EUR"}',
        b'{"amount": 1500, "currency": "eur"}',
        b'{"amount": 1500, "currency": "EURO"}',
        b'{"amount": 1500, "currency": "EUR\\n"}',
        b'{"amount": "1500", "currency": "EUR"}',
        b'{"amount": 1500}',
        b'{"amount": 1500, "currency": "EUR", "cents": 1}',
    ],
)
def test_money_that_is_not_whole_minor_units_and_a_code_is_refused(body: bytes):
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(body, type=Money)


def test_money_reads_as_it_was_written():
    money = Money(amount=1500, currency="EUR")
    assert msgspec.json.encode(money) == b'{"amount":1500,"currency":"EUR"}'
    assert msgspec.json.decode(msgspec.json.encode(money), type=Money) == money
