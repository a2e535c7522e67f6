"""A whole shop without HTTP: a museum founded through the actions, a real inventory, and a fake where the money is."""

from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec

from services.inventory.contract import Schedule
from services.inventory.in_process import InProcessInventory
from services.kit.database import Database
from services.kit.event_chain import broken_links
from services.kit.idempotency import Answer, IdempotencyKey
from services.kit.money import Money
from services.kit.principal import Principal
from services.ticketing.app import resources
from services.ticketing.catalog.actions import NewOffer, NewTariff, NewVenue, create_offer, create_tariff, create_venue
from services.ticketing.catalog.actions import new_offer as offer_of
from services.ticketing.establishments.actions import NewEstablishment, create_establishment
from services.ticketing.orders.desk import OrderDesk
from services.ticketing.orders.jobs import OrderJobs
from services.ticketing.orders.queries import Order
from services.ticketing.orders.requests import Confirmation, Customer, LineInput, NewOrder, PaymentMethod
from services.ticketing.payments.provider import CheckoutPaid
from services.ticketing.site import Site
from tests.services.inventory.rows import INSERT_GAUGE, INSERT_SLOT
from tests.services.ticketing.payments.fake import FakePaymentProvider
from tests.services.ticketing.rows import ledger

CLOSE_SLOT = """
INSERT INTO inventory.closures (establishment_id, id, closed_from, closed_until, reason)
SELECT $1, $2, starts_at + $4, starts_at + $4 + interval '1 minute', '{"fr": "Grève"}'
FROM inventory.slots WHERE establishment_id = $1 AND id = $3"""
ADA = Customer(name="Ada Lovelace", email="ada@example.org")
ACCOUNT = "acct_museum"
Owner = asyncpg.Connection


class SetClock:
    """Starts at the present, because the database's clock is the real one; moves when told."""

    def __init__(self) -> None:
        self.moment = datetime.now(UTC)

    def now(self) -> datetime:
        return self.moment

    def advance(self, **duration: float) -> None:
        self.moment += timedelta(**duration)


class Shop:
    """One establishment and one process that serves it."""

    def __init__(self, tenant: UUID, database: Database, inventory: InProcessInventory, owner: Owner) -> None:
        self.tenant = tenant
        self.slug = f"musee-{tenant.hex}"
        self.database = database
        self.inventory = inventory
        self.owner = owner
        self.clock = SetClock()
        self.provider = FakePaymentProvider()
        site = Site(public_url="http://127.0.0.1:9", secret=b"s" * 32, key_mode="test")
        self.resources = resources(database, inventory, site=site, clock=self.clock)
        self.desk = OrderDesk(self.resources, self.provider)
        self.jobs = OrderJobs(self.resources, self.desk.cashier, self.provider)
        self._moments = count()
        self.offer_id = uuid4()
        self.gate_id = self.full_id = self.free_id = self.family_id = UUID(int=0)
        self.visitor = Principal(establishment_id=tenant, establishment_slug=self.slug)
        self.staff = msgspec.structs.replace(self.visitor, actor="key:1", scopes=frozenset({"orders:write"}))

    async def found(self) -> None:
        """With a full tariff of 15.00, a free one, and a family's for three at 40.00."""
        await self._write(create_establishment, new=new_establishment(self.slug))
        venue = await self._write(
            create_venue, new=NewVenue(name={"fr": "Palais"}, timezone="Europe/Paris", gates=["Nord"])
        )
        self.gate_id = venue.gates[0].id
        offer = NewOffer(name={"fr": "Visite"}, venue_id=venue.id, kind="timed", published=True)
        schedule = Schedule(self.tenant, self.offer_id, "timed", "Europe/Paris", [], published=True)
        await self.inventory.put_schedule(schedule)
        await self._write(create_offer, offer=offer_of(self.offer_id, offer))
        self.full_id = await self.add_tariff("Plein tarif", 1500)
        self.free_id = await self.add_tariff("Gratuit", 0)
        self.family_id = await self.add_tariff("Famille", 4000, admits=3)

    async def add_tariff(self, name: str, price_minor: int, **terms: Any) -> UUID:  # noqa: ANN401 - fields of a NewTariff
        new = NewTariff(name={"fr": name}, price=Money(price_minor, "EUR"), vat_rate_bp=1000, **terms)
        tariff = await self._write(create_tariff, offer_id=self.offer_id, new=new, currency="EUR")
        return tariff.id  # type: ignore[no-any-return]  # an action of any kind

    async def slot(self, capacity: int = 10, *, starts_in: timedelta = timedelta(days=3)) -> UUID:
        # No two slots of an offer start at the same moment.
        slot_id, starts_at = uuid4(), datetime.now(UTC).replace(microsecond=next(self._moments)) + starts_in
        ends_at = starts_at + timedelta(hours=1)
        await self.owner.execute(INSERT_GAUGE, self.tenant, slot_id, capacity)
        await self.owner.execute(
            INSERT_SLOT, self.tenant, slot_id, self.offer_id, starts_at, ends_at, starts_at.date(), [slot_id]
        )
        return slot_id

    async def close_slots(self, *slot_ids: UUID, closed: timedelta = timedelta(0)) -> None:
        """As the establishment does: for the first minute of each of these slots, or as much later."""
        for slot_id in slot_ids:
            await self.owner.execute(CLOSE_SLOT, self.tenant, uuid4(), slot_id, closed)

    async def hold(self, *lines: tuple[UUID, UUID, int], **fields: Any) -> Order:  # noqa: ANN401 - fields of a NewOrder
        """Of a visitor; `lines` are slot, tariff and quantity."""
        return await self.order_in(await self.desk.create(self.visitor, order(*lines, **fields), None))

    async def buy(self, *lines: tuple[UUID, UUID, int], method: PaymentMethod = "free") -> Order:
        """In one call; with `stripe` it then waits for its payment."""
        confirm = Confirmation(payment_method=method, customer=ADA)
        return await self.hold(*lines, confirm=confirm)

    async def order_in(self, answer: Answer) -> Order:
        return await self.read(UUID(msgspec.json.decode(answer.body)["id"]))

    async def read(self, order: Order | UUID) -> Order:
        order_id = order if isinstance(order, UUID) else order.id
        return await self.desk.read(self.tenant, order_id)

    async def tell(self) -> None:
        """Every notification that the provider has sent so far arrives."""
        for news in self.news():
            await news

    def news(self) -> list[Awaitable[None]]:
        deliveries, self.provider.deliveries = self.provider.deliveries, []
        notified = self.desk.cashier.notified
        return [notified(self.tenant, delivery.body, delivery.signature) for delivery in deliveries]

    async def pay(self, order: Order) -> None:
        """At the provider's page; the shop does not know yet."""
        self.provider.pay(page(order))

    def force_paid(self, order: Order, amount_minor: int | None = None) -> None:
        """The provider takes the money after all, on a page that it had closed, or another amount than was asked."""
        checkout = self.provider.checkouts[page(order)]
        amount = checkout.amount_minor if amount_minor is None else amount_minor
        self.provider._states[page(order)] = CheckoutPaid(f"pi_{page(order)}", amount, checkout.currency)

    async def learn(self, order: Order) -> None:
        """As the job does, by asking."""
        await self.desk.cashier.settle(self.tenant, page(order))

    async def end_hold(self, order: Order) -> None:
        await self.owner.execute(
            "UPDATE inventory.holds SET expires_at = now() - interval '1 second' WHERE id = $1 AND state = 'held'",
            order.hold_id,
        )

    async def end_order(self, order: Order) -> None:
        """Its time is over, places and all, and its end was written down."""
        await self.end_hold(order)
        await self.owner.execute(
            "UPDATE ticketing.orders SET expires_at = now() - interval '1 minute' WHERE id = $1", order.id
        )
        await self.jobs._expire_orders(self.tenant)

    async def taken(self, slot_id: UUID) -> tuple[int, int]:
        """Places held and sold."""
        (row,) = await self.owner.fetch("SELECT held, sold FROM inventory.gauges WHERE id = $1", slot_id)
        return row["held"], row["sold"]

    async def refunds(self) -> list[tuple[int, str]]:
        """Amount and status of each, the oldest first."""
        rows = await self.owner.fetch(
            "SELECT amount_minor, status FROM ticketing.refunds WHERE establishment_id = $1 ORDER BY created_at, id",
            self.tenant,
        )
        return [(row["amount_minor"], row["status"]) for row in rows]

    async def events(self, prefix: str = "") -> list[str]:
        """Types of the events, in order; their chain holds."""
        events = await ledger(self.owner, self.tenant)
        assert broken_links(events) == []
        return [event.type for event in events if event.type.startswith(prefix)]

    async def numbers(self) -> list[int]:
        rows = await self.owner.fetch(
            "SELECT number FROM ticketing.tickets WHERE establishment_id = $1 ORDER BY number", self.tenant
        )
        return [row["number"] for row in rows]

    async def close(self) -> None:
        await self.desk.close()

    async def _write(self, action: Any, **arguments: Any) -> Any:  # noqa: ANN401 - an action of any kind
        return await self.database.write(self.tenant, partial(action, establishment_id=self.tenant, **arguments))


def order(*lines: tuple[UUID, UUID, int], **fields: Any) -> NewOrder:  # noqa: ANN401 - fields of a NewOrder
    return NewOrder(lines=[LineInput(slot, tariff, quantity) for slot, tariff, quantity in lines], **fields)


def page(order: Order) -> str:
    """The reference of the payment page that an order waits for."""
    assert order.payment is not None
    return order.payment.checkout_reference


def key(text: str = "first", body: bytes = b"body") -> IdempotencyKey:
    return IdempotencyKey(scope="visitor", key=text, fingerprint=body)


def new_establishment(slug: str, **fields: Any) -> NewEstablishment:  # noqa: ANN401 - fields of a NewEstablishment
    usual: dict[str, Any] = {
        "name": {"fr": "Musée"},
        "country": "FR",
        "timezone": "Europe/Paris",
        "currency": "EUR",
        "languages": ["fr"],
        "stripe_account": ACCOUNT,
    }
    return NewEstablishment(slug=slug, **usual | fields)
