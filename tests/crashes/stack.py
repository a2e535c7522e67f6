"""A process that can be made to die at any step of a purchase, and others that live on with its database."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID

import msgspec

from parvis.asgi import make_site
from parvis.settings import Settings
from services.inventory.contract import (
    ConfirmHold,
    ExtendHold,
    FindClosedSlots,
    FindGauges,
    FindPlaces,
    FindSales,
    FindSlots,
    Gauge,
    Hold,
    PlaceHold,
    ReturnPlaces,
    Schedule,
    Slot,
    SlotPlaces,
    SoldHold,
)
from services.inventory.in_process import InProcessInventory
from services.kit.database import Database, ReadSession, WriteSession
from services.ticketing.app import resources
from services.ticketing.orders.desk import OrderDesk
from services.ticketing.orders.jobs import OrderJobs
from services.ticketing.payments.provider import (
    Checkout,
    CheckoutState,
    Notification,
    PaymentProvider,
    RefundOrder,
    RefundResult,
    StartedCheckout,
)

T = TypeVar("T")


class ProcessDied(Exception):
    """Nothing after this step happened."""


class Fate:
    """Counts the steps of a purchase that reach outside the process, and ends it at the one chosen.

    Each step has two: before it took effect, and after it did but before anybody heard of it.
    """

    def __init__(self, dies_at: int | None = None) -> None:
        self.steps: list[str] = []
        self._dies_at = dies_at

    async def step(self, name: str, effect: Callable[[], Awaitable[T]]) -> T:
        self._pass(f"before {name}")
        result = await effect()
        self._pass(f"after {name}")
        return result

    @property
    def is_over(self) -> bool:
        return self._dies_at is not None and len(self.steps) > self._dies_at

    def _pass(self, name: str) -> None:
        # What died stays dead, whoever still calls.
        self.steps.append(name)
        if self.is_over:
            raise ProcessDied(name)


class MortalInventory:
    """Inventory as a process sees it that may die before or after each call."""

    def __init__(self, inventory: InProcessInventory, fate: Fate) -> None:
        self._inventory = inventory
        self._fate = fate

    async def put_schedule(self, schedule: Schedule) -> None:
        await self._inventory.put_schedule(schedule)

    async def find_slots(self, query: FindSlots) -> list[Slot]:
        return await self._inventory.find_slots(query)

    async def find_places(self, query: FindPlaces) -> list[SlotPlaces]:
        return await self._inventory.find_places(query)

    async def find_sales(self, query: FindSales) -> list[SoldHold]:
        return await self._inventory.find_sales(query)

    async def find_closed_slots(self, query: FindClosedSlots) -> list[UUID]:
        return await self._inventory.find_closed_slots(query)

    async def find_gauges(self, query: FindGauges) -> list[Gauge]:
        return await self._inventory.find_gauges(query)

    async def place_hold(self, request: PlaceHold) -> Hold:
        return await self._fate.step("place_hold", lambda: self._inventory.place_hold(request))

    async def extend_hold(self, request: ExtendHold) -> Hold:
        return await self._fate.step("extend_hold", lambda: self._inventory.extend_hold(request))

    async def confirm_hold(self, request: ConfirmHold) -> Hold:
        return await self._fate.step("confirm_hold", lambda: self._inventory.confirm_hold(request))

    async def return_places(self, request: ReturnPlaces) -> Hold:
        return await self._fate.step("return_places", lambda: self._inventory.return_places(request))


class MortalDatabase(Database):
    """Ticketing's database as a process sees it that may die before or after each transaction that writes."""

    def __init__(self, url: str, fate: Fate) -> None:
        super().__init__(url, pool_size=2)
        self._fate = fate

    async def write(self, establishment_id: UUID, action: Callable[[WriteSession], Awaitable[T]]) -> T:
        return await self._fate.step("write", lambda: super(MortalDatabase, self).write(establishment_id, action))

    async def read(self, establishment_id: UUID, query: Callable[[ReadSession], Awaitable[T]]) -> T:
        if self._fate.is_over:
            raise ProcessDied("read")
        return await super().read(establishment_id, query)


class MortalProvider:
    """A payment provider as a process sees it that may die before or after each call."""

    def __init__(self, provider: PaymentProvider, fate: Fate) -> None:
        self._provider = provider
        self._fate = fate

    async def start(self, checkout: Checkout) -> StartedCheckout:
        return await self._fate.step("start", lambda: self._provider.start(checkout))

    async def look_up(self, account: str, reference: str) -> CheckoutState:
        return await self._fate.step("look_up", lambda: self._provider.look_up(account, reference))

    async def expire(self, account: str, reference: str) -> CheckoutState:
        return await self._fate.step("expire", lambda: self._provider.expire(account, reference))

    async def refund(self, refund: RefundOrder) -> RefundResult:
        return await self._fate.step("refund", lambda: self._provider.refund(refund))

    def read_notification(self, body: bytes, signature: str, account: str) -> Notification | None:
        return self._provider.read_notification(body, signature, account)

    async def close(self) -> None:
        await self._provider.close()


class MovedClock:
    """The real one, moved."""

    def __init__(self, by: timedelta = timedelta(0)) -> None:
        self._by = by

    def now(self) -> datetime:
        return datetime.now(UTC) + self._by


class Stack(msgspec.Struct, frozen=True):
    """One process: its desk for visitors, its jobs, its end."""

    desk: OrderDesk
    jobs: OrderJobs
    inventory_database: Database


@asynccontextmanager
async def a_process(
    settings: Settings, provider: PaymentProvider, fate: Fate, *, clock_moved_by: timedelta = timedelta(0)
) -> AsyncIterator[Stack]:
    inventory_database = Database(settings.inventory_database_url, pool_size=2)
    inventory = InProcessInventory(inventory_database)
    database = MortalDatabase(settings.ticketing_database_url, fate)
    clock = MovedClock(clock_moved_by)
    made = resources(database, MortalInventory(inventory, fate), site=make_site(settings), clock=clock)
    mortal = MortalProvider(provider, fate)
    desk = OrderDesk(made, mortal)
    yield Stack(desk, OrderJobs(made, desk.cashier, mortal), inventory_database)
    await desk.close()
    await inventory.close()
    await database.close()
