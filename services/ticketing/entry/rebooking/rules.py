"""Who is late and nothing else, and which slots are open to them: pure."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
from msgspec.structs import replace

from services.inventory.contract import OfferDay, Slot, SlotPlaces
from services.ticketing.entry.rules import ADMITTED, Passage, TicketFacts, decide

ONE_DAY: Final = timedelta(days=1)
# The nearest in time. How many are open at one moment depends on their tolerances, and is a handful.
LOOKED_AT_MAX: Final = 100


class Late(msgspec.Struct, frozen=True):
    """A ticket that could move. `at` is the moment by which its scan is judged, `day` the local day of it."""

    ticket_id: UUID
    order_id: UUID
    offer_id: UUID
    slot_id: UUID
    day: date
    at: datetime


class LateVisitor(Exception):  # an answer to the desk, never to a scanner
    """This scan is not recorded yet: there may be a place for it in the slot of the moment."""

    def __init__(self, late: Late) -> None:
        super().__init__()
        self.late = late


class TakenPlace(msgspec.Struct, frozen=True):
    """Sold for a late visitor under `hold_id`, and not settled yet."""

    hold_id: UUID
    order_id: UUID
    slot: Slot


def is_merely_late(ticket: TicketFacts, passage: Passage) -> bool:
    """Never admitted, and would be now if its slot were this one."""
    if ticket.entries or decide(ticket, passage).reason != "too_late":
        return False
    now = replace(ticket, valid_from=passage.at, valid_until=passage.at + ONE_DAY)
    return decide(now, passage) is ADMITTED


def days_around(late: Late) -> list[OfferDay]:
    """A slot may go on past midnight, or open its doors before."""
    return [OfferDay(late.offer_id, late.day + days * ONE_DAY) for days in (-1, 0, 1)]


def nearest_with_room(places: Iterable[SlotPlaces], late: Late) -> list[UUID]:
    free = [one for one in places if one.free > 0 and one.slot_id != late.slot_id]
    return [one.slot_id for one in sorted(free, key=lambda one: abs(one.starts_at - late.at))[:LOOKED_AT_MAX]]


def open_now(slots: Iterable[Slot], late: Late) -> list[Slot]:
    """Those whose gate is open at this moment: the one that began last comes first, then those yet to begin."""
    opened = [slot for slot in slots if slot.valid_from <= late.at < slot.valid_until]
    return sorted(opened, key=lambda slot: (slot.starts_at > late.at, abs(slot.starts_at - late.at), slot.id))
