"""Where scanners get their entry pass: found in one short read, sealed outside of it."""

from datetime import datetime
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from services.inventory.contract import FindGauges, Gauge
from services.kit.database import ReadSession
from services.kit.errors import Forbidden, Invalid
from services.kit.principal import Principal
from services.kit.recent import Recent
from services.ticketing.entry.devices.queries import check_paired
from services.ticketing.entry.devices.rules import device_of
from services.ticketing.entry.passes.blobs import Blobs
from services.ticketing.entry.passes.parts import mark_of, static_parts
from services.ticketing.entry.passes.queries import (
    Found,
    KnownKeys,
    PassRow,
    find_changes,
    find_day,
    known_keys,
    last_sequence,
    people_inside,
    venue_of_gate,
)
from services.ticketing.entry.passes.rules import (
    LOAD_ANEW,
    Place,
    Position,
    place_of,
    read_cursor,
    read_day,
    write_cursor,
)
from services.ticketing.entry.passes.sealing import short_code_hash
from services.ticketing.entry.passes.views import EntryPass, PassGauge, PassTicket, StaticParts
from services.ticketing.orders.checkout import Resources

PARTS_MAX_AGE_SECONDS: Final = 1.0


class Asked(msgspec.Struct, frozen=True):
    """What a scanner asks for: no `date` is today at the gate, no `cursor` everything."""

    gate_id: UUID
    date: str | None = None
    cursor: str | None = None


class _Known(msgspec.Struct, frozen=True):
    """Remembered for a second. `gauges` are those that count who is inside."""

    keys: KnownKeys
    gauges: list[Gauge]


class _Seen(msgspec.Struct, frozen=True):
    """What one look at the database showed. `sent` is the mark of the parts that the scanner has."""

    place: Place
    sent: str | None
    found: Found
    inside: dict[UUID, int]


class PassDesk:
    def __init__(self, made: Resources) -> None:
        self._made = made
        self._known: Recent[UUID, _Known] = Recent(self._load_known, max_age_seconds=PARTS_MAX_AGE_SECONDS)
        self._blobs = Blobs()

    async def entry_pass(self, principal: Principal, asked: Asked) -> EntryPass:
        """Raises `Invalid` for an unknown gate, a date or cursor that cannot be, `Forbidden` for a scanner of other
        gates, `Unauthenticated` for one that was revoked.
        """
        if principal.gate_ids is not None and asked.gate_id not in principal.gate_ids:
            raise Forbidden("This scanner does not stand at that gate.")
        tenant, now = principal.tenant, self._made.clock.now()
        gauges = (await self._known.get(tenant)).gauges
        seen = await self._made.database.read(tenant, lambda session: _look(session, principal, asked, gauges, now))
        static = await self._static(seen.place)
        mark, found = mark_of(static), seen.found
        blobs = await self._blobs.of(await self._made.keyrings.get(tenant), found.tickets)
        used = {gauge_id for offer in static.offers for gauge_id in offer.gauge_ids}
        return EntryPass(
            cursor=write_cursor(msgspec.structs.replace(found.position, static=mark)),
            more=found.more,
            server_time=now,
            gauges=[
                PassGauge(gauge.id, gauge.name, gauge.capacity, seen.inside.get(gauge.id, 0))
                for gauge in gauges
                if gauge.id in used
            ],
            slots=found.slots,
            tickets=[_ticket(tenant, row, blob) for row, blob in zip(found.tickets, blobs, strict=True)],
            **(msgspec.structs.asdict(static) if seen.sent != mark else {}),
        )

    async def _load_known(self, tenant: UUID) -> _Known:
        # Makes the first key: a scanner without network must know it before the first ticket is sold.
        await self._made.keyrings.get(tenant)
        keys = await self._made.database.read(tenant, lambda session: known_keys(session, tenant))
        gauges = await self._made.inventory.find_gauges(FindGauges(tenant))
        return _Known(keys, [gauge for gauge in gauges if gauge.per == "inside"])

    async def _static(self, place: Place) -> StaticParts:
        tenant = place.establishment_id
        return static_parts(
            await self._made.establishments.get(tenant),
            await self._made.catalogues.get(tenant),
            (await self._known.get(tenant)).keys,
            venue_id=place.venue_id,
        )


async def _look(session: ReadSession, principal: Principal, asked: Asked, gauges: list[Gauge], now: datetime) -> _Seen:
    tenant = principal.tenant
    await check_paired(session, tenant, device_of(principal))
    place = await _place(session, tenant, asked, now)
    position = read_cursor(asked.cursor, place) if asked.cursor is not None else None
    found = await _find(session, place, position)
    inside = await people_inside(session, place, [gauge.id for gauge in gauges])
    return _Seen(place, position.static if position else None, found, inside)


async def _place(session: ReadSession, tenant: UUID, asked: Asked, now: datetime) -> Place:
    venue = await venue_of_gate(session, tenant, asked.gate_id)
    if venue is None:
        raise Invalid.field("/gate_id", "There is no such gate.")
    venue_id, timezone = venue
    day = read_day(asked.date) if asked.date is not None else now.astimezone(ZoneInfo(timezone)).date()
    return place_of(tenant, venue_id, timezone, day)


async def _find(session: ReadSession, place: Place, position: Position | None) -> Found:
    # Before the tickets: see the queries.
    last = await last_sequence(session, place.establishment_id)
    if position is None:
        return await find_day(session, place, Position(place.mark, "", last))
    if position.sequence > last:
        # The instance went back to a backup: what the scanner knows may never have happened.
        raise Invalid.field("/cursor", LOAD_ANEW)
    if not position.is_reading:
        return await find_changes(session, place, position)
    found = await find_day(session, place, position)
    # While it was read page by page, the first of them grew old.
    return found if found.more else msgspec.structs.replace(found, more=last > position.sequence)


def _ticket(tenant: UUID, row: PassRow, blob: str) -> PassTicket:
    return PassTicket(
        id=row.id,
        slot_id=row.slot_id,
        tariff_id=row.tariff_id,
        status=row.status,
        revision=row.revision,
        payment_due=row.payment_due,
        entries=row.entries,
        inside=row.inside,
        admitted_at=row.admitted_at,
        admitted_gate_id=row.admitted_gate_id,
        passed_at=row.passed_at,
        short_code_hash=short_code_hash(tenant, row.short_code),
        blob=blob,
    )
