"""The verbs of a hold. Each locks its gauges in order of their ids before it touches a hold (docs/concurrency.md).

Statements are SQL text on the driver: they are the hottest of the house, each serves a whole batch, and each
names its establishment on every table.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from services.inventory.contract import (
    ConfirmHold,
    ExtendHold,
    Hold,
    HoldEnded,
    HoldMismatch,
    PlaceHold,
    PlaceLine,
    ReturnPlaces,
    UnknownHold,
)
from services.inventory.holds.queries import database_time, find_holds
from services.inventory.holds.rules import SlotState, demand, take
from services.inventory.slots.rules import SaleTerms, on_sale
from services.kit.database import WriteSession

EXPIRED_PER_SWEEP = 500

LOCK_SLOTS = """
SELECT slots.id AS slot_id, slots.starts_at, slots.ends_at,
       schedules.kind, schedules.opens_at, schedules.closes_minutes_before, schedules.published,
       gauges.id AS gauge_id, gauges.capacity - gauges.held - gauges.sold AS free, gauges.closed,
       clock_timestamp() AS now,
       ARRAY(SELECT holds.id FROM unnest($3::uuid[]) AS asked
             JOIN inventory.holds ON holds.establishment_id = $1 AND holds.id = asked) AS known_holds,
       EXISTS(SELECT FROM inventory.holds
              WHERE establishment_id = $1 AND state = 'held' AND expires_at <= now()) AS some_expired
FROM inventory.slots
JOIN inventory.schedules ON schedules.establishment_id = $1 AND schedules.offer_id = slots.offer_id
JOIN inventory.gauges ON gauges.establishment_id = $1 AND gauges.id = ANY(slots.gauge_ids)
WHERE slots.establishment_id = $1 AND slots.id = ANY($2::uuid[])
ORDER BY gauges.id
FOR UPDATE OF gauges"""

INSERT_HOLDS = """
WITH new_holds AS (
    INSERT INTO inventory.holds (establishment_id, id, owner_id, state, expires_at, sold_at)
    SELECT $1, new.* FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::timestamptz[], $6::timestamptz[]) AS new
    RETURNING id
), new_lines AS (
    INSERT INTO inventory.hold_lines (establishment_id, hold_id, slot_id, quantity)
    SELECT $1, new.* FROM unnest($7::uuid[], $8::uuid[], $9::int[]) AS new
    RETURNING hold_id
)
UPDATE inventory.gauges SET held = gauges.held + taken.held, sold = gauges.sold + taken.sold
FROM unnest($10::uuid[], $11::int[], $12::int[]) AS taken(id, held, sold)
WHERE gauges.establishment_id = $1 AND gauges.id = taken.id"""

LOCK_GAUGES_OF_HOLDS = """
SELECT hold_lines.hold_id, hold_lines.slot_id, hold_lines.quantity, clock_timestamp() AS now
FROM inventory.hold_lines
JOIN inventory.slots ON slots.establishment_id = $1 AND slots.id = hold_lines.slot_id
JOIN inventory.gauges ON gauges.establishment_id = $1 AND gauges.id = ANY(slots.gauge_ids)
WHERE hold_lines.establishment_id = $1 AND hold_lines.hold_id = ANY($2::uuid[])
ORDER BY gauges.id
FOR UPDATE OF gauges"""

_FREED = """
freed AS (
    SELECT gauge_id, sum(hold_lines.quantity)::int AS places
    FROM moved
    JOIN inventory.hold_lines ON hold_lines.establishment_id = $1 AND hold_lines.hold_id = moved.id
    JOIN inventory.slots ON slots.establishment_id = $1 AND slots.id = hold_lines.slot_id
    CROSS JOIN unnest(slots.gauge_ids) AS gauge_id
    GROUP BY gauge_id
)"""

CONFIRM_HOLDS = f"""
WITH moved AS (
    UPDATE inventory.holds SET state = 'sold', sold_at = $3, expires_at = NULL
    WHERE establishment_id = $1 AND id = ANY($2::uuid[]) AND state = 'held' AND expires_at > $3
    RETURNING id, owner_id
), {_FREED}, counted AS (
    UPDATE inventory.gauges SET held = gauges.held - freed.places, sold = gauges.sold + freed.places
    FROM freed WHERE gauges.establishment_id = $1 AND gauges.id = freed.gauge_id
    RETURNING gauges.id
)
SELECT id, owner_id FROM moved"""

EXPIRE_HOLDS = f"""
WITH moved AS (
    UPDATE inventory.holds SET state = 'expired'
    WHERE establishment_id = $1 AND id = ANY($2::uuid[]) AND state = 'held' AND expires_at <= $3
    RETURNING id
), {_FREED}, counted AS (
    UPDATE inventory.gauges SET held = gauges.held - freed.places
    FROM freed WHERE gauges.establishment_id = $1 AND gauges.id = freed.gauge_id
    RETURNING gauges.id
)
SELECT id FROM moved"""

FIND_EXPIRED = """
SELECT id FROM inventory.holds
WHERE establishment_id = $1 AND state = 'held' AND expires_at <= now()
ORDER BY expires_at LIMIT $2"""

# Also on other slots, where they share a gauge with those wanted. What it costs depends on the holds that are over
# and have not been swept yet, not on how many slots and sales there are.
FIND_EXPIRED_IN_THE_WAY = """
SELECT id FROM inventory.holds
WHERE establishment_id = $1 AND state = 'held' AND expires_at <= now()
  AND EXISTS (
    SELECT FROM inventory.hold_lines
    JOIN inventory.slots ON slots.establishment_id = $1 AND slots.id = hold_lines.slot_id
    WHERE hold_lines.establishment_id = $1 AND hold_lines.hold_id = holds.id
      AND slots.gauge_ids && ARRAY(
        SELECT unnest(gauge_ids) FROM inventory.slots WHERE establishment_id = $1 AND id = ANY($3::uuid[])))
ORDER BY expires_at LIMIT $2"""

EXTEND_HOLD = """
UPDATE inventory.holds SET expires_at = greatest(expires_at, $4)
WHERE establishment_id = $1 AND id = $2 AND state = 'held' AND expires_at > $3"""

REMEMBER_RETURN = """
INSERT INTO inventory.place_returns (establishment_id, id, hold_id) VALUES ($1, $2, $3)
ON CONFLICT DO NOTHING RETURNING id"""

RETURN_PLACES = """
WITH back AS (
    SELECT * FROM unnest($3::uuid[], $4::int[]) AS back(slot_id, quantity)
), lines AS (
    UPDATE inventory.hold_lines SET quantity = hold_lines.quantity - back.quantity
    FROM back
    WHERE hold_lines.establishment_id = $1 AND hold_lines.hold_id = $2 AND hold_lines.slot_id = back.slot_id
    RETURNING hold_lines.slot_id
), freed AS (
    SELECT gauge_id, sum(back.quantity)::int AS places
    FROM back
    JOIN inventory.slots ON slots.establishment_id = $1 AND slots.id = back.slot_id
    CROSS JOIN unnest(slots.gauge_ids) AS gauge_id
    GROUP BY gauge_id
), counted AS (
    UPDATE inventory.gauges
    SET held = gauges.held - CASE WHEN $5 THEN 0 ELSE freed.places END,
        sold = gauges.sold - CASE WHEN $5 THEN freed.places ELSE 0 END
    FROM freed WHERE gauges.establishment_id = $1 AND gauges.id = freed.gauge_id
    RETURNING gauges.id
)
UPDATE inventory.holds SET state = 'released' WHERE establishment_id = $1 AND id = $2 AND $6"""


class LockedSlots(msgspec.Struct, frozen=True):
    """What LOCK_SLOTS found: `free` is places left per gauge, `now` the database's clock under the lock."""

    slots: dict[UUID, SlotState]
    free: dict[UUID, int]
    known_holds: frozenset[UUID]
    some_expired: bool
    now: datetime


class Placed(msgspec.Struct, frozen=True):
    """`replies` in the order of the requests; `some_expired`: sweeping may free places for the refused ones."""

    replies: list[Hold | Exception]
    some_expired: bool


async def place_holds(
    session: WriteSession, establishment_id: UUID, requests: Sequence[PlaceHold], *, lock: str = LOCK_SLOTS
) -> Placed:
    """Holds (or sells) for a whole batch with three statements. `lock` is replaced by negative controls only."""
    locked = await _lock_slots(session, establishment_id, requests, lock)
    known = await find_holds(session, establishment_id, locked.known_holds)
    replies: list[Hold | Exception] = []
    accepted: dict[UUID, PlaceHold] = {}
    for request in requests:
        if request.hold_id in known:
            replies.append(_same(known[request.hold_id], request))
        elif request.hold_id in accepted:
            replies.append(_same(_hold(accepted[request.hold_id], locked.now), request))
        else:
            refusal = take(request, locked.slots, locked.free)
            if refusal is None:
                accepted[request.hold_id] = request
            replies.append(refusal or _hold(request, locked.now))
    if accepted:
        await _insert(session, establishment_id, list(accepted.values()), locked)
    return Placed(replies=replies, some_expired=locked.some_expired)


async def replace_hold(session: WriteSession, request: PlaceHold, replaced: UUID) -> Hold:
    """The new hold draws on the places of the one it replaces. Raises as `place_hold`; then nothing changed."""
    establishment_id = request.establishment_id
    old = (await find_holds(session, establishment_id, [replaced])).get(replaced)
    known = (await find_holds(session, establishment_id, [request.hold_id])).get(request.hold_id)
    if known is not None:
        reply = _same(known, request)
        if isinstance(reply, Exception):
            raise reply
        return reply
    if old is None or old.owner_id != request.owner_id:
        raise UnknownHold
    # Every gauge of both holds at once and in order: locking the second set later could deadlock.
    both = PlaceHold(
        establishment_id=establishment_id,
        hold_id=request.hold_id,
        owner_id=request.owner_id,
        lines=[*request.lines, *old.lines],
        expires_in_seconds=request.expires_in_seconds,
    )
    await _lock_slots(session, establishment_id, [both], LOCK_SLOTS)
    current = (await find_holds(session, establishment_id, [replaced]))[replaced]
    if current.state != "held" or (current.expires_at or datetime.min) <= await database_time(session):  # noqa: DTZ901 - held always has a moment
        raise HoldEnded
    await _give_back(session, establishment_id, current, current.lines)
    placed = await place_holds(session, establishment_id, [request])
    reply = placed.replies[0]
    if isinstance(reply, Exception):
        raise reply
    return reply


async def confirm_holds(
    session: WriteSession, establishment_id: UUID, requests: Sequence[ConfirmHold]
) -> list[Hold | Exception]:
    """Moves places from held to sold for a whole batch; a hold that is sold already stays so."""
    ids = [request.hold_id for request in requests]
    locked = await session.fetch(LOCK_GAUGES_OF_HOLDS, establishment_id, ids)
    moved = await session.fetch(CONFIRM_HOLDS, establishment_id, ids, locked[0]["now"]) if locked else []
    lines: dict[UUID, dict[UUID, int]] = {}
    for row in locked:
        lines.setdefault(row["hold_id"], {})[row["slot_id"]] = row["quantity"]
    confirmed = {
        row["id"]: Hold(
            id=row["id"], owner_id=row["owner_id"], state="sold", expires_at=None, lines=_lines(lines[row["id"]])
        )
        for row in moved
    }
    others = await find_holds(session, establishment_id, set(ids) - confirmed.keys())
    return [confirmed.get(hold_id) or _confirmed(others.get(hold_id)) for hold_id in ids]


async def extend_hold(session: WriteSession, request: ExtendHold) -> Hold:
    now = await database_time(session)
    until = now + timedelta(seconds=request.expires_in_seconds)
    await session.fetch(EXTEND_HOLD, request.establishment_id, request.hold_id, now, until)
    hold = (await find_holds(session, request.establishment_id, [request.hold_id])).get(request.hold_id)
    if hold is None:
        raise UnknownHold
    if hold.state != "held" or hold.expires_at is None or hold.expires_at <= now:
        raise HoldEnded
    return hold


async def return_places(session: WriteSession, request: ReturnPlaces) -> Hold:
    """Gives places back once per `return_id`; what expired or was released has nothing more to give."""
    establishment_id = request.establishment_id
    await session.fetch(LOCK_GAUGES_OF_HOLDS, establishment_id, [request.hold_id])
    hold = (await find_holds(session, establishment_id, [request.hold_id])).get(request.hold_id)
    if hold is None:
        raise UnknownHold
    fresh = await session.fetch(REMEMBER_RETURN, establishment_id, request.return_id, request.hold_id)
    if not fresh or hold.state not in ("held", "sold"):
        return hold
    return await _give_back(session, establishment_id, hold, request.lines or hold.lines)


async def expire_holds(
    session: WriteSession,
    establishment_id: UUID,
    limit: int = EXPIRED_PER_SWEEP,
    in_the_way_of: Sequence[PlaceHold] | None = None,
) -> int:
    """Ends holds whose time is over, at most `limit`; returns how many.

    `in_the_way_of`: only those whose places these requests could have instead.
    """
    if in_the_way_of is None:
        found = await session.fetch(FIND_EXPIRED, establishment_id, limit)
    else:
        slot_ids = list({line.slot_id for request in in_the_way_of for line in request.lines})
        found = await session.fetch(FIND_EXPIRED_IN_THE_WAY, establishment_id, limit, slot_ids)
    expired = [row["id"] for row in found]
    if not expired:
        return 0
    locked = await session.fetch(LOCK_GAUGES_OF_HOLDS, establishment_id, expired)
    now = locked[0]["now"] if locked else await database_time(session)
    return len(await session.fetch(EXPIRE_HOLDS, establishment_id, expired, now))


async def _lock_slots(
    session: WriteSession, establishment_id: UUID, requests: Sequence[PlaceHold], lock: str
) -> LockedSlots:
    slot_ids = list({line.slot_id for request in requests for line in request.lines})
    rows = await session.fetch(lock, establishment_id, slot_ids, [request.hold_id for request in requests])
    gauges: dict[UUID, list[UUID]] = {}
    closed = {row["slot_id"] for row in rows if row["closed"]}
    over: set[UUID] = set()
    for row in rows:
        gauges.setdefault(row["slot_id"], []).append(row["gauge_id"])
        terms = SaleTerms(
            kind=row["kind"],
            opens_at=row["opens_at"],
            closes_minutes_before=row["closes_minutes_before"],
            published=row["published"],
        )
        if not on_sale(terms, row["starts_at"], row["ends_at"], row["now"]):
            over.add(row["slot_id"])
    return LockedSlots(
        slots={slot: SlotState(tuple(ids), slot not in over, slot in closed) for slot, ids in gauges.items()},
        free={row["gauge_id"]: row["free"] for row in rows},
        known_holds=frozenset(rows[0]["known_holds"]) if rows else frozenset(),
        some_expired=bool(rows and rows[0]["some_expired"]),
        now=rows[0]["now"] if rows else await database_time(session),
    )


async def _insert(
    session: WriteSession, establishment_id: UUID, requests: Sequence[PlaceHold], locked: LockedSlots
) -> None:
    holds = [_hold(request, locked.now) for request in requests]
    lines = [(hold.id, line.slot_id, line.quantity) for hold in holds for line in hold.lines]
    taken: dict[UUID, list[int]] = {}
    for request in requests:
        sold = request.expires_in_seconds is None
        for gauge_id, places in demand(request.lines, locked.slots).items():
            taken.setdefault(gauge_id, [0, 0])[sold] += places
    await session.fetch(
        INSERT_HOLDS,
        establishment_id,
        [hold.id for hold in holds],
        [hold.owner_id for hold in holds],
        [hold.state for hold in holds],
        [hold.expires_at for hold in holds],
        [locked.now if hold.state == "sold" else None for hold in holds],
        *_columns(lines),
        list(taken),
        [places[False] for places in taken.values()],
        [places[True] for places in taken.values()],
    )


async def _give_back(session: WriteSession, establishment_id: UUID, hold: Hold, lines: list[PlaceLine]) -> Hold:
    left = {line.slot_id: line.quantity for line in hold.lines}
    for line in lines:
        if left.get(line.slot_id, 0) < line.quantity:
            raise HoldMismatch(f"The hold has {left.get(line.slot_id, 0)} places on the slot {line.slot_id}.")
        left[line.slot_id] -= line.quantity
    released = not any(left.values())
    back = [(line.slot_id, line.quantity) for line in lines]
    await session.fetch(RETURN_PLACES, establishment_id, hold.id, *_columns(back), hold.state == "sold", released)
    return Hold(
        id=hold.id,
        owner_id=hold.owner_id,
        state="released" if released else hold.state,
        expires_at=hold.expires_at,
        lines=_lines(left),
    )


def _lines(quantities: Mapping[UUID, int]) -> list[PlaceLine]:
    return [PlaceLine(slot_id=slot_id, quantity=quantity) for slot_id, quantity in quantities.items() if quantity]


def _columns(rows: Iterable[tuple[object, ...]]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _hold(request: PlaceHold, now: datetime) -> Hold:
    seconds = request.expires_in_seconds
    expires_at = None if seconds is None else now + timedelta(seconds=seconds)
    return Hold(
        id=request.hold_id,
        owner_id=request.owner_id,
        state="sold" if expires_at is None else "held",
        expires_at=expires_at,
        lines=request.lines,
    )


def _same(known: Hold, request: PlaceHold) -> Hold | Exception:
    """The hold that this id has already, if it was asked for in the same words."""
    asked = {line.slot_id: line.quantity for line in request.lines}
    has = {line.slot_id: line.quantity for line in known.lines}
    whole = known.state in ("held", "sold")
    if known.owner_id != request.owner_id or (whole and has.keys() - asked.keys()):
        return HoldMismatch("Use a new id for another hold.")
    if whole and has != asked and known.state == "held":
        return HoldMismatch("Use a new id for another hold.")
    return known


def _confirmed(hold: Hold | None) -> Hold | Exception:
    if hold is None:
        return UnknownHold()
    return hold if hold.state == "sold" else HoldEnded()
