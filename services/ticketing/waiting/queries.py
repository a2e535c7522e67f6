from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
import sqlalchemy as sa

from services.kit.database import ReadSession
from services.kit.errors import NotFound
from services.kit.rows import to_struct
from services.ticketing.orders.tables import orders
from services.ticketing.waiting.rules import Entry, Wish
from services.ticketing.waiting.tables import waiting_entries, waiting_rounds

FIND_LINES = "SELECT ticketing.establishments_with_lines() AS id"
IN_LINE = ("waiting", "offering")


class EntryFilter(msgspec.Struct, frozen=True):
    offer_id: UUID | None = None
    status: str | None = None
    after: tuple[datetime, UUID] | None = None


async def establishments_with_lines(session: ReadSession) -> list[UUID]:
    """Instance level: where somebody waits, or something is left to tidy up."""
    return [row["id"] for row in await session.fetch(FIND_LINES)]


async def find_entry(session: ReadSession, establishment_id: UUID, entry_id: UUID) -> Entry:
    """Raises `NotFound`."""
    row = await session.first(_entries(establishment_id).where(waiting_entries.c.id == entry_id))
    if row is None:
        raise NotFound
    return to_struct(row, Entry)


async def list_entries(session: ReadSession, establishment_id: UUID, wanted: EntryFilter, limit: int) -> list[Entry]:
    """In order of joining."""
    statement = _entries(establishment_id)
    if wanted.offer_id is not None:
        statement = statement.where(waiting_entries.c.offer_id == wanted.offer_id)
    if wanted.status is not None:
        shown = IN_LINE if wanted.status == "waiting" else (wanted.status,)
        statement = statement.where(waiting_entries.c.status.in_(shown))
    if wanted.after is not None:
        place = sa.tuple_(waiting_entries.c.joined_at, waiting_entries.c.id)
        statement = statement.where(place > sa.tuple_(*wanted.after))
    rows = await session.all(statement.order_by(waiting_entries.c.joined_at, waiting_entries.c.id).limit(limit))
    return [to_struct(row, Entry) for row in rows]


async def list_wishes(session: ReadSession, establishment_id: UUID) -> list[Wish]:
    """What people wait for: as many as there are lines, however long those are."""
    columns = waiting_entries.c
    target = (columns.target_id, columns.offer_id, columns.slot_id, columns.day)
    rows = await session.all(
        sa.select(*target, sa.func.min(columns.places).label("places"))
        .where(columns.establishment_id == establishment_id, columns.status.in_(IN_LINE))
        .group_by(*target)
    )
    return [to_struct(row, Wish) for row in rows]


async def front_of_lines(
    session: ReadSession,
    establishment_id: UUID,
    targets: Sequence[UUID],
    *,
    most: int,
    limit: int,
    behind: Entry | None = None,
) -> list[Entry]:
    """Who waits for one of these targets with a party of at most `most`, all lines together, first come first."""
    columns = waiting_entries.c
    statement = _entries(establishment_id).where(
        columns.target_id.in_(targets), columns.status.in_(IN_LINE), columns.places <= most
    )
    if behind is not None:
        statement = statement.where(sa.tuple_(columns.joined_at, columns.id) > sa.tuple_(behind.joined_at, behind.id))
    rows = await session.all(statement.order_by(columns.joined_at, columns.id).limit(limit))
    return [to_struct(row, Entry) for row in rows]


async def begun_offers(session: ReadSession, establishment_id: UUID) -> list[Entry]:
    """Offers that somebody began to make and may not have finished."""
    rows = await session.all(
        _entries(establishment_id)
        .where(waiting_entries.c.status == "offering")
        .order_by(waiting_entries.c.joined_at, waiting_entries.c.id)
    )
    return [to_struct(row, Entry) for row in rows]


async def orphaned_orders(session: ReadSession, establishment_id: UUID) -> list[UUID]:
    """Orders that hold places for somebody who is no longer in the line."""
    rows = await session.all(
        sa.select(orders.c.id)
        .join(
            waiting_entries,
            sa.and_(
                waiting_entries.c.establishment_id == orders.c.establishment_id,
                waiting_entries.c.order_id == orders.c.id,
            ),
        )
        .where(
            orders.c.establishment_id == establishment_id,
            waiting_entries.c.establishment_id == establishment_id,
            waiting_entries.c.status.in_(("left", "over")),
            orders.c.status.in_(("held", "awaiting_payment")),
        )
    )
    return [row.id for row in rows]


async def position_of(session: ReadSession, establishment_id: UUID, entry: Entry) -> int:
    """1 for the first. Whoever wants one slot also waits behind those who want any of its day, and the other way."""
    columns = waiting_entries.c
    competes = (columns.offer_id == entry.offer_id) & (columns.day == entry.day)
    if entry.slot_id is not None:
        competes &= (columns.slot_id == entry.slot_id) | columns.slot_id.is_(None)
    earlier: int = await session.scalar(
        sa.select(sa.func.count())
        .select_from(waiting_entries)
        .where(
            columns.establishment_id == establishment_id,
            columns.status.in_(IN_LINE),
            competes,
            sa.tuple_(columns.joined_at, columns.id) < sa.tuple_(entry.joined_at, entry.id),
        )
    )
    return earlier + 1


async def served_lately(session: ReadSession, establishment_id: UUID, *, within_seconds: int) -> bool:
    """Has a worker looked after the lines of this establishment?"""
    lately = sa.func.now() - sa.func.make_interval(0, 0, 0, 0, 0, 0, within_seconds)
    row = await session.first(
        sa.select(waiting_rounds.c.served_at).where(
            waiting_rounds.c.establishment_id == establishment_id, waiting_rounds.c.served_at > lately
        )
    )
    return row is not None


def _entries(establishment_id: UUID) -> sa.Select[tuple[object, ...]]:
    return sa.select(waiting_entries).where(waiting_entries.c.establishment_id == establishment_id)
