from typing import Annotated, Literal
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import UNSET, UnsetType
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from services.kit.database import WriteSession, violates
from services.kit.errors import Conflict, Invalid
from services.kit.money import Currency
from services.kit.rows import changes
from services.kit.texts import Language, Texts
from services.kit.zones import ZoneName, checked_zone
from services.ticketing.establishments.queries import (
    Establishment,
    Presentation,
    find_establishment,
    find_presentation,
)
from services.ticketing.establishments.requests import PresentationChange
from services.ticketing.establishments.rules import check_accent, check_accessibility, check_logo, check_slug
from services.ticketing.establishments.tables import establishments, presentations
from services.ticketing.ledger.actions import NewEvent, append, open_ledger

PaymentMethod = Literal["free", "stripe", "on_site", "on_account"]
PaymentMethods = Annotated[list[PaymentMethod], msgspec.Meta(max_length=4)]
Slug = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])\Z", description="Stands in URLs", examples=["musee-exemple"]
    ),
]
Country = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{2}\Z", description="ISO 3166-1 alpha-2", examples=["FR"])]
Colour = Annotated[str, msgspec.Meta(pattern=r"^#[0-9a-fA-F]{6}\Z", examples=["#1d3557"])]
Email = Annotated[str, msgspec.Meta(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+\Z|^\Z", max_length=254)]
ShortText = Annotated[str, msgspec.Meta(max_length=200)]
Minutes = Annotated[int, msgspec.Meta(ge=1, le=120)]
Hours = Annotated[int, msgspec.Meta(ge=0, le=8760)]


class NewEstablishment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`payment_methods` are those that visitors may choose; `on_account` always needs a key."""

    slug: Slug
    name: Texts
    country: Country
    timezone: ZoneName
    currency: Currency
    languages: Annotated[list[Language], msgspec.Meta(min_length=1, max_length=10)]
    legal_name: ShortText = ""
    registration_number: ShortText = ""
    contact_email: Email = ""
    accent_colour: Colour = "#1d3557"
    payment_methods: PaymentMethods = msgspec.field(default_factory=lambda: ["free", "stripe", "on_site"])
    stripe_account: Annotated[str, msgspec.Meta(pattern=r"^(acct_[A-Za-z0-9]{1,60})?\Z")] = ""
    hold_minutes: Minutes = 15
    extension_minutes: Minutes = 10
    cancellation_hours_before: Hours | None = 24
    exchange_hours_before: Hours | None = 1


class EstablishmentChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Only the fields sent are changed."""

    name: Texts | UnsetType = UNSET
    languages: Annotated[list[Language], msgspec.Meta(min_length=1, max_length=10)] | UnsetType = UNSET
    legal_name: ShortText | UnsetType = UNSET
    registration_number: ShortText | UnsetType = UNSET
    contact_email: Email | UnsetType = UNSET
    accent_colour: Colour | UnsetType = UNSET
    payment_methods: PaymentMethods | UnsetType = UNSET
    stripe_account: Annotated[str, msgspec.Meta(pattern=r"^(acct_[A-Za-z0-9]{1,60})?\Z")] | UnsetType = UNSET
    hold_minutes: Minutes | UnsetType = UNSET
    extension_minutes: Minutes | UnsetType = UNSET
    cancellation_hours_before: Hours | None | UnsetType = UNSET
    exchange_hours_before: Hours | None | UnsetType = UNSET


async def create_establishment(session: WriteSession, establishment_id: UUID, new: NewEstablishment) -> Establishment:
    """In a transaction of the new establishment itself. Raises `Conflict` when the slug is taken, `Invalid`."""
    checked_zone(new.timezone)
    check_slug(new.slug)
    check_accent(new.accent_colour)
    values = msgspec.structs.asdict(new)
    try:
        await session.run(sa.insert(establishments).values(id=establishment_id, **values))
    except IntegrityError as error:
        if violates(error, "uq_establishments_slug"):
            raise Conflict(f"The slug {new.slug} is taken.") from None
        raise
    await open_ledger(session, establishment_id)
    await append(
        session,
        establishment_id,
        NewEvent("establishment.created", f"establishment:{establishment_id}", {"slug": new.slug}),
    )
    return Establishment(id=establishment_id, **values)


async def change_establishment(
    session: WriteSession, establishment_id: UUID, change: EstablishmentChange
) -> Establishment:
    values = changes(change)
    if not values:
        raise Invalid("Send at least one field to change.")
    if change.accent_colour is not UNSET:
        check_accent(change.accent_colour)
    await session.run(sa.update(establishments).where(establishments.c.id == establishment_id).values(**values))
    await append(
        session,
        establishment_id,
        NewEvent("establishment.changed", f"establishment:{establishment_id}", {"fields": sorted(values)}),
    )
    changed = await find_establishment(session, establishment_id)
    if changed is None:
        raise LookupError("The establishment of this transaction exists.")
    return changed


async def change_presentation(
    session: WriteSession, establishment_id: UUID, change: PresentationChange
) -> Presentation:
    """Raises `Invalid`."""
    values = changes(change)
    if not values:
        raise Invalid("Send at least one field to change.")
    if change.logo is not UNSET:
        check_logo(change.logo)
    if change.accessibility is not UNSET:
        check_accessibility(change.accessibility)
    known = msgspec.to_builtins(await find_presentation(session, establishment_id))
    changed = msgspec.convert({**known, **msgspec.to_builtins(values)}, Presentation)
    row = msgspec.to_builtins(changed)
    await session.run(
        insert(presentations)
        .values(establishment_id=establishment_id, **row)
        .on_conflict_do_update(index_elements=["establishment_id"], set_=row)
    )
    await append(
        session,
        establishment_id,
        NewEvent("presentation.changed", f"establishment:{establishment_id}", {"fields": sorted(values)}),
    )
    return changed
