"""A shop with a line before it: places that are sold out, people who wait, and the worker that serves them."""

from typing import Any
from uuid import UUID, uuid4

import msgspec

from services.ticketing.orders.after_sales import AfterSales
from services.ticketing.orders.cashier import Cashier
from services.ticketing.orders.checkout import Checkout
from services.ticketing.orders.queries import Order
from services.ticketing.orders.requests import Cancellation
from services.ticketing.waiting.desk import WaitingDesk
from services.ticketing.waiting.jobs import WaitingJobs
from services.ticketing.waiting.requests import NewEntry, WaitingCustomer, WantedLine
from services.ticketing.waiting.views import EntryView
from tests.services.ticketing.shop import Shop

OFFERED = (
    "SELECT id FROM ticketing.waiting_entries WHERE establishment_id = $1 AND status = 'offered' ORDER BY offered_at"
)


class Lines:
    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.desk = WaitingDesk(shop.desk.checkout, shop.desk.after_sales)
        self.worker = self.another_worker()

    def another_worker(self) -> WaitingJobs:
        checkout = Checkout(self.shop.resources)
        return WaitingJobs(checkout, AfterSales(checkout, Cashier(checkout, self.shop.provider)))

    async def join(self, slot_id: UUID | None = None, quantity: int = 1, **fields: Any) -> EntryView:  # noqa: ANN401 - fields of a NewEntry
        answer = await self.desk.join(self.shop.visitor, self.wish(slot_id, quantity, **fields), None)
        assert answer.status == 201
        return msgspec.json.decode(answer.body, type=EntryView)

    def wish(self, slot_id: UUID | None = None, quantity: int = 1, **fields: Any) -> NewEntry:  # noqa: ANN401 - as above
        tariff = fields.pop("tariff_id", self.shop.free_id)
        email = fields.pop("email", f"{uuid4().hex}@example.org")
        return NewEntry(
            lines=[WantedLine(tariff, quantity)],
            customer=WaitingCustomer(email=email, name="Ada", language="en"),
            slot_id=slot_id,
            **fields,
        )

    async def serve(self) -> None:
        await self.worker.serve(self.shop.tenant)

    async def see(self, entry: EntryView) -> EntryView:
        assert isinstance(entry.token, str)
        return await self.desk.show(self.shop.visitor, entry.id, entry.token)

    async def states(self, *entries: EntryView) -> list[str]:
        return [(await self.see(entry)).status for entry in entries]

    async def order_of(self, entry: EntryView) -> Order:
        shown = await self.see(entry)
        assert shown.order is not None
        return await self.shop.read(shown.order.id)

    async def offered(self) -> list[UUID]:
        """Who was asked, in that order."""
        return [row["id"] for row in await self.shop.owner.fetch(OFFERED, self.shop.tenant)]

    async def sold_out(self, capacity: int = 4) -> tuple[UUID, list[Order]]:
        """A slot with one order per place."""
        slot = await self.shop.slot(capacity=capacity)
        return slot, [await self.shop.buy((slot, self.shop.free_id, 1)) for _ in range(capacity)]

    async def cancel(self, *orders: Order) -> None:
        for order in orders:
            await self.shop.desk.after_sales.cancel(self.shop.staff, await self.shop.read(order), Cancellation(), None)

    async def let_expire(self, entry: EntryView) -> Order:
        """Nobody answered the offer."""
        order = await self.order_of(entry)
        await self.shop.end_order(order)
        await self.shop.jobs._return_places(self.shop.tenant)
        return order
