from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import pytest_asyncio

from services.inventory.in_process import InProcessInventory
from services.kit.database import Database
from tests.services.ticketing.shop import Shop


@pytest_asyncio.fixture
async def inventory(inventory_database: Database) -> AsyncIterator[InProcessInventory]:
    inventory = InProcessInventory(inventory_database)
    yield inventory
    await inventory.close()


@pytest_asyncio.fixture
async def shop(
    establishment_id: UUID, ticketing_database: Database, inventory: InProcessInventory, owner: asyncpg.Connection
) -> AsyncIterator[Shop]:
    """A museum that sells visits, with a fake payment provider."""
    shop = Shop(establishment_id, ticketing_database, inventory, owner)
    await shop.found()
    yield shop
    await shop.close()
