"""What people do, written so that it may be done again from the beginning with the same keys."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias
from uuid import UUID, uuid4

import msgspec

from services.kit.idempotency import Answer, IdempotencyKey
from services.kit.principal import Principal
from services.ticketing.orders.queries import Order
from services.ticketing.orders.requests import Cancellation, Confirmation, Exchange
from services.ticketing.payments.provider import CheckoutPaid
from tests.crashes.stack import Stack
from tests.races.sale import CUSTOMER, FREE, Sale
from tests.services.ticketing.payments.fake import FakePaymentProvider

PLACES = 2
BY_CARD = Confirmation(payment_method="stripe", customer=CUSTOMER)


class Attempt(msgspec.Struct, frozen=True):
    """One visitor's wish. The keys are made from `seed`, the same each time it is tried."""

    sale: Sale
    provider: FakePaymentProvider
    seed: UUID = msgspec.field(default_factory=uuid4)

    @property
    def visitor(self) -> Principal:
        return Principal(establishment_id=self.sale.establishment_id, establishment_slug=self.sale.slug)

    @property
    def staff(self) -> Principal:
        return msgspec.structs.replace(self.visitor, actor="key:test", scopes=frozenset({"orders:write"}))

    def key(self, purpose: str) -> IdempotencyKey:
        return IdempotencyKey(scope="visitor", key=f"{purpose} {self.seed}", fingerprint=purpose.encode())


Purchase: TypeAlias = Callable[[Stack, Attempt], Awaitable[None]]


async def buy_in_one_call(stack: Stack, attempt: Attempt) -> None:
    sale = attempt.sale
    await stack.desk.create(attempt.visitor, sale.order((sale.slots[0], PLACES)), attempt.key("buy"))


async def buy_in_two_steps(stack: Stack, attempt: Attempt) -> None:
    sale = attempt.sale
    held = await stack.desk.create(
        attempt.visitor, sale.order((sale.slots[0], PLACES), confirm=None), attempt.key("hold")
    )
    order = await _order(stack, attempt, held)
    await stack.desk.confirm(attempt.visitor, order, FREE, attempt.key("confirm"))


async def buy_by_card(stack: Stack, attempt: Attempt) -> None:
    """From the order to the provider's notification, which comes as often as it is not taken."""
    sale = attempt.sale
    wanted = sale.order((sale.slots[0], PLACES), confirm=BY_CARD)
    order = await _order(stack, attempt, await stack.desk.create(attempt.visitor, wanted, attempt.key("card")))
    [payment] = order.payments
    if not isinstance(await attempt.provider.look_up("", payment.checkout_reference), CheckoutPaid):
        attempt.provider.pay(payment.checkout_reference)
    await stack.desk.cashier.settle(sale.establishment_id, payment.checkout_reference)


async def cancel_a_part(stack: Stack, attempt: Attempt) -> None:
    order = await _bought(stack, attempt)
    chosen = Cancellation(ticket_ids=[min(order.tickets, key=lambda ticket: ticket.number).id])
    await stack.desk.after_sales.cancel(attempt.staff, order, chosen, attempt.key("cancel"))


async def give_up(stack: Stack, attempt: Attempt) -> None:
    sale = attempt.sale
    held = await stack.desk.create(
        attempt.visitor, sale.order((sale.slots[0], PLACES), confirm=None), attempt.key("hold")
    )
    order = await _order(stack, attempt, held)
    await stack.desk.after_sales.cancel(attempt.staff, order, Cancellation(), attempt.key("cancel"))


async def exchange_a_part(stack: Stack, attempt: Attempt) -> None:
    order = await _bought(stack, attempt)
    first = min(order.tickets, key=lambda ticket: ticket.number)
    wanted = Exchange(ticket_ids=[first.id], slot_id=attempt.sale.slots[1])
    await stack.desk.after_sales.exchange(attempt.staff, order, wanted, attempt.key("exchange"))


async def _bought(stack: Stack, attempt: Attempt) -> Order:
    sale = attempt.sale
    bought = await stack.desk.create(attempt.visitor, sale.order((sale.slots[0], PLACES)), attempt.key("buy"))
    return await _order(stack, attempt, bought)


async def _order(stack: Stack, attempt: Attempt, answer: Answer) -> Order:
    order_id = UUID(msgspec.json.decode(answer.body)["id"])
    return await stack.desk.read(attempt.sale.establishment_id, order_id)
