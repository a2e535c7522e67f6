"""When a slot is sold and when it is entered: the one place that knows."""

from datetime import UTC, date, datetime, timedelta
from typing import Literal, TypeAlias
from uuid import UUID

import msgspec

from services.inventory.contract import OfferKind
from services.kit.ids import derived_id

# What slots draw on. Who is inside is counted at the gate, not at the sale.
SoldPer: TypeAlias = Literal["slot_start", "day", "total"]


def sales_end(kind: OfferKind, starts_at: datetime, ends_at: datetime, closes_minutes_before: int) -> datetime:
    """The first moment at which the slot is no longer sold."""
    # Whoever is late for a timed visit missed it; an open ticket is worth buying until the doors close.
    last = starts_at if kind == "timed" else ends_at
    return last - timedelta(minutes=closes_minutes_before)


class SaleTerms(msgspec.Struct, frozen=True, kw_only=True):
    """How an offer's slots are sold: columns of its schedule."""

    kind: OfferKind
    opens_at: datetime | None
    closes_minutes_before: int
    published: bool


def on_sale(terms: SaleTerms, starts_at: datetime, ends_at: datetime, now: datetime) -> bool:
    """May the slot be sold now, as far as its offer is concerned? Closures and capacity are the gauges' matter."""
    opened = terms.opens_at is None or terms.opens_at <= now
    end = sales_end(terms.kind, starts_at, ends_at, terms.closes_minutes_before)
    return terms.published and opened and now < end


def entry_window(
    kind: OfferKind, starts_at: datetime, ends_at: datetime, early_entry_minutes: int, late_entry_minutes: int | None
) -> tuple[datetime, datetime]:
    """From when until when a ticket for the slot opens the gate."""
    valid_from = starts_at - timedelta(minutes=early_entry_minutes)
    if kind == "open" or late_entry_minutes is None:
        return valid_from, ends_at
    return valid_from, starts_at + timedelta(minutes=late_entry_minutes)


def shared_row_id(gauge: UUID, per: SoldPer, starts_at: datetime, local_date: date) -> UUID:
    """The row of a shared gauge that a slot draws on: all slots of one start, of one day, or all there are."""
    # A start is named by its moment, so that two offers in different time zones meet on the same row.
    occasion = {"slot_start": starts_at.astimezone(UTC).isoformat(), "day": local_date.isoformat(), "total": ""}[per]
    return derived_id("shared gauge", gauge, per, occasion)
