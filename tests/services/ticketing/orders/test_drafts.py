"""From what a client asked to what the books take in."""

from datetime import timedelta
from uuid import UUID, uuid4

import msgspec
import pytest

from services.inventory.contract import PlaceLine
from services.kit.errors import Invalid
from services.kit.idempotency import IdempotencyKey
from services.ticketing.catalog.rules import PricedLine
from services.ticketing.orders.drafts import (
    confirmed_by,
    due_payment,
    new_order,
    order_lines,
    order_of_key,
    place_request,
)
from services.ticketing.orders.queries import Line, Order
from services.ticketing.orders.requests import Confirmation, Customer, LineInput, NewOrder
from tests.services.ticketing.catalog.test_rules import SLOT, START, slot, tariff

ADA = Customer(name="Ada Lovelace", email="Ada@Example.ORG", language="en")
GRACE = Customer(name="Grace Hopper", email="grace@example.org")
TENANT = uuid4()


def lines() -> list[Line]:
    full, family = tariff(price_minor=1500), tariff(price_minor=4001, admits=4, vat_rate_bp=550)
    return order_lines([PricedLine(SLOT, full, 2, 3000, 273), PricedLine(SLOT, family, 1, 4001, 209)])


def draft(customer: Customer | None = None) -> Order:
    new = NewOrder(lines=[LineInput(SLOT.id, uuid4(), 1)], customer=customer, channel="desk")
    return new_order(uuid4(), new, lines(), "EUR")


def test_lines_freeze_what_was_priced():
    first, second = lines()
    assert (first.position, second.position) == (0, 1)
    assert (first.unit_price_minor, first.total_minor, first.vat_minor, first.vat_rate_bp) == (1500, 3000, 273, 1000)
    assert (second.admits, second.quantity, second.slot_id) == (4, 1, SLOT.id)
    assert (first.valid_from, first.starts_at) == (START - timedelta(minutes=30), START)


def test_order_adds_its_lines_up_and_waits_for_its_hold():
    order = draft()
    assert (order.status, order.total_minor, order.channel, order.expires_at) == ("held", 7001, "desk", None)
    assert order.hold_id == order.id
    assert (order.customer_name, order.customer_email, order.payment_method) == ("", "", None)


def test_customer_is_kept_in_lower_case_for_the_search():
    order = draft(ADA)
    assert (order.customer_name, order.customer_email, order.language) == ("Ada Lovelace", "ada@example.org", "en")


def test_confirmation_names_the_customer_or_keeps_the_one_there_is():
    named = confirmed_by(draft(ADA), Confirmation(payment_method="on_site"))
    assert (named.customer_email, named.payment_method) == ("ada@example.org", "on_site")
    assert confirmed_by(draft(ADA), Confirmation("free", GRACE)).customer_name == "Grace Hopper"
    with pytest.raises(Invalid) as refused:
        confirmed_by(draft(), Confirmation(payment_method="free"))
    assert [error.pointer for error in refused.value.errors] == ["#/customer"]


def test_places_are_one_per_admission_and_lines_of_a_slot_count_together():
    elsewhere = msgspec.structs.replace(lines()[0], slot_id=slot().id, quantity=3)
    order_id, hold_id = uuid4(), uuid4()
    request = place_request(TENANT, order_id, hold_id, [*lines(), elsewhere], 600)
    assert request.lines == [PlaceLine(SLOT.id, 6), PlaceLine(elsewhere.slot_id, 3)]
    assert (request.owner_id, request.hold_id, request.expires_in_seconds) == (order_id, hold_id, 600)


@pytest.mark.parametrize("method", ["on_site", "on_account"])
def test_what_is_paid_later_is_due(method: str):
    order = msgspec.structs.replace(draft(), payment_method=method)
    payment = due_payment(order, START)
    assert payment is not None
    assert (payment.method, payment.status, payment.amount_minor, payment.refunded_minor) == (method, "due", 7001, 0)
    # The same step again writes the same payment.
    assert due_payment(order, START) == payment


@pytest.mark.parametrize(("method", "total_minor"), [("free", 0), ("stripe", 7001), ("on_site", 0), (None, 7001)])
def test_nothing_is_due_of_the_rest(method: str | None, total_minor: int):
    order = msgspec.structs.replace(draft(), payment_method=method, total_minor=total_minor)
    assert due_payment(order, START) is None


def test_key_makes_one_order_of_one_establishment():
    key = IdempotencyKey(scope="visitor", key="k", fingerprint=b"")
    other_body = msgspec.structs.replace(key, fingerprint=b"other")
    made: set[UUID] = {order_of_key(TENANT, one) for one in (key, key, other_body)}
    assert len(made) == 1
    assert order_of_key(uuid4(), key) not in made
