from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import UNSET, UnsetType

from services.inventory.contract import OfferKind, Schedule
from services.kit.database import WriteSession
from services.kit.errors import Invalid, NotFound
from services.kit.ids import new_id
from services.kit.money import Money
from services.kit.rows import changes, to_struct
from services.kit.texts import Language, OptionalTexts, Texts
from services.kit.zones import ZoneName, checked_zone
from services.ticketing.catalog.queries import EntryRules, Offer, Sales, Venue, find_offer, find_venue
from services.ticketing.catalog.rules import Tariff
from services.ticketing.catalog.tables import gates, offers, tariffs, venues
from services.ticketing.ledger.actions import NewEvent, append

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Address = Annotated[str, msgspec.Meta(max_length=500)]
Channel = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_-]{0,30}\Z", examples=["online"])]
PerOrder = Annotated[int, msgspec.Meta(ge=1, le=500)]
Age = Annotated[int, msgspec.Meta(ge=0, le=130)]


class GateInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """With `id` an existing gate is renamed, without it a new one is made."""

    name: Name
    id: UUID | None = None


Gates = Annotated[list[GateInput | Name], msgspec.Meta(max_length=100, description="Gates, or just their names")]


class NewVenue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Texts
    timezone: ZoneName
    address: Address = ""
    gates: Gates = []


class VenueChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Texts | UnsetType = UNSET
    address: Address | UnsetType = UNSET
    gates: Gates | UnsetType = UNSET


class SalesInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    opens_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    closes_minutes_before: Annotated[int, msgspec.Meta(ge=-1440, le=525_600)] = 0
    early_entry_minutes: Annotated[int, msgspec.Meta(ge=0, le=1440)] = 30
    late_entry_minutes: Annotated[int, msgspec.Meta(ge=0, le=1440)] | None = None


class EntryInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    entries: Annotated[int, msgspec.Meta(ge=1, le=1000)] | None = 1
    re_entry: bool = False
    rebook_late: bool = False
    gate_ids: Annotated[list[UUID], msgspec.Meta(max_length=100)] = []


class NewOffer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Texts
    venue_id: UUID
    kind: OfferKind
    description: OptionalTexts = {}
    gauge_ids: Annotated[list[UUID], msgspec.Meta(max_length=10)] = []
    sales: SalesInput = SalesInput()
    entry: EntryInput = msgspec.field(default_factory=EntryInput)
    language: Language | None = None
    published: bool = False


class OfferChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Texts | UnsetType = UNSET
    description: OptionalTexts | UnsetType = UNSET
    gauge_ids: Annotated[list[UUID], msgspec.Meta(max_length=10)] | UnsetType = UNSET
    sales: SalesInput | UnsetType = UNSET
    entry: EntryInput | UnsetType = UNSET
    language: Language | None | UnsetType = UNSET
    published: bool | UnsetType = UNSET


class Eligibility(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Who is entitled to the tariff, as data. `accompanied_by` names the tariffs of which one must be bought too."""

    min_age: Age | None = None
    max_age: Age | None = None
    proof: Texts | None = None
    accompanied_by: Annotated[list[UUID], msgspec.Meta(max_length=20)] | None = None


class NewTariff(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`price` includes VAT at `vat_rate_bp` (basis points: 1000 = 10 %). `admits` people per unit bought."""

    name: Texts
    price: Money
    vat_rate_bp: Annotated[int, msgspec.Meta(ge=0, le=10_000)]
    admits: Annotated[int, msgspec.Meta(ge=1, le=50)] = 1
    eligibility: Eligibility = Eligibility()
    min_per_order: PerOrder | None = None
    max_per_order: PerOrder | None = None
    channels: Annotated[list[Channel], msgspec.Meta(min_length=1, max_length=20)] | None = None


class TariffChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sales made before keep their price. `archived` takes the tariff off sale."""

    name: Texts | UnsetType = UNSET
    price: Money | UnsetType = UNSET
    vat_rate_bp: Annotated[int, msgspec.Meta(ge=0, le=10_000)] | UnsetType = UNSET
    eligibility: Eligibility | UnsetType = UNSET
    min_per_order: PerOrder | None | UnsetType = UNSET
    max_per_order: PerOrder | None | UnsetType = UNSET
    channels: Annotated[list[Channel], msgspec.Meta(min_length=1, max_length=20)] | None | UnsetType = UNSET
    archived: bool | UnsetType = UNSET


async def create_venue(session: WriteSession, establishment_id: UUID, new: NewVenue) -> Venue:
    checked_zone(new.timezone)
    venue_id = new_id()
    await session.run(
        sa.insert(venues).values(
            establishment_id=establishment_id,
            id=venue_id,
            name=new.name,
            address=new.address,
            timezone=new.timezone,
        )
    )
    await _save_gates(session, establishment_id, venue_id, new.gates)
    await append(session, establishment_id, NewEvent("venue.created", f"venue:{venue_id}", {"name": new.name}))
    return await _venue(session, establishment_id, venue_id)


async def change_venue(session: WriteSession, establishment_id: UUID, venue_id: UUID, change: VenueChange) -> Venue:
    await _venue(session, establishment_id, venue_id)
    values = _something(changes(change))
    values.pop("gates", None)
    if values:
        await session.run(
            sa.update(venues)
            .where(venues.c.establishment_id == establishment_id, venues.c.id == venue_id)
            .values(**values)
        )
    if change.gates is not UNSET:
        await _save_gates(session, establishment_id, venue_id, change.gates)
    await append(session, establishment_id, NewEvent("venue.changed", f"venue:{venue_id}", {"fields": sorted(values)}))
    return await _venue(session, establishment_id, venue_id)


def schedule(establishment_id: UUID, offer: Offer, timezone: str) -> Schedule:
    """What inventory must know of an offer."""
    return Schedule(
        establishment_id=establishment_id,
        offer_id=offer.id,
        kind=offer.kind,
        timezone=timezone,
        gauge_ids=offer.gauge_ids,
        published=offer.published,
        **msgspec.structs.asdict(offer.sales),
    )


def new_offer(offer_id: UUID, new: NewOffer) -> Offer:
    return Offer(
        id=offer_id,
        name=new.name,
        description=new.description,
        venue_id=new.venue_id,
        kind=new.kind,
        gauge_ids=new.gauge_ids,
        sales=Sales(**msgspec.structs.asdict(new.sales)),
        published=new.published,
        entry=EntryRules(**msgspec.structs.asdict(new.entry)),
        language=new.language,
    )


def changed_offer(offer: Offer, change: OfferChange) -> Offer:
    values = _something(changes(change))
    if change.sales is not UNSET:
        values["sales"] = Sales(**msgspec.structs.asdict(change.sales))
    if change.entry is not UNSET:
        values["entry"] = EntryRules(**msgspec.structs.asdict(change.entry))
    return msgspec.structs.replace(offer, **values)


async def create_offer(session: WriteSession, establishment_id: UUID, offer: Offer) -> Offer:
    """Inventory knows the offer's schedule already: an offer is never on sale without one."""
    await _check_gates(session, establishment_id, offer)
    await session.run(sa.insert(offers).values(establishment_id=establishment_id, **_offer_values(offer)))
    payload = {"name": offer.name, "published": offer.published}
    await append(session, establishment_id, NewEvent("offer.created", f"offer:{offer.id}", payload))
    return offer


async def save_offer(session: WriteSession, establishment_id: UUID, offer: Offer) -> Offer:
    """Raises `NotFound` if it is gone."""
    await find_offer(session, establishment_id, offer.id, unpublished=True)
    await _check_gates(session, establishment_id, offer)
    await session.run(
        sa.update(offers)
        .where(offers.c.establishment_id == establishment_id, offers.c.id == offer.id)
        .values(**_offer_values(offer))
    )
    payload = {"name": offer.name, "published": offer.published}
    await append(session, establishment_id, NewEvent("offer.changed", f"offer:{offer.id}", payload))
    return offer


async def create_tariff(
    session: WriteSession, establishment_id: UUID, offer_id: UUID, new: NewTariff, currency: str
) -> Tariff:
    """Raises `NotFound` for an unknown offer, `Invalid` for another currency than the establishment's."""
    await find_offer(session, establishment_id, offer_id, unpublished=True)
    _check_tariff(new.price, new.min_per_order, new.max_per_order, currency)
    await _check_companions(session, establishment_id, offer_id, new.eligibility)
    tariff = Tariff(
        id=new_id(),
        offer_id=offer_id,
        name=new.name,
        price_minor=new.price.amount,
        currency=new.price.currency,
        vat_rate_bp=new.vat_rate_bp,
        admits=new.admits,
        eligibility=msgspec.to_builtins(new.eligibility),
        min_per_order=new.min_per_order,
        max_per_order=new.max_per_order,
        channels=new.channels,
        archived=False,
    )
    await session.run(sa.insert(tariffs).values(establishment_id=establishment_id, **msgspec.structs.asdict(tariff)))
    await append(session, establishment_id, NewEvent("tariff.created", f"tariff:{tariff.id}", _tariff_payload(tariff)))
    return tariff


async def change_tariff(
    session: WriteSession, establishment_id: UUID, offer_id: UUID, tariff_id: UUID, change: TariffChange
) -> Tariff:
    own = (
        tariffs.c.establishment_id == establishment_id,
        tariffs.c.offer_id == offer_id,
        tariffs.c.id == tariff_id,
    )
    row = await session.first(sa.select(tariffs).where(*own))
    if row is None:
        raise NotFound
    before = to_struct(row, Tariff)
    values = _something(changes(change))
    if isinstance(change.price, Money):
        values.pop("price")
        values["price_minor"] = change.price.amount
        _check_tariff(change.price, None, None, before.currency)
    if isinstance(change.eligibility, Eligibility):
        await _check_companions(session, establishment_id, offer_id, change.eligibility)
        values["eligibility"] = msgspec.to_builtins(change.eligibility)
    tariff = msgspec.structs.replace(before, **values)
    price = Money(amount=tariff.price_minor, currency=tariff.currency)
    _check_tariff(price, tariff.min_per_order, tariff.max_per_order, tariff.currency)
    await session.run(sa.update(tariffs).where(*own).values(**values))
    await append(session, establishment_id, NewEvent("tariff.changed", f"tariff:{tariff_id}", _tariff_payload(tariff)))
    return tariff


def _something(values: dict[str, object]) -> dict[str, object]:
    if not values:
        raise Invalid("Send at least one field to change.")
    return values


def _check_tariff(price: Money, at_least: int | None, at_most: int | None, currency: str) -> None:
    if price.currency != currency:
        raise Invalid.field("/price/currency", f"The establishment sells in {currency}.")
    if at_least is not None and at_most is not None and at_least > at_most:
        raise Invalid.field("/min_per_order", "This is more than max_per_order.")


async def _check_companions(
    session: WriteSession, establishment_id: UUID, offer_id: UUID, eligibility: Eligibility
) -> None:
    wanted = set(eligibility.accompanied_by or ())
    if (
        eligibility.min_age is not None
        and eligibility.max_age is not None
        and eligibility.min_age > eligibility.max_age
    ):
        raise Invalid.field("/eligibility/min_age", "This is more than max_age.")
    if not wanted:
        return
    known = await session.all(
        sa.select(tariffs.c.id).where(
            tariffs.c.establishment_id == establishment_id, tariffs.c.offer_id == offer_id, tariffs.c.id.in_(wanted)
        )
    )
    if len(known) != len(wanted):
        raise Invalid.field("/eligibility/accompanied_by", "At least one of these is no tariff of this offer.")


async def _check_gates(session: WriteSession, establishment_id: UUID, offer: Offer) -> None:
    wanted = set(offer.entry.gate_ids)
    if not wanted:
        return
    known = await session.all(
        sa.select(gates.c.id).where(
            gates.c.establishment_id == establishment_id, gates.c.venue_id == offer.venue_id, gates.c.id.in_(wanted)
        )
    )
    if len(known) != len(wanted):
        raise Invalid.field("/entry/gate_ids", "At least one of these is no gate of the venue.")


async def _venue(session: WriteSession, establishment_id: UUID, venue_id: UUID) -> Venue:
    venue = await find_venue(session, establishment_id, venue_id)
    if venue is None:
        raise NotFound
    return venue


async def _save_gates(
    session: WriteSession, establishment_id: UUID, venue_id: UUID, wanted: list[GateInput | str]
) -> None:
    for index, gate in enumerate(wanted):
        if isinstance(gate, GateInput) and gate.id is not None:
            renamed = await session.run(
                sa.update(gates)
                .where(
                    gates.c.establishment_id == establishment_id, gates.c.venue_id == venue_id, gates.c.id == gate.id
                )
                .values(name=gate.name)
            )
            if not renamed:
                raise Invalid.field(f"/gates/{index}/id", "There is no such gate at this venue.")
        else:
            name = gate.name if isinstance(gate, GateInput) else gate
            await session.run(
                sa.insert(gates).values(establishment_id=establishment_id, id=new_id(), venue_id=venue_id, name=name)
            )


def _offer_values(offer: Offer) -> dict[str, object]:
    sales, entry = msgspec.to_builtins(offer.sales), msgspec.to_builtins(offer.entry)
    return {**msgspec.structs.asdict(offer), "sales": sales, "entry": entry}


def _tariff_payload(tariff: Tariff) -> dict[str, object]:
    return {"name": tariff.name, "price_minor": tariff.price_minor, "vat_rate_bp": tariff.vat_rate_bp}
