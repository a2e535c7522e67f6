from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from services.inventory.contract import FindSales, Hold, PlaceLine, SoldHold
from services.kit.database import ReadSession

FIND_HOLDS = """
SELECT holds.id, holds.owner_id, holds.state, holds.expires_at, hold_lines.slot_id, hold_lines.quantity
FROM inventory.holds
LEFT JOIN inventory.hold_lines ON hold_lines.establishment_id = $1 AND hold_lines.hold_id = holds.id
    AND hold_lines.quantity > 0
WHERE holds.establishment_id = $1 AND holds.id = ANY($2::uuid[])
ORDER BY holds.id, hold_lines.slot_id"""

FIND_ESTABLISHMENTS = "SELECT inventory.establishments_with_expired_holds() AS id"

FIND_SALES = """
SELECT id, owner_id, sold_at FROM inventory.holds
WHERE establishment_id = $1 AND state = 'sold' AND sold_at > $2 AND sold_at <= $3
ORDER BY sold_at LIMIT $4"""


async def establishments_with_expired_holds(session: ReadSession) -> list[UUID]:
    """Instance level: where holds wait to be swept."""
    return [row["id"] for row in await session.fetch(FIND_ESTABLISHMENTS)]


async def find_holds(session: ReadSession, establishment_id: UUID, ids: Iterable[UUID]) -> dict[UUID, Hold]:
    """Those that exist, by id, each with the places it still has. No ids, no round trip."""
    wanted = list(ids)
    if not wanted:
        return {}
    found: dict[UUID, Hold] = {}
    for row in await session.fetch(FIND_HOLDS, establishment_id, wanted):
        hold = found.setdefault(
            row["id"],
            Hold(id=row["id"], owner_id=row["owner_id"], state=row["state"], expires_at=row["expires_at"], lines=[]),
        )
        if row["slot_id"] is not None:
            hold.lines.append(PlaceLine(slot_id=row["slot_id"], quantity=row["quantity"]))
    return found


async def find_sales(session: ReadSession, query: FindSales) -> list[SoldHold]:
    rows = await session.fetch(FIND_SALES, query.establishment_id, query.sold_after, query.sold_before, query.limit)
    return [SoldHold(id=row["id"], owner_id=row["owner_id"], sold_at=row["sold_at"]) for row in rows]


async def database_time(session: ReadSession) -> datetime:
    """The one clock that decides about expiry."""
    now = (await session.fetch("SELECT clock_timestamp() AS now"))[0]["now"]
    assert isinstance(now, datetime)  # noqa: S101 - narrows the driver's untyped value
    return now
