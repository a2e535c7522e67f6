"""Fills an instance with establishments and tickets: rows go in by COPY, from two processes."""

import asyncio
import multiprocessing
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from multiprocessing.sharedctypes import Synchronized
from typing import Final, TypeAlias
from uuid import UUID

import asyncpg
import msgspec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bench.growth_rows import COLUMNS, TICKETS_PER_ORDER, House, Past, Rows
from parvis.migrate import owner_urls
from parvis.settings import Settings
from services.kit.event_chain import GENESIS
from services.kit.ids import new_id
from services.kit.sealing import Sealer
from services.ticketing.ledger.actions import Head
from services.ticketing.tickets.code import TicketPayload, new_signing_key, seal_signing_key, sign

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

PROCESSES: Final = 2
# Foreign keys are not looked up row by row (the rows are made together), and only the end of the filling is durable.
FAST = {"session_replication_role": "replica", "synchronous_commit": "off"}
FOUNDING_COLUMNS = {
    "ticketing.establishments": "id slug name country timezone currency languages payment_methods",
    "ticketing.venues": "establishment_id id name address timezone",
    "ticketing.gates": "establishment_id id venue_id name",
    "ticketing.ledger_heads": "establishment_id last_hash",
    "ticketing.signing_keys": "establishment_id key_id public_key sealed_private_key created_at",
    "ticketing.api_keys": "establishment_id id name scopes secret_hash",
    "ticketing.devices": "establishment_id id name gate_ids secret_hash",
    "inventory.timetables": "establishment_id version",
    "inventory.shared_gauges": "establishment_id id name capacity per",
    "inventory.closures": "establishment_id id closed_from closed_until reason",
}
ALL_COLUMNS = COLUMNS | FOUNDING_COLUMNS
MOVE_HEAD = """
UPDATE ticketing.ledger_heads SET last_sequence = $2, last_hash = $3, last_ticket_number = $4
WHERE establishment_id = $1"""
COMPARED = "INSERT INTO ticketing.reconciler_cursors (establishment_id, compared_until) VALUES ($1, $2)"
HEAD = "SELECT last_sequence, last_hash, last_ticket_number FROM ticketing.ledger_heads WHERE establishment_id = $1"

# In a filling process: what it tells the first one through.
_shared_counter: "list[Synchronized[int]]" = []


class Museum(msgspec.Struct, frozen=True):
    """The establishment that is measured, founded by whoever calls; it has sold nothing yet."""

    id: UUID
    venue_id: UUID
    gate_id: UUID


class Size(msgspec.Struct, frozen=True):
    """Half of the tickets are the museum's (all, if it is alone), the rest is shared evenly."""

    establishments: int
    tickets: int
    orders_for_today: int = 1_500
    keys: int = 0

    def houses(self, museum: Museum) -> list[House]:
        orders = self.tickets // TICKETS_PER_ORDER
        others = self.establishments - 1
        own = orders // 2 if others else orders
        first = House(0, museum.id, museum.venue_id, museum.gate_id, own, min(self.orders_for_today, own))
        rest = orders - own
        shares = [rest * (number + 1) // others - rest * number // others for number in range(others)]
        return [first, *(House(place, new_id(), new_id(), new_id(), share) for place, share in enumerate(shares, 1))]


async def fill(settings: Settings, size: Size, museum: Museum, advance: Callable[[int], None]) -> list[str]:
    """Fills and settles. `advance` is told of orders as they go in. Returns codes of tickets to be scanned today."""
    houses = size.houses(museum)
    # The museum's past is one chain, half of the work; the other process makes all the others.
    shares = [houses[:1], *(houses[1 + start :: PROCESSES * 4] for start in range(PROCESSES * 4))]
    context = multiprocessing.get_context("spawn")
    counter = context.Value("q", 0)
    with ProcessPoolExecutor(PROCESSES, context, initializer=_share_counter, initargs=(counter,)) as pool:
        loop = asyncio.get_running_loop()
        work = [loop.run_in_executor(pool, _fill_in_process, settings, share, size.keys) for share in shares if share]
        together = asyncio.gather(*work)
        done = 0
        while not together.done():
            await asyncio.wait([together], timeout=0.2)
            advance(counter.value - done)
            done = counter.value
        codes = (await together)[0]
    await settle(settings)
    return codes


async def fill_houses(
    settings: Settings, houses: Sequence[House], keys: int, advance: Callable[[int], None]
) -> list[str]:
    """The rows of these houses; number 0 is the museum, which is there already. Returns its codes for today."""
    sealer, now, codes = Sealer(settings.secret_bytes()), datetime.now(UTC), []
    async with _connections(settings) as connections:
        for house in houses:
            signing = new_signing_key()
            public = signing.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
            sealed = seal_signing_key(sealer, signing, house.id, 1)
            await _copy(connections, _founding_rows(house, (public, sealed)))
            head = await connections["ticketing"].fetchrow(HEAD, house.id)
            assert head is not None
            past = Past(house, Head(head["last_sequence"], head["last_hash"], head["last_ticket_number"], now), now)
            for rows in past.batches():
                await _copy(connections, rows)
                advance(len(rows.get("ticketing.orders", ())))
            if house.number == 0:
                await _copy(connections, past.keys(keys))
                codes = [sign(payload, signing) for payload in _payloads(house, past)]
            await connections["ticketing"].execute(MOVE_HEAD, house.id, *past.head.position())
            await connections["ticketing"].execute(COMPARED, house.id, now)
    return codes


async def settle(settings: Settings) -> None:
    """As an instance would be that has had time: vacuumed, with statistics, and nothing left to be written."""
    for url in set(owner_urls(settings).values()):
        connection = await asyncpg.connect(url)
        await connection.execute("VACUUM (FREEZE, ANALYZE)")
        await connection.execute("CHECKPOINT")
        await connection.close()


async def database_bytes(settings: Settings) -> int:
    sizes = []
    for url in sorted(set(owner_urls(settings).values())):
        connection = await asyncpg.connect(url)
        sizes.append(int(await connection.fetchval("SELECT pg_database_size(current_database())")))
        await connection.close()
    return sum(sizes)


def _share_counter(counter: "Synchronized[int]") -> None:
    _shared_counter.append(counter)


def _fill_in_process(settings: Settings, houses: Sequence[House], keys: int) -> list[str]:
    def advance(orders: int) -> None:
        counter = _shared_counter[0]
        with counter.get_lock():
            counter.value += orders

    return asyncio.run(fill_houses(settings, houses, keys, advance))


def _payloads(house: House, past: Past) -> Iterable[TicketPayload]:
    since, until = (int(moment.timestamp()) for moment in past.today)
    for ticket_id, slot_id, tariff_id in past.for_today:
        yield TicketPayload(
            key_id=1,
            establishment_id=house.id,
            ticket_id=UUID(ticket_id),
            slot_id=UUID(slot_id),
            tariff_id=UUID(tariff_id),
            valid_from_seconds=since,
            valid_until_seconds=until,
        )


def _founding_rows(house: House, key: tuple[bytes, bytes]) -> Rows:
    """What the museum has already it is not given again."""
    own, names = str(house.id), '{"fr": "Maison", "en": "House"}'
    public, sealed = (rf"\\x{part.hex()}" for part in key)
    rows = {
        "ticketing.signing_keys": f"{own}\t1\t{public}\t{sealed}\t2000-01-01",
        "inventory.shared_gauges": f"{own}\t{new_id()}\t{names}\t500\tday",
        "inventory.closures": f"{own}\t{new_id()}\t2000-01-01\t2000-01-02\t{{}}",
    }
    if house.number:
        rows |= {
            "ticketing.establishments": f"{own}\thouse-{house.number}\t{names}\tFR"
            "\tEurope/Paris\tEUR\t{fr,en}\t{free}",
            "ticketing.venues": f"{own}\t{house.venue_id}\t{names}\t\tEurope/Paris",
            "ticketing.gates": f"{own}\t{house.gate_id}\t{house.venue_id}\tGate",
            "ticketing.ledger_heads": rf"{own}" + "\t" + rf"\\x{GENESIS.hex()}",
            "ticketing.api_keys": f"{own}\t{new_id()}\tFirst\t{{admin}}\t{public}",
            "ticketing.devices": f"{own}\t{new_id()}\tScanner\t{{{house.gate_id}}}\t{public}",
            "inventory.timetables": f"{own}\t1",
        }
    return {table: [f"{values}\n"] for table, values in rows.items()}


@asynccontextmanager
async def _connections(settings: Settings) -> AsyncIterator[dict[str, Connection]]:
    opened = {schema: await asyncpg.connect(url, server_settings=FAST) for schema, url in owner_urls(settings).items()}
    try:
        yield opened
    finally:
        for connection in opened.values():
            await connection.close()


async def _copy(connections: dict[str, Connection], rows: Rows) -> None:
    async def source(lines: Sequence[str]) -> AsyncIterator[bytes]:
        for start in range(0, len(lines), 5_000):
            yield "".join(lines[start : start + 5_000]).encode()

    for table, lines in rows.items():
        schema, name = table.split(".")
        await connections[schema].copy_to_table(
            name, schema_name=schema, columns=ALL_COLUMNS[table].split(), source=source(lines)
        )
