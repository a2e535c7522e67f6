"""What the gateway may ask of ticketing: who somebody is, and which establishment a URL names."""

from typing import Protocol
from uuid import UUID

import msgspec

from services.kit.principal import Principal


class Authenticate(msgspec.Struct, frozen=True):
    """`establishment` is the slug or id of the URL, None on routes of the instance. `credential` is what came
    after `Bearer`, or the `token` of an order's link; None for a visitor.
    """

    establishment: str | None
    credential: str | None


class EstablishmentCard(msgspec.Struct, frozen=True):
    """What is public about an establishment, as the faces of the gateway show it."""

    id: UUID
    slug: str
    name: dict[str, str]
    timezone: str
    currency: str
    languages: list[str]


class Ticketing(Protocol):
    async def authenticate(self, request: Authenticate) -> Principal:
        """Raises `NotFound` for an unknown establishment and for another establishment's credential,
        `Unauthenticated` for a credential that is malformed, unknown, expired or revoked.
        """
        ...

    async def establishments(self) -> list[EstablishmentCard]:
        """All of them, by slug."""
        ...
