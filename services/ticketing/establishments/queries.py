from datetime import date, datetime
from typing import Literal
from uuid import UUID

import msgspec
import sqlalchemy as sa

from services.kit.database import Database, ReadSession
from services.kit.errors import NotFound
from services.kit.recent import Recent
from services.kit.rows import to_struct
from services.ticketing.contract import EstablishmentCard
from services.ticketing.establishments.tables import establishments, presentations


class Establishment(msgspec.Struct, frozen=True):
    """All that the house needs to know of an establishment; names of fields as in its table."""

    id: UUID
    slug: str
    name: dict[str, str]
    country: str
    timezone: str
    currency: str
    languages: list[str]
    legal_name: str
    registration_number: str
    contact_email: str
    accent_colour: str
    payment_methods: list[str]
    stripe_account: str
    hold_minutes: int
    extension_minutes: int
    cancellation_hours_before: int | None
    exchange_hours_before: int | None
    wallet_until: datetime | None = None
    google_wallet: bool = False


class Profile(msgspec.Struct, frozen=True):
    """What everybody may see of an establishment.

    `wallet_until`: so long its tickets can be had as `.pkpass`. `google_wallet`: it chose to offer that service.
    """

    id: UUID
    slug: str
    name: dict[str, str]
    country: str
    timezone: str
    currency: str
    languages: list[str]
    legal_name: str
    contact_email: str
    accent_colour: str
    payment_methods: list[str]
    hold_minutes: int
    extension_minutes: int
    cancellation_hours_before: int | None
    exchange_hours_before: int | None
    wallet_until: datetime | None = None
    google_wallet: bool = False


class Accessibility(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What an audit of the shop found, as the declaration of RGAA 4 states it. Without an audit there is no claim."""

    status: Literal["not_audited", "non_compliant", "partially_compliant", "compliant"] = "not_audited"
    audited_on: date | None = None
    auditor: str = ""
    compliance_percent: int | None = None
    not_accessible: dict[str, str] = {}
    plan_url: str = ""


class Presentation(msgspec.Struct, frozen=True):
    """How the establishment shows itself to visitors. `logo` is a data: URI."""

    logo: str = ""
    about: dict[str, str] = {}
    opening_hours: dict[str, str] = {}
    access: dict[str, str] = {}
    terms: dict[str, str] = {}
    legal_notice: dict[str, str] = {}
    contact_phone: str = ""
    website: str = ""
    allowed_origins: list[str] = []
    accessibility: Accessibility = msgspec.field(default_factory=Accessibility)


def profile(establishment: Establishment) -> Profile:
    return msgspec.convert(establishment, Profile, from_attributes=True)


async def find_establishment(session: ReadSession, reference: str | UUID) -> Establishment | None:
    """By id or slug; the registry is readable by everybody."""
    try:
        wanted = establishments.c.id == UUID(str(reference))
    except ValueError:
        wanted = establishments.c.slug == reference
    row = await session.first(sa.select(establishments).where(wanted))
    return to_struct(row, Establishment) if row else None


async def find_presentation(session: ReadSession, establishment_id: UUID) -> Presentation:
    """An empty one as long as nothing was said."""
    row = await session.first(sa.select(presentations).where(presentations.c.establishment_id == establishment_id))
    return to_struct(row, Presentation) if row else Presentation()


async def list_establishments(session: ReadSession) -> list[EstablishmentCard]:
    rows = await session.all(sa.select(establishments).order_by(establishments.c.slug))
    return [to_struct(row, EstablishmentCard) for row in rows]


async def list_ids(session: ReadSession) -> list[UUID]:
    return [row.id for row in await session.all(sa.select(establishments.c.id).order_by(establishments.c.id))]


class Establishments(Recent[UUID, Establishment]):
    """Each establishment's own row, at most a second old. Raises `NotFound`."""

    def __init__(self, database: Database) -> None:
        async def load(establishment_id: UUID) -> Establishment:
            found = await database.read_instance(lambda session: find_establishment(session, establishment_id))
            if found is None:
                raise NotFound
            return found

        super().__init__(load, max_age_seconds=1)
