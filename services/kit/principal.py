"""Who asks, for which establishment, with which rights. Made by the gateway, trusted by the services."""

from typing import Literal, TypeAlias
from uuid import UUID

import msgspec

Scope: TypeAlias = Literal[
    "operator", "admin", "catalog:write", "orders:read", "orders:write", "entry:scan", "entry:search", "reports:read"
]

# An establishment's admin may do everything in it; the operator of the instance may not look inside one.
IMPLIED: dict[str, frozenset[str]] = {
    "admin": frozenset({"catalog:write", "orders:read", "orders:write", "entry:scan", "entry:search", "reports:read"}),
    # Who may read whole orders may find a visitor of today by name.
    "orders:read": frozenset({"entry:search"}),
}


class Principal(msgspec.Struct, frozen=True, omit_defaults=True):
    """`actor` is `visitor`, `operator:<id>`, `key:<id>`, `device:<id>` or `order:<id>`; no personal data."""

    actor: str = "visitor"
    establishment_id: UUID | None = None
    establishment_slug: str = ""
    scopes: frozenset[str] = frozenset()
    order_id: UUID | None = None
    gate_ids: frozenset[UUID] | None = None

    def may(self, scope: str) -> bool:
        return any(scope == own or scope in IMPLIED.get(own, ()) for own in self.scopes)

    def names(self, establishment: str) -> bool:
        """Is this the establishment of the URL, by slug or id?"""
        return self.establishment_id is not None and establishment in (
            self.establishment_slug,
            str(self.establishment_id),
        )

    @property
    def tenant(self) -> UUID:
        """The establishment; a route that is reached without one is a mistake of wiring."""
        if self.establishment_id is None:
            raise LookupError("This principal belongs to no establishment.")
        return self.establishment_id


ANONYMOUS = Principal()
