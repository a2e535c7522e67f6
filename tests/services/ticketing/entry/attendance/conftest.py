"""A museum with three ways to be let in, two gauges that count who is inside, and a desk that counts it all."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest
import pytest_asyncio

from services.inventory.in_process import InProcessInventory
from services.kit.clock import Clock
from services.kit.database import Database
from services.kit.principal import Principal
from services.ticketing.catalog.queries import Catalogues
from services.ticketing.entry.attendance.desk import AttendanceDesk
from services.ticketing.entry.desk import EntryDesk
from services.ticketing.establishments.queries import Establishments
from tests.services.ticketing.rows import Museum

INSERT_KEY = """
INSERT INTO ticketing.api_keys (establishment_id, id, name, scopes, secret_hash)
VALUES ($1, $2, 'Reports', '{reports:read}', '')"""
INSERT_GAUGE = """
INSERT INTO inventory.shared_gauges (establishment_id, id, name, capacity, per) VALUES ($1, $2, $3, $4, 'inside')"""
SET_OFFER = "UPDATE ticketing.offers SET entry = $2, gauge_ids = $3 WHERE id = $1"
COPY_OFFER = """
INSERT INTO ticketing.offers (establishment_id, id, name, description, venue_id, kind, gauge_ids, sales, published)
SELECT establishment_id, $2, name, description, venue_id, kind, gauge_ids, sales, published
FROM ticketing.offers WHERE id = $1"""


class Rules(msgspec.Struct, frozen=True):
    entries: int | None
    re_entry: bool


class Building(msgspec.Struct, frozen=True):
    """`offers` of the museum's first venue; `gauges`, by the offers that use them."""

    museum: Museum
    offers: dict[UUID, Rules]
    gauges: dict[UUID, list[UUID]]


@pytest_asyncio.fixture
async def building(owner: asyncpg.Connection, museum: Museum) -> Building:
    rules = [Rules(1, False), Rules(1, True), Rules(None, False), Rules(3, True)]
    offers = {museum.offer_id: rules[0]} | {uuid4(): one for one in rules[1:]}
    gauges = {uuid4(): list(offers), uuid4(): list(offers)[2:]}
    for number, gauge_id in enumerate(gauges):
        await owner.execute(INSERT_GAUGE, museum.establishment_id, gauge_id, f'{{"fr": "Jauge {number}"}}', 100)
    for offer_id, rule in offers.items():
        if offer_id != museum.offer_id:
            await owner.execute(COPY_OFFER, museum.offer_id, offer_id)
        used = [gauge_id for gauge_id, users in gauges.items() if offer_id in users]
        await owner.execute(SET_OFFER, offer_id, msgspec.json.encode(rule).decode(), used)
    return Building(museum, offers, gauges)


@pytest_asyncio.fixture
async def gate(ticketing_database: Database, clock: Clock, inventory: InProcessInventory) -> AsyncIterator[EntryDesk]:
    """The desk that also counts who is inside."""
    desk = EntryDesk(ticketing_database, clock, inventory)
    yield desk
    await desk.close()


@pytest.fixture
def attendances(ticketing_database: Database, clock: Clock, inventory: InProcessInventory) -> AttendanceDesk:
    return attendance_desk(ticketing_database, clock, inventory)


@pytest_asyncio.fixture
async def reporter(owner: asyncpg.Connection, museum: Museum) -> Principal:
    """A key that reads reports."""
    key_id = uuid4()
    await owner.execute(INSERT_KEY, museum.establishment_id, key_id)
    return Principal(
        actor=f"key:{key_id}", establishment_id=museum.establishment_id, scopes=frozenset({"reports:read"})
    )


def attendance_desk(database: Database, clock: Clock, inventory: InProcessInventory) -> AttendanceDesk:
    return AttendanceDesk(
        database,
        inventory,
        clock=clock,
        establishments=Establishments(database),
        catalogues=Catalogues(database),
    )
