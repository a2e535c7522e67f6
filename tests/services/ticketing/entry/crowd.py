"""Many tickets at once, and a day on which five scanners had no network."""

from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from uuid import UUID, uuid4

import asyncpg
import msgspec

from services.kit.principal import Principal
from services.ticketing.entry.requests import DecidedScan, DecidedUndo, Upload
from services.ticketing.tickets.code import new_short_code
from tests.services.ticketing.entry.conftest import SetClock, staff
from tests.services.ticketing.rows import Museum, SoldTicket, signed_code

INSERT_ORDERS = """
INSERT INTO ticketing.orders (establishment_id, id, reference, status, hold_id, channel, language, currency,
    total_minor, created_at, payment_method)
SELECT $1, new.id, 'CROWD' || new.number, 'confirmed', new.id, 'online', 'fr', 'EUR', 900, now(), 'free'
FROM unnest($2::uuid[], $3::int[]) AS new(id, number)"""
INSERT_TICKETS = """
INSERT INTO ticketing.tickets (establishment_id, id, number, short_code, status, order_id, line_position, hold_id,
    slot_id, offer_id, tariff_id, price_minor, starts_at, ends_at, valid_from, valid_until, revision, key_id, issued_at)
SELECT $1, new.id, new.number, new.short_code, 'valid', new.order_id, 0, new.order_id, $6, $7, $8, 900, $9, $10, $9,
    $10, 0, 1, now()
FROM unnest($2::uuid[], $3::int[], $4::text[], $5::uuid[]) AS new(id, number, short_code, order_id)"""
INSERT_DEVICE = """
INSERT INTO ticketing.devices (establishment_id, id, name, gate_ids, secret_hash) VALUES ($1, $2, $3, $4, '')"""
CLOCKS_OFF = [timedelta(minutes=minutes) for minutes in (-10, -5, 0, 5, 10)]
SCANS_PER_UPLOAD = 100

_numbers = count(1_000_000)


class Arriving(msgspec.Struct, frozen=True):
    """An upload, by a device whose clock is off by so much."""

    device: Principal
    clock_off: timedelta
    scans: list[DecidedScan]
    undos: list[DecidedUndo]

    def sent(self, now: datetime) -> Upload:
        return Upload(sent_at=now + self.clock_off, scans=self.scans, undos=self.undos)


class Day(msgspec.Struct):
    """`copies`: each scan of a ticket that was inside already, and the admission that had used it."""

    uploads: list[Arriving]
    scans: set[UUID]
    undone: set[UUID]
    copies: dict[UUID, UUID]


async def make_tickets(owner: asyncpg.Connection, museum: Museum, many: int) -> list[SoldTicket]:
    """Each of an order of its own; valid since two hours and for two more."""
    now = datetime.now(UTC).replace(microsecond=0)
    valid_from, valid_until, slot_id = now - timedelta(hours=2), now + timedelta(hours=2), uuid4()
    sold = [
        SoldTicket(
            id=uuid4(),
            number=next(_numbers),
            order_id=uuid4(),
            slot_id=slot_id,
            short_code=new_short_code(),
            code="",
            valid_from=valid_from,
            valid_until=valid_until,
        )
        for _ in range(many)
    ]
    orders, numbers = [ticket.order_id for ticket in sold], [ticket.number for ticket in sold]
    await owner.execute(INSERT_ORDERS, museum.establishment_id, orders, numbers)
    await owner.execute(
        INSERT_TICKETS,
        museum.establishment_id,
        [ticket.id for ticket in sold],
        numbers,
        [ticket.short_code for ticket in sold],
        orders,
        slot_id,
        museum.offer_id,
        museum.tariff_id,
        valid_from,
        valid_until,
    )
    return [msgspec.structs.replace(ticket, code=signed_code(museum, ticket)) for ticket in sold]


async def make_scanner(owner: asyncpg.Connection, museum: Museum, name: str) -> Principal:
    device_id, gates = uuid4(), [museum.gate_id, museum.second_gate_id]
    await owner.execute(INSERT_DEVICE, museum.establishment_id, device_id, name, gates)
    return staff(museum, *gates, actor=f"device:{device_id}")


async def make_day(owner: asyncpg.Connection, museum: Museum, clock: SetClock, *, tickets: int) -> Day:
    """One ticket in twenty comes a second time, at another scanner; one admission in fifty is taken back, and of half
    of these the ticket comes again.
    """
    random = Random(tickets)  # noqa: S311 - no secret
    devices = [await make_scanner(owner, museum, f"Scanner {number}") for number in range(len(CLOCKS_OFF))]
    by_device: list[list[DecidedScan]] = [[] for _ in devices]
    undos: list[list[DecidedUndo]] = [[] for _ in devices]
    day = Day([], set(), set(), {})

    def scanned(device: int, ticket: SoldTicket, at: datetime) -> DecidedScan:
        scan = admitted(ticket.code, (museum.gate_id, museum.second_gate_id)[device % 2], at + CLOCKS_OFF[device])
        by_device[device].append(scan)
        day.scans.add(scan.id)
        return scan

    for index, ticket in enumerate(await make_tickets(owner, museum, tickets)):
        device, at = index % len(devices), clock.now() - timedelta(seconds=random.randrange(60, 3600))
        own = scanned(device, ticket, at)
        taken_back = index % 50 == 7
        if taken_back:
            undo = DecidedUndo(id=uuid4(), reason="Wrong button", undone_at=clock.now(), scan_id=own.id)
            undos[device].append(undo)
            day.undone.add(own.id)
        if index % 20 == 3 or index % 100 == 7:
            # Some at the very same moment: then the smaller id was first.
            later = timedelta(seconds=random.choice([-40, 0, 40]))
            other = scanned((device + 1) % len(devices), ticket, at + later)
            first, copy = sorted([(at, own.id), (at + later, other.id)])
            if not taken_back:
                day.copies[copy[1]] = first[1]
    for device, scans in enumerate(by_device):
        chunks = [scans[start : start + SCANS_PER_UPLOAD] for start in range(0, len(scans), SCANS_PER_UPLOAD)]
        for number, chunk in enumerate(chunks):
            taken = undos[device][number :: len(chunks)]
            day.uploads += [Arriving(devices[device], CLOCKS_OFF[device], chunk, taken)] * 2
    return day


def admitted(code: str, gate_id: UUID, at: datetime) -> DecidedScan:
    return DecidedScan(id=uuid4(), code=code, gate_id=gate_id, scanned_at=at, outcome="admitted")
