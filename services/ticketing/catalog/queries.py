from collections.abc import Iterable
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import msgspec
import sqlalchemy as sa

from services.inventory.contract import OfferKind
from services.kit.database import Database, ReadSession
from services.kit.errors import NotFound
from services.kit.money import Money
from services.kit.recent import Recent
from services.kit.rows import to_struct
from services.ticketing.catalog.rules import Tariff
from services.ticketing.catalog.tables import gates, offers, tariffs, venues


class Gate(msgspec.Struct, frozen=True):
    id: UUID
    name: str


class Venue(msgspec.Struct, frozen=True):
    id: UUID
    name: dict[str, str]
    address: str
    timezone: str
    gates: list[Gate]


class Sales(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When an offer's slots are sold and entered.

    `closes_minutes_before` the start (timed) or the end (open); `late_entry_minutes` after the start, null: until
    the end; `early_entry_minutes` before the start.
    """

    opens_at: datetime | None = None
    closes_minutes_before: int = 0
    early_entry_minutes: int = 30
    late_entry_minutes: int | None = None


class EntryRules(msgspec.Struct, frozen=True):
    """How the tickets of an offer pass the gates.

    `entries` per ticket, null: a pass that enters as often as its holder likes. `re_entry`: who was scanned out comes
    back without using another entry. `rebook_late`: a visitor who is too late is moved to the slot of the moment, if
    a place is left. `gate_ids` empty: every gate of the venue.
    """

    entries: int | None = 1
    re_entry: bool = False
    rebook_late: bool = False
    gate_ids: list[UUID] = []


class Offer(msgspec.Struct, frozen=True):
    """`language` is what a guided tour is spoken in."""

    id: UUID
    name: dict[str, str]
    description: dict[str, str]
    venue_id: UUID
    kind: OfferKind
    gauge_ids: list[UUID]
    sales: Sales
    published: bool
    entry: EntryRules = msgspec.field(default_factory=EntryRules)
    language: str | None = None


class TariffCard(msgspec.Struct, frozen=True):
    """A tariff as the API shows it."""

    id: UUID
    offer_id: UUID
    name: dict[str, str]
    price: Money
    vat_rate_bp: int
    admits: int
    eligibility: dict[str, object]
    min_per_order: int | None
    max_per_order: int | None
    channels: list[str] | None
    archived: bool


class Catalogue(msgspec.Struct, frozen=True):
    """All that is needed to price and print; read whole, since an establishment has tens of offers, not thousands."""

    offers: dict[UUID, Offer]
    tariffs: dict[UUID, Tariff]
    venues: dict[UUID, Venue]


def tariff_card(tariff: Tariff) -> TariffCard:
    return TariffCard(
        id=tariff.id,
        offer_id=tariff.offer_id,
        name=tariff.name,
        price=Money(amount=tariff.price_minor, currency=tariff.currency),
        vat_rate_bp=tariff.vat_rate_bp,
        admits=tariff.admits,
        eligibility=tariff.eligibility,
        min_per_order=tariff.min_per_order,
        max_per_order=tariff.max_per_order,
        channels=tariff.channels,
        archived=tariff.archived,
    )


async def read_catalogue(session: ReadSession, establishment_id: UUID) -> Catalogue:
    """Three statements, whatever the number of offers."""
    found_venues = await find_venues(session, establishment_id)
    found_offers = await session.all(sa.select(offers).where(offers.c.establishment_id == establishment_id))
    found_tariffs = await session.all(sa.select(tariffs).where(tariffs.c.establishment_id == establishment_id))
    return Catalogue(
        offers={row.id: to_struct(row, Offer) for row in found_offers},
        tariffs={row.id: to_struct(row, Tariff) for row in found_tariffs},
        venues={venue.id: venue for venue in found_venues},
    )


async def find_venues(
    session: ReadSession, establishment_id: UUID, *, after: UUID | None = None, limit: int | None = None
) -> list[Venue]:
    """In order of id, each with its gates, in one statement."""
    wanted = sa.select(venues).where(venues.c.establishment_id == establishment_id).order_by(venues.c.id).limit(limit)
    if after is not None:
        wanted = wanted.where(venues.c.id > after)
    page = wanted.subquery()
    rows = await session.all(
        sa.select(page, gates.c.id.label("gate_id"), gates.c.name.label("gate_name"))
        .outerjoin(gates, (gates.c.establishment_id == establishment_id) & (gates.c.venue_id == page.c.id))
        .order_by(page.c.id, gates.c.id)
    )
    found: dict[UUID, Venue] = {}
    for row in rows:
        venue = found.setdefault(row.id, _venue(row))
        if row.gate_id is not None:
            venue.gates.append(Gate(id=row.gate_id, name=row.gate_name))
    return list(found.values())


async def find_venue(session: ReadSession, establishment_id: UUID, venue_id: UUID) -> Venue | None:
    row = await session.first(
        sa.select(venues).where(venues.c.establishment_id == establishment_id, venues.c.id == venue_id)
    )
    if row is None:
        return None
    found = await session.all(
        sa.select(gates)
        .where(gates.c.establishment_id == establishment_id, gates.c.venue_id == venue_id)
        .order_by(gates.c.id)
    )
    venue = _venue(row)
    venue.gates.extend(Gate(id=gate.id, name=gate.name) for gate in found)
    return venue


async def find_offer(
    session: ReadSession, establishment_id: UUID, offer_id: UUID, *, unpublished: bool = False
) -> Offer:
    """Raises `NotFound`, also for an offer that is not published unless `unpublished` may be seen."""
    row = await session.first(
        sa.select(offers).where(offers.c.establishment_id == establishment_id, offers.c.id == offer_id)
    )
    if row is None or not (row.published or unpublished):
        raise NotFound
    return to_struct(row, Offer)


async def list_offers(
    session: ReadSession, establishment_id: UUID, after: UUID | None, limit: int, *, unpublished: bool
) -> list[Offer]:
    statement = sa.select(offers).where(offers.c.establishment_id == establishment_id)
    if not unpublished:
        statement = statement.where(offers.c.published)
    if after is not None:
        statement = statement.where(offers.c.id > after)
    return [to_struct(row, Offer) for row in await session.all(statement.order_by(offers.c.id).limit(limit))]


async def list_tariffs(session: ReadSession, establishment_id: UUID, offer_id: UUID) -> list[Tariff]:
    rows = await session.all(
        sa.select(tariffs)
        .where(tariffs.c.establishment_id == establishment_id, tariffs.c.offer_id == offer_id)
        .order_by(tariffs.c.id)
    )
    return [to_struct(row, Tariff) for row in rows]


def _venue(row: sa.Row[Any]) -> Venue:
    return Venue(id=row.id, name=row.name, address=row.address, timezone=row.timezone, gates=[])


class Ticketed(Protocol):
    """What was sold."""

    @property
    def offer_id(self) -> UUID: ...
    @property
    def tariff_id(self) -> UUID: ...


class Catalogues(Recent[UUID, Catalogue]):
    """The catalogue of each establishment, at most a second old."""

    def __init__(self, database: Database) -> None:
        super().__init__(
            lambda establishment_id: database.read(
                establishment_id, lambda session: read_catalogue(session, establishment_id)
            ),
            max_age_seconds=1,
        )

    async def knowing(self, establishment_id: UUID, tickets: Iterable[Ticketed]) -> Catalogue:
        """One that has the offers and tariffs of these tickets: they may be younger than what is remembered."""
        catalogue = await self.get(establishment_id)
        if all(one.offer_id in catalogue.offers and one.tariff_id in catalogue.tariffs for one in tickets):
            return catalogue
        self.forget(establishment_id)
        return await self.get(establishment_id)
