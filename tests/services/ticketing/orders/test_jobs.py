"""What runs behind the orders: each job mends one kind of loss, may run again, and stops at nobody's trouble."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio

from parvis.embedded.servers import EmbeddedServers
from services.inventory.contract import FindSales, PlaceHold, PlaceLine, SoldHold
from services.inventory.in_process import InProcessInventory
from services.kit.database import Database
from services.kit.errors import Unavailable
from services.ticketing.orders.actions import return_later
from services.ticketing.orders.jobs import OrderJobs
from services.ticketing.orders.queries import Order
from services.ticketing.orders.requests import Cancellation
from services.ticketing.payments.provider import Checkout, CheckoutExpired, CheckoutState
from tests.conftest import Instance
from tests.services.conftest import cloned
from tests.services.ticketing.shop import Shop, key, order, page

AGE_PAYMENT = "UPDATE ticketing.payments SET created_at = created_at - $2::interval WHERE order_id = $1"
AGE_HOLD = "UPDATE inventory.holds SET sold_at = sold_at - interval '2 minutes' WHERE id = $1"


@pytest_asyncio.fixture(scope="module")
async def instance(servers: EmbeddedServers, template: str) -> AsyncIterator[Instance]:
    """The jobs go through every establishment that there is: not through those of other tests."""
    async with cloned(servers, template, "parvis_jobs") as instance:
        yield instance


@pytest_asyncio.fixture
async def other_shop(
    ticketing_database: Database, inventory: InProcessInventory, owner: asyncpg.Connection
) -> AsyncIterator[Shop]:
    shop = Shop(uuid4(), ticketing_database, inventory, owner)
    await shop.found()
    yield shop
    await shop.close()


async def overdue(shop: Shop, *, paying: bool = True) -> tuple[UUID, Order]:
    """An order for the one place of a slot, whose time is over."""
    slot = await shop.slot(capacity=1)
    lines = (slot, shop.full_id, 1)
    made = await shop.buy(lines, method="stripe") if paying else await shop.hold(lines)
    await shop.end_hold(made)
    await shop.owner.execute(
        "UPDATE ticketing.orders SET expires_at = now() - interval '1 minute' WHERE id = $1", made.id
    )
    return slot, made


async def test_order_whose_time_is_over_expires(shop: Shop):
    slot, held = await overdue(shop, paying=False)
    await shop.jobs.run_once()
    assert (await shop.read(held)).status == "expired"
    assert await shop.taken(slot) == (0, 0)
    assert await shop.events("order") == ["order.expired"]


async def test_order_that_still_lives_is_left_alone(shop: Shop):
    held = await shop.hold((await shop.slot(), shop.free_id, 1))
    await shop.jobs.run_once()
    assert (await shop.read(held)).status == "held"


async def test_confirmation_in_its_last_second_has_some_grace(shop: Shop):
    held = await shop.hold((await shop.slot(), shop.free_id, 1))
    await shop.owner.execute(
        "UPDATE ticketing.orders SET expires_at = now() - interval '2 seconds' WHERE id = $1", held.id
    )
    await shop.jobs.run_once()
    assert (await shop.read(held)).status == "held"
    shop.clock.advance(seconds=10)
    await shop.jobs.run_once()
    assert (await shop.read(held)).status == "expired"


async def test_expiry_closes_the_payment_page(shop: Shop):
    _, late = await overdue(shop)
    await shop.jobs.run_once()
    expired = await shop.read(late)
    assert (expired.status, [payment.status for payment in expired.payments]) == ("expired", ["expired"])
    with pytest.raises(AssertionError):
        await shop.pay(late)


async def test_expiry_finds_the_money_that_nobody_told_of(shop: Shop):
    slot, late = await overdue(shop)
    await shop.pay(late)
    await shop.jobs.run_once()
    assert (await shop.read(late)).status == "confirmed"
    assert await shop.taken(slot) == (0, 1)


async def test_provider_that_does_not_answer_delays_one_expiry_only(shop: Shop):
    _, unlucky = await overdue(shop)
    _, other = await overdue(shop)
    shop.provider.lose_next_answer()
    await shop.jobs._expire_orders(shop.tenant)
    assert sorted([(await shop.read(one)).status for one in (unlucky, other)]) == ["awaiting_payment", "expired"]
    await shop.jobs._expire_orders(shop.tenant)
    assert [(await shop.read(one)).status for one in (unlucky, other)] == ["expired", "expired"]


async def test_payment_of_which_no_notification_came_is_asked_for(shop: Shop):
    made = await shop.buy((await shop.slot(), shop.full_id, 1), method="stripe")
    await shop.pay(made)
    await shop.jobs.run_once()
    # A notification usually comes within seconds.
    assert (await shop.read(made)).status == "awaiting_payment"
    shop.clock.advance(seconds=30)
    await shop.jobs.run_once()
    assert (await shop.read(made)).status == "confirmed"


async def test_payment_whose_page_never_came_to_be_is_over_after_an_hour(shop: Shop):
    made = await shop.buy((await shop.slot(), shop.full_id, 1), method="stripe")
    # As if the process had died before the provider's answer was written down.
    await shop.owner.execute("UPDATE ticketing.payments SET checkout_reference = '' WHERE order_id = $1", made.id)
    await shop.owner.execute(AGE_PAYMENT, made.id, timedelta(minutes=50))
    await shop.jobs.run_once()
    assert [payment.status for payment in (await shop.read(made)).payments] == ["pending"]
    await shop.owner.execute(AGE_PAYMENT, made.id, timedelta(minutes=20))
    await shop.jobs.run_once()
    assert [payment.status for payment in (await shop.read(made)).payments] == ["expired"]


async def test_payment_is_asked_about_less_and_less_often(shop: Shop):
    made = await shop.buy((await shop.slot(), shop.full_id, 1), method="stripe")
    asked = asked_at(shop, made)
    # Rounds every three seconds for eleven minutes; its time is over after twenty.
    for _ in range(220):
        shop.clock.advance(seconds=3)
        await shop.jobs._ask_about_payments(shop.tenant)
    assert [round(age / 20) for age in asked] == [1, 2, 4, 8, 16, 32]
    # A worker that was just started knows nothing and asks at once.
    await OrderJobs(shop.resources, shop.desk.cashier, shop.provider).run_once()
    assert len(asked) == 7


async def test_overdue_order_with_a_debit_under_way_is_asked_about_less_and_less_often(shop: Shop):
    _, late = await overdue(shop)
    reference = page(late)
    asked = asked_at(shop, late)
    # The provider cannot close a page on which somebody is paying.
    shop.provider._end = lambda *_: None  # type: ignore[method-assign]  # a fake that is told what to do
    for _ in range(220):
        shop.clock.advance(seconds=3)
        await shop.jobs._expire_orders(shop.tenant)
    assert len(asked) < 10
    shop.provider._states[reference] = CheckoutExpired()
    shop.clock.advance(hours=1)
    await shop.jobs._expire_orders(shop.tenant)
    assert (await shop.read(late)).status == "expired"


def asked_at(shop: Shop, made: Order) -> list[float]:
    """Age of the payment in seconds at each question to the provider from now on."""
    ages: list[float] = []
    states, began = shop.provider._state, shop.clock.now()

    def counted(checkout: Checkout, reference: str) -> CheckoutState:
        if reference == page(made):
            ages.append((shop.clock.now() - began).total_seconds())
        return states(checkout, reference)

    shop.provider._state = counted  # type: ignore[method-assign]  # a fake that is watched
    return ages


async def test_money_that_was_known_before_the_process_died_buys_its_tickets(shop: Shop):
    made = await shop.buy((await shop.slot(), shop.full_id, 1), method="stripe")
    await shop.pay(made)
    shop.provider.deliveries.clear()
    await shop.owner.execute(
        "UPDATE ticketing.payments SET status = 'paid', paid_at = now(), provider_reference = $2 WHERE order_id = $1",
        made.id,
        f"pi_fake_{page(made)}",
    )
    await shop.jobs.run_once()
    assert (await shop.read(made)).status == "confirmed"
    waiting = "SELECT count(*) FROM ticketing.payments WHERE order_id = $1 AND settled_at IS NULL"
    assert await shop.owner.fetchval(waiting, made.id) == 0


async def test_payment_that_the_provider_does_not_know_holds_up_no_other(shop: Shop):
    unknown = await shop.buy((await shop.slot(), shop.full_id, 1), method="stripe")
    made = await shop.buy((await shop.slot(), shop.full_id, 1), method="stripe")
    await shop.pay(made)
    del shop.provider.checkouts[page(unknown)]
    shop.clock.advance(seconds=30)
    await shop.jobs.run_once()
    assert (await shop.read(made)).status == "confirmed"


async def test_refund_is_sent_once(shop: Shop):
    made = await shop.buy((await shop.slot(), shop.full_id, 2), method="stripe")
    await shop.pay(made)
    await shop.tell()
    await shop.desk.after_sales.cancel(shop.visitor, await shop.read(made), Cancellation(), None)
    # Taken by the provider, but its answer is lost.
    shop.provider.lose_next_answer()
    await shop.jobs.run_once()
    assert await shop.refunds() == [(3000, "waiting")]
    await shop.jobs.run_once()
    await shop.jobs.run_once()
    assert await shop.refunds() == [(3000, "sent")]
    assert sum(shop.provider.refunded_minor.values()) == 3000
    assert await shop.events("refund") == ["refund.started", "refund.sent"]


async def test_refund_waits_while_there_is_no_provider(shop: Shop):
    made = await shop.buy((await shop.slot(), shop.full_id, 1), method="stripe")
    await shop.pay(made)
    await shop.tell()
    await shop.desk.after_sales.cancel(shop.visitor, await shop.read(made), Cancellation(), None)
    # The operator took its key out of the environment.
    await OrderJobs(shop.resources, shop.desk.cashier, None).run_once()
    assert await shop.refunds() == [(1500, "waiting")]


async def test_places_of_an_unknown_hold_are_not_returned_for_ever(shop: Shop):
    await shop.database.write(
        shop.tenant, partial(return_later, establishment_id=shop.tenant, hold_id=uuid4(), lines=None)
    )
    slot, held = await overdue(shop, paying=False)
    await shop.jobs.run_once()
    assert (await shop.read(held)).status == "expired"
    assert await shop.taken(slot) == (0, 0)
    waiting = "SELECT count(*) FROM ticketing.place_returns WHERE establishment_id = $1 AND done_at IS NULL"
    assert await shop.owner.fetchval(waiting, shop.tenant) == 0


async def test_keys_are_forgotten_after_a_day(shop: Shop):
    slot = await shop.slot()
    for name in ("old", "new"):
        await shop.desk.create(shop.visitor, order((slot, shop.free_id, 1)), key(name))
    await shop.owner.execute(
        "UPDATE ticketing.idempotency_keys SET created_at = now() - interval '25 hours' WHERE key_hash = $1",
        key("old").hashed,
    )
    await shop.jobs.run_once()
    left = await shop.owner.fetch(
        "SELECT key_hash FROM ticketing.idempotency_keys WHERE establishment_id = $1", shop.tenant
    )
    assert [row["key_hash"] for row in left] == [key("new").hashed]


async def sale_without_tickets(shop: Shop, slot: UUID, *, order_id: UUID | None = None) -> UUID:
    """As a process leaves it that dies between the two services, two minutes ago."""
    hold = PlaceHold(shop.tenant, uuid4(), order_id or uuid4(), [PlaceLine(slot, 1)], expires_in_seconds=None)
    await shop.inventory.place_hold(hold)
    await shop.owner.execute(AGE_HOLD, hold.hold_id)
    return hold.hold_id


async def test_sale_that_got_no_tickets_is_undone(shop: Shop):
    slot = await shop.slot(capacity=3)
    bought = await shop.buy((slot, shop.free_id, 1))
    await shop.owner.execute(AGE_HOLD, bought.hold_id)
    await sale_without_tickets(shop, slot)
    assert await shop.taken(slot) == (0, 2)
    await shop.jobs.reconcile()
    assert await shop.taken(slot) == (0, 1)
    assert (await shop.read(bought)).status == "confirmed"
    await shop.jobs.reconcile()
    assert await shop.taken(slot) == (0, 1)


async def test_sale_of_this_minute_is_left_alone(shop: Shop):
    """Its tickets may be on their way."""
    slot = await shop.slot()
    hold = PlaceHold(shop.tenant, uuid4(), uuid4(), [PlaceLine(slot, 1)], expires_in_seconds=None)
    await shop.inventory.place_hold(hold)
    await shop.jobs.reconcile()
    assert await shop.taken(slot) == (0, 1)
    shop.clock.advance(minutes=2)
    await shop.jobs.reconcile()
    assert await shop.taken(slot) == (0, 0)


async def test_held_order_whose_confirmation_died_between_the_services_ends(shop: Shop):
    slot = await shop.slot()
    held = await shop.hold((slot, shop.free_id, 2))
    await shop.owner.execute(
        "UPDATE inventory.holds SET state = 'sold', sold_at = now() - interval '2 minutes', expires_at = NULL "
        "WHERE id = $1",
        held.hold_id,
    )
    await shop.owner.execute("UPDATE inventory.gauges SET held = 0, sold = 2 WHERE id = $1", slot)
    await shop.jobs.reconcile()
    assert (await shop.read(held)).status == "expired"
    assert await shop.taken(slot) == (0, 0)
    assert await shop.events("order") == ["order.expired"]


async def test_reconciler_goes_on_after_the_last_sale_that_it_saw(shop: Shop):
    slot = await shop.slot()
    await sale_without_tickets(shop, slot)
    sold_at = await shop.owner.fetchval("SELECT sold_at FROM inventory.holds WHERE establishment_id = $1", shop.tenant)
    await shop.jobs.reconcile()
    assert await compared_until(shop) == sold_at
    # Time alone moves nothing: a clock that is ahead must not hide the sales of the meantime.
    shop.clock.advance(minutes=10)
    await shop.jobs.reconcile()
    assert await compared_until(shop) == sold_at


async def compared_until(shop: Shop) -> datetime:
    found: datetime = await shop.owner.fetchval(
        "SELECT compared_until FROM ticketing.reconciler_cursors WHERE establishment_id = $1", shop.tenant
    )
    return found


class SulkingInventory(InProcessInventory):
    """Out of reach for one establishment."""

    def __init__(self, inventory: InProcessInventory, tenant: UUID) -> None:
        super().__init__(inventory._database)
        self._tenant = tenant

    async def find_sales(self, query: FindSales) -> list[SoldHold]:
        if query.establishment_id == self._tenant:
            raise Unavailable("Not for you.")
        return await super().find_sales(query)


@pytest.mark.parametrize("unlucky_is_first", [True, False])
async def test_trouble_of_one_establishment_does_not_stop_the_others(
    shop: Shop, other_shop: Shop, inventory: InProcessInventory, *, unlucky_is_first: bool
):
    unlucky, other = sorted((shop, other_shop), key=lambda one: one.tenant, reverse=not unlucky_is_first)
    slots = {one: await one.slot() for one in (unlucky, other)}
    for one, slot in slots.items():
        await sale_without_tickets(one, slot)
    sulking = Shop(unlucky.tenant, unlucky.database, SulkingInventory(inventory, unlucky.tenant), unlucky.owner)
    await sulking.jobs.reconcile()
    assert [await one.taken(slot) for one, slot in slots.items()] == [(0, 1), (0, 0)]
    await other.jobs.reconcile()
    assert [await one.taken(slot) for one, slot in slots.items()] == [(0, 0), (0, 0)]
    await sulking.close()


async def test_provider_trouble_of_one_establishment_does_not_stop_the_others(shop: Shop, other_shop: Shop):
    _, unlucky = await overdue(shop)
    _, other = await overdue(other_shop, paying=False)
    # This process's provider knows nothing of the first shop's page.
    await other_shop.jobs.run_once()
    assert (await shop.read(unlucky)).status == "awaiting_payment"
    assert (await other_shop.read(other)).status == "expired"
