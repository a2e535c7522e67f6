"""An order as the API shows it."""

from datetime import datetime
from uuid import UUID

import msgspec

from services.kit.money import Money
from services.ticketing.catalog.queries import Catalogue
from services.ticketing.orders.queries import Line, Order
from services.ticketing.tickets.queries import TicketView, ticket_views
from services.ticketing.tickets.signing import Keyring


class LineView(msgspec.Struct, frozen=True):
    slot_id: UUID
    offer_id: UUID
    tariff_id: UUID
    quantity: int
    unit_price: Money
    total: Money
    vat_rate_bp: int
    starts_at: datetime
    ends_at: datetime


class VatView(msgspec.Struct, frozen=True):
    """VAT included in `gross`, at `rate_bp` basis points; rounded per line."""

    rate_bp: int
    gross: Money
    vat: Money


class CustomerView(msgspec.Struct, frozen=True):
    name: str
    email: str
    language: str


class PaymentView(msgspec.Struct, frozen=True, omit_defaults=True):
    """`url` is where the visitor pays, while the payment is pending."""

    method: str
    status: str
    amount: Money
    refunded: Money
    url: str | None = None


class OrderView(msgspec.Struct, frozen=True):
    """`access_token` reaches the order without a key; it is shown to whoever made the order.

    `extended`: its hold cannot be extended again.
    """

    id: UUID
    reference: str
    status: str
    channel: str
    created_at: datetime
    expires_at: datetime | None
    confirmed_at: datetime | None
    customer: CustomerView | None
    lines: list[LineView]
    total: Money
    vat: list[VatView]
    payment: PaymentView | None
    tickets: list[TicketView]
    extended: bool
    access_token: str | msgspec.UnsetType = msgspec.UNSET


def order_view(
    order: Order, keyring: Keyring, catalogue: Catalogue, *, now: datetime, access_token: str | None = None
) -> OrderView:
    """`now` tells whether a hold is over that no sweeper has seen yet."""
    money = _Money(order.currency)
    waiting = order.status in ("held", "awaiting_payment")
    over = order.status == "held" and order.expires_at is not None and order.expires_at <= now
    return OrderView(
        id=order.id,
        reference=order.reference,
        status="expired" if over else order.status,
        channel=order.channel,
        created_at=order.created_at,
        expires_at=order.expires_at if waiting else None,
        confirmed_at=order.confirmed_at,
        customer=_customer(order),
        lines=[_line(line, money) for line in order.lines],
        total=money(order.total_minor),
        vat=_vat(order.lines, money),
        payment=_payment(order, money),
        tickets=ticket_views(order.tickets, keyring, catalogue, order.currency),
        extended=order.extended,
        access_token=access_token or msgspec.UNSET,
    )


class _Money:
    def __init__(self, currency: str) -> None:
        self._currency = currency

    def __call__(self, amount: int) -> Money:
        return Money(amount=amount, currency=self._currency)


def _customer(order: Order) -> CustomerView | None:
    if not order.customer_email:
        return None
    return CustomerView(name=order.customer_name, email=order.customer_email, language=order.language)


def _line(line: Line, money: _Money) -> LineView:
    return LineView(
        slot_id=line.slot_id,
        offer_id=line.offer_id,
        tariff_id=line.tariff_id,
        quantity=line.quantity,
        unit_price=money(line.unit_price_minor),
        total=money(line.total_minor),
        vat_rate_bp=line.vat_rate_bp,
        starts_at=line.starts_at,
        ends_at=line.ends_at,
    )


def _vat(lines: list[Line], money: _Money) -> list[VatView]:
    totals: dict[int, tuple[int, int]] = {}
    for line in lines:
        gross, vat = totals.get(line.vat_rate_bp, (0, 0))
        totals[line.vat_rate_bp] = (gross + line.total_minor, vat + line.vat_minor)
    return [VatView(rate, money(gross), money(vat)) for rate, (gross, vat) in sorted(totals.items())]


def _payment(order: Order, money: _Money) -> PaymentView | None:
    payment = order.payment
    if payment is None:
        return None
    return PaymentView(
        method=payment.method,
        status=payment.status,
        amount=money(payment.amount_minor),
        refunded=money(payment.refunded_minor),
        url=payment.url or None if payment.status == "pending" else None,
    )
