"""Orders on their way: from what a client asked to what the books take in. Pure."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from services.inventory.contract import PlaceHold, PlaceLine, Slot
from services.kit.errors import Invalid
from services.kit.idempotency import IdempotencyKey
from services.kit.ids import derived_id
from services.ticketing.catalog.rules import PricedLine, SlotFacts
from services.ticketing.orders.queries import Line, Order, Payment
from services.ticketing.orders.requests import Confirmation, Customer, NewOrder

# Filled in under the lock of the ledger, which has the database's clock.
UNDATED = datetime.min  # noqa: DTZ901 - never compared, never stored


def order_of_key(tenant: UUID, key: IdempotencyKey) -> UUID:
    """The order that this key makes: the same one however often it is sent."""
    return derived_id("order", tenant, key.hashed)


def slot_facts(slot: Slot) -> SlotFacts:
    return SlotFacts(
        id=slot.id,
        offer_id=slot.offer_id,
        starts_at=slot.starts_at,
        ends_at=slot.ends_at,
        valid_from=slot.valid_from,
        valid_until=slot.valid_until,
    )


def order_lines(priced: Sequence[PricedLine]) -> list[Line]:
    return [
        Line(
            position=position,
            slot_id=line.slot.id,
            offer_id=line.slot.offer_id,
            tariff_id=line.tariff.id,
            quantity=line.quantity,
            admits=line.tariff.admits,
            unit_price_minor=line.tariff.price_minor,
            vat_rate_bp=line.tariff.vat_rate_bp,
            total_minor=line.total_minor,
            vat_minor=line.vat_minor,
            starts_at=line.slot.starts_at,
            ends_at=line.slot.ends_at,
            valid_from=line.slot.valid_from,
            valid_until=line.slot.valid_until,
        )
        for position, line in enumerate(priced)
    ]


def new_order(order_id: UUID, new: NewOrder, lines: list[Line], currency: str) -> Order:
    """The order as asked; its end comes with its hold, its reference and its date with its posting.

    Its first hold goes by the order's own id.
    """
    order = Order(
        id=order_id,
        reference="",
        status="held",
        hold_id=order_id,
        channel=new.channel,
        customer_name="",
        customer_email="",
        language="fr",
        payment_method=None,
        currency=currency,
        total_minor=sum(line.total_minor for line in lines),
        extended=False,
        expires_at=None,
        created_at=UNDATED,
        confirmed_at=None,
        lines=lines,
    )
    return with_customer(order, new.customer)


def with_customer(order: Order, customer: Customer | None) -> Order:
    if customer is None:
        return order
    return msgspec.structs.replace(
        order,
        customer_name=customer.name,
        customer_email=customer.email.lower(),
        language=customer.language,
    )


def confirmed_by(order: Order, wanted: Confirmation) -> Order:
    """With the payment method and customer of its confirmation. Raises `Invalid` if nobody is named at all."""
    named = with_customer(order, wanted.customer)
    if not (named.customer_name and named.customer_email):
        raise Invalid.field("/customer", "Name and e-mail are needed to confirm.")
    return msgspec.structs.replace(named, payment_method=wanted.payment_method)


def place_request(
    tenant: UUID,
    order_id: UUID,
    hold_id: UUID,
    lines: Sequence[Line],
    expires_in_seconds: int | None,
) -> PlaceHold:
    """One place per admission; lines on the same slot count together."""
    places: dict[UUID, int] = {}
    for line in lines:
        places[line.slot_id] = places.get(line.slot_id, 0) + line.quantity * line.admits
    return PlaceHold(
        establishment_id=tenant,
        hold_id=hold_id,
        owner_id=order_id,
        lines=[PlaceLine(slot_id=slot_id, quantity=quantity) for slot_id, quantity in places.items()],
        expires_in_seconds=expires_in_seconds,
    )


def due_payment(order: Order, now: datetime) -> Payment | None:
    """What is to be paid at the desk or on account; nothing for a free order or one paid already."""
    if not order.total_minor or order.payment_method not in ("on_site", "on_account"):
        return None
    return Payment(
        id=derived_id("payment", order.id, "due"),
        order_id=order.id,
        method=order.payment_method,
        status="due",
        amount_minor=order.total_minor,
        refunded_minor=0,
        currency=order.currency,
        checkout_reference="",
        provider_reference="",
        url="",
        created_at=now,
    )
