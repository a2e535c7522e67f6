"""Everything that can be asked of orders, in one place that routes and other faces are handed."""

from collections.abc import Callable
from uuid import UUID

import msgspec

from services.kit.errors import Invalid
from services.kit.idempotency import Answer, IdempotencyKey
from services.kit.principal import Principal
from services.ticketing.orders.after_sales import AfterSales
from services.ticketing.orders.cashier import Cashier
from services.ticketing.orders.checkout import Checkout, Resources
from services.ticketing.orders.drafts import order_of_key
from services.ticketing.orders.posting.actions import OrderSettled
from services.ticketing.orders.queries import Order
from services.ticketing.orders.requests import Confirmation, NewOrder
from services.ticketing.orders.rules import IMMEDIATE, PaymentMethodRefused
from services.ticketing.orders.views import OrderView
from services.ticketing.payments.provider import PaymentProvider


class OrderId(msgspec.Struct, frozen=True):
    """The one field of an answer that is read back."""

    id: UUID


class OrderDesk:
    def __init__(self, resources: Resources, provider: PaymentProvider | None) -> None:
        self.checkout = Checkout(resources)
        self.cashier = Cashier(self.checkout, provider)
        self.after_sales = AfterSales(self.checkout, self.cashier)
        self._once = resources.once

    async def create(self, principal: Principal, new: NewOrder, key: IdempotencyKey | None) -> Answer:
        """In one call or the first step of several. The same key again gets the first answer."""
        if key is None:
            return await self._create(principal, new, None)
        with self._once.running(principal.tenant, key):
            try:
                return await self._create(principal, new, key)
            except (Invalid, PaymentMethodRefused, OrderSettled):
                # Granted before: since then a tariff was archived, say, or another process answers the same request.
                given = await self._once.replayed(principal.tenant, key)
                if given is None:
                    raise
                return given

    async def confirm(
        self, principal: Principal, order: Order, wanted: Confirmation, key: IdempotencyKey | None
    ) -> Answer:
        if key and (given := await self._once.replayed(principal.tenant, key)):
            return given
        if wanted.payment_method in IMMEDIATE:
            # Whoever changes their mind at the payment page must not be able to pay there as well.
            if order.status == "awaiting_payment":
                if not await self.cashier.close_pages(principal.tenant, order):
                    raise PaymentMethodRefused("A payment of this order is under way: wait for its end.")
                order = await self.read(principal.tenant, order.id)
            return await self.checkout.confirm(principal, order, wanted, key)
        if key is None:
            return await self.cashier.pay(principal, order, wanted, None, status=200)
        with self._once.running(principal.tenant, key):
            return await self.cashier.pay(principal, order, wanted, key, status=200)

    async def read(self, tenant: UUID, order_id: UUID) -> Order:
        return await self.checkout.read(tenant, order_id)

    async def presenter(self, principal: Principal) -> Callable[[Order], OrderView]:
        return await self.checkout.presenter(principal)

    async def close(self) -> None:
        await self.checkout.close()

    async def _create(self, principal: Principal, new: NewOrder, key: IdempotencyKey | None) -> Answer:
        tenant, wanted = principal.tenant, new.confirm
        if wanted is None or wanted.payment_method in IMMEDIATE:
            return await self.checkout.create(principal, new, key)
        if key and (given := await self._once.replayed(tenant, key)):
            return given
        try:
            held = await self.checkout.create(principal, new, key)
            order_id = msgspec.json.decode(held.body, type=OrderId).id
        except OrderSettled:
            # The first try with this key made the order, but its payment page was never answered.
            if key is None:
                raise
            order_id = order_of_key(tenant, key)
        order = await self.read(tenant, order_id)
        return await self.cashier.pay(principal, order, wanted, key, status=201)
