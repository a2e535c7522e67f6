"""What a confirmed order becomes: its tickets and its event."""

from collections.abc import Sequence

import msgspec

from services.kit.ids import new_id
from services.ticketing.catalog.rules import shares
from services.ticketing.ledger.actions import Head, NewEvent
from services.ticketing.orders.drafts import UNDATED
from services.ticketing.orders.queries import Line, Order
from services.ticketing.tickets.code import new_short_code
from services.ticketing.tickets.queries import Ticket


def draft_tickets(order: Order, key_id: int) -> list[Ticket]:
    """One ticket per admission, without its number and date; a unit's price is split over its tickets."""
    return [
        _ticket(order, line, key_id, price)
        for line in order.lines
        for _ in range(line.quantity)
        for price in shares(line.unit_price_minor, line.admits)
    ]


def issued(drafts: Sequence[Ticket], head: Head) -> list[Ticket]:
    """With the next numbers of the series, which the locked head gives."""
    return [msgspec.structs.replace(draft, number=head.next_ticket_number(), issued_at=head.now) for draft in drafts]


def order_confirmed(order: Order) -> NewEvent:
    numbers = [ticket.number for ticket in order.tickets]
    payload = {
        "reference": order.reference,
        "channel": order.channel,
        "payment_method": order.payment_method,
        "currency": order.currency,
        "total_minor": order.total_minor,
        "lines": [
            {
                "slot_id": line.slot_id,
                "tariff_id": line.tariff_id,
                "quantity": line.quantity,
                "total_minor": line.total_minor,
                "vat_rate_bp": line.vat_rate_bp,
            }
            for line in order.lines
        ],
        "first_ticket": numbers[0],
        "last_ticket": numbers[-1],
    }
    return NewEvent("order.confirmed", f"order:{order.id}", payload)


def _ticket(order: Order, line: Line, key_id: int, price_minor: int) -> Ticket:
    return Ticket(
        id=new_id(),
        number=0,
        short_code=new_short_code(),
        status="valid",
        order_id=order.id,
        line_position=line.position,
        hold_id=order.hold_id,
        slot_id=line.slot_id,
        offer_id=line.offer_id,
        tariff_id=line.tariff_id,
        price_minor=price_minor,
        starts_at=line.starts_at,
        ends_at=line.ends_at,
        valid_from=line.valid_from,
        valid_until=line.valid_until,
        revision=0,
        key_id=key_id,
        issued_at=UNDATED,
    )
