from datetime import datetime
from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter, SkipValidation

from services.kit.clock import Clock
from services.kit.database import Database, ReadSession
from services.kit.principal import Principal
from services.kit.web import ESTABLISHMENT, needs
from services.ticketing.catalog.queries import Catalogues
from services.ticketing.entry.devices.queries import check_paired
from services.ticketing.entry.devices.rules import device_of
from services.ticketing.entry.passes.rules import place_of, read_day
from services.ticketing.entry.search.queries import FOUND_MAX, FoundTicket, search_tickets
from services.ticketing.entry.search.rules import search_reference, search_words
from services.ticketing.tickets.code import grouped

TextQuery = Annotated[
    str, QueryParameter(max_length=100, description="Letters of a name or of an order's reference, three at least")
]
DateQuery = Annotated[
    str | None, QueryParameter(max_length=30, description="A day by the venue's calendar; without it today")
]


class FoundSlot(msgspec.Struct, frozen=True):
    id: UUID
    starts_at: datetime
    ends_at: datetime


class FoundTariff(msgspec.Struct, frozen=True):
    """`proof` is what staff must ask to see, if anything."""

    id: UUID
    name: dict[str, str]
    proof: dict[str, str] | None


class FoundOffer(msgspec.Struct, frozen=True):
    id: UUID
    name: dict[str, str]
    language: str | None


class FoundVisitor(msgspec.Struct, frozen=True):
    """One ticket with who holds it. Scan its `short_code` to let them in."""

    ticket_id: UUID
    short_code: str
    name: str
    reference: str
    slot: FoundSlot
    tariff: FoundTariff
    offer: FoundOffer
    status: str
    admitted_at: datetime | None


class FoundVisitors(msgspec.Struct, frozen=True):
    """At most twenty: who finds more should type more."""

    items: list[FoundVisitor]


@get(f"{ESTABLISHMENT}/entry/search", **needs("entry:search"), summary="Who comes that day, by name or reference")
async def search_visitors(
    principal: NamedDependency[Principal],
    database: NamedDependency[Database],
    clock: NamedDependency[SkipValidation[Clock]],
    catalogues: NamedDependency[Catalogues],
    q: TextQuery,
    date: DateQuery = None,
) -> FoundVisitors:
    tenant, now = principal.tenant, clock.now()
    words, reference = search_words(q), search_reference(q)
    day = read_day(date) if date is not None else None
    own = principal.gate_ids
    # A scanner finds whom it could let in: those of its own venue.
    venues = [
        venue
        for venue in (await catalogues.get(tenant)).venues.values()
        if own is None or any(gate.id in own for gate in venue.gates)
    ]

    async def search(session: ReadSession) -> list[FoundTicket]:
        await check_paired(session, tenant, device_of(principal))
        found: list[FoundTicket] = []
        for venue in venues:
            wanted = day or now.astimezone(ZoneInfo(venue.timezone)).date()
            place = place_of(tenant, venue.id, venue.timezone, wanted)
            found += await search_tickets(session, place, words, reference)
        return found

    found = await database.read(tenant, search)
    first = sorted(found, key=lambda ticket: (ticket.starts_at, ticket.name))[:FOUND_MAX]
    return FoundVisitors([_visitor(ticket) for ticket in first])


def _visitor(found: FoundTicket) -> FoundVisitor:
    return FoundVisitor(
        ticket_id=found.ticket_id,
        short_code=grouped(found.short_code),
        name=found.name,
        reference=found.reference,
        slot=FoundSlot(found.slot_id, found.starts_at, found.ends_at),
        tariff=FoundTariff(found.tariff_id, found.tariff_name, found.proof),
        offer=FoundOffer(found.offer_id, found.offer_name, found.offer_language),
        status=found.status,
        admitted_at=found.admitted_at,
    )


handlers = [search_visitors]
