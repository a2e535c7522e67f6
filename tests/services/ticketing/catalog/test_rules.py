"""What may be bought and what it costs, without a database."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.errors import Invalid
from services.kit.money import vat_included
from services.ticketing.catalog.rules import (
    MAX_TICKETS_PER_ORDER,
    PricedLine,
    SlotFacts,
    Tariff,
    WantedLine,
    price,
    shares,
)

OFFER, OTHER_OFFER = uuid4(), uuid4()
START = datetime(2026, 5, 1, 8, 0, tzinfo=UTC)


def tariff(**changes: Any) -> Tariff:  # noqa: ANN401 - the fields of a Tariff
    """The full price of 15.00 with 10 % VAT, for one person."""
    full = Tariff(
        id=uuid4(),
        offer_id=OFFER,
        name={"fr": "Plein tarif"},
        price_minor=1500,
        currency="EUR",
        vat_rate_bp=1000,
        admits=1,
        eligibility={},
        min_per_order=None,
        max_per_order=None,
        channels=None,
        archived=False,
    )
    return msgspec.structs.replace(full, **changes)


def slot(offer_id: UUID = OFFER) -> SlotFacts:
    return SlotFacts(
        id=uuid4(),
        offer_id=offer_id,
        starts_at=START,
        ends_at=START + timedelta(hours=1),
        valid_from=START - timedelta(minutes=30),
        valid_until=START + timedelta(hours=1),
    )


SLOT = slot()


def priced(*wanted: tuple[Tariff, int], channel: str = "online", at: SlotFacts = SLOT) -> list[PricedLine]:
    lines = [WantedLine(at.id, one.id, quantity) for one, quantity in wanted]
    return price(lines, {at.id: at}, {one.id: one for one, _ in wanted}, channel, "EUR")


def faults(refused: pytest.ExceptionInfo[Invalid]) -> list[str]:
    return [error.pointer for error in refused.value.errors]


def test_line_costs_its_price_times_its_quantity_with_vat_inside():
    (line,) = priced((tariff(), 3))
    assert (line.total_minor, line.vat_minor, line.places) == (4500, 409, 3)


def test_family_tariff_takes_a_place_per_person():
    (line,) = priced((tariff(admits=4, price_minor=4000), 2))
    assert (line.total_minor, line.places) == (8000, 8)


def test_free_tariff_costs_nothing():
    (line,) = priced((tariff(price_minor=0), 5))
    assert (line.total_minor, line.vat_minor, line.places) == (0, 0, 5)


@given(st.lists(st.tuples(st.integers(0, 100_000), st.integers(0, 10_000), st.integers(1, 20)), min_size=1, max_size=5))
def test_vat_is_rounded_per_line_and_not_per_unit(wanted: list[tuple[int, int, int]]):
    lines = priced(*[(tariff(price_minor=cents, vat_rate_bp=rate), quantity) for cents, rate, quantity in wanted])
    assert [line.total_minor for line in lines] == [cents * quantity for cents, _, quantity in wanted]
    assert [line.vat_minor for line in lines] == [vat_included(c * quantity, rate) for c, rate, quantity in wanted]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"offer_id": OTHER_OFFER}, "tariff_id"),
        ({"archived": True}, "tariff_id"),
        ({"channels": ["desk"]}, "tariff_id"),
        ({"currency": "CHF"}, "tariff_id"),
        ({"max_per_order": 1}, "quantity"),
        ({"min_per_order": 3}, "quantity"),
    ],
)
def test_line_that_cannot_be_sold_is_pointed_at(change: dict[str, Any], field: str):
    with pytest.raises(Invalid) as refused:
        priced((tariff(), 2), (tariff(**change), 2))
    assert faults(refused) == [f"#/lines/1/{field}"]


def test_unknown_slot_and_tariff_are_pointed_at():
    known = tariff()
    lines = [WantedLine(uuid4(), known.id, 1), WantedLine(SLOT.id, uuid4(), 1)]
    with pytest.raises(Invalid) as refused:
        price(lines, {SLOT.id: SLOT}, {known.id: known}, "online", "EUR")
    assert faults(refused) == ["#/lines/0/slot_id", "#/lines/1/tariff_id"]


def test_limits_per_order_count_all_lines_of_a_tariff():
    limited, pair = tariff(max_per_order=3), tariff(min_per_order=2)
    with pytest.raises(Invalid) as refused:
        priced((limited, 2), (tariff(), 1), (limited, 2))
    assert faults(refused) == ["#/lines/0/quantity", "#/lines/2/quantity"]
    assert len(priced((limited, 1), (limited, 2), (pair, 1), (pair, 1))) == 4


def test_channel_that_is_named_may_sell():
    assert len(priced((tariff(channels=["desk", "online"]), 1), channel="desk")) == 1


def test_order_has_a_bounded_number_of_tickets():
    half = MAX_TICKETS_PER_ORDER // 2
    assert len(priced((tariff(), half), (tariff(admits=2), half // 2))) == 2
    with pytest.raises(Invalid) as refused:
        priced((tariff(), half), (tariff(admits=2), half // 2), (tariff(), 1))
    assert faults(refused) == ["#/lines"]


@given(st.integers(0, 100_000_000), st.integers(1, 50))
def test_shares_add_up_and_differ_by_a_cent_at_most(total_minor: int, parts: int):
    split = shares(total_minor, parts)
    assert len(split) == parts
    assert sum(split) == total_minor
    assert max(split) - min(split) <= 1
    assert split == sorted(split, reverse=True)


def test_shares_by_example():
    assert shares(1000, 3) == [334, 333, 333]
    assert shares(2, 3) == [1, 1, 0]
    assert shares(0, 2) == [0, 0]
