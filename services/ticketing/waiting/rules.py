"""Who in a line is offered what, for how long, and what is left for everybody else. Pure."""

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from services.inventory.contract import SlotPlaces
from services.kit.errors import Refused
from services.kit.ids import derived_id

MAX_PLACES = 20
# How long places are kept for whoever is asked. Nobody has to answer at night.
OFFERED_FOR = timedelta(hours=2)
NIGHT_BEGINS, NIGHT_ENDS = time(21), time(8)
# Too short to read a mail and pay: then the places are for whoever stands at the door.
SHORTEST_OFFER = timedelta(minutes=15)
KEPT_FOR = timedelta(days=7)


class PlacesAvailable(Refused):
    code = "places_available"
    title = "There is room: nobody has to wait"


class AlreadyWaiting(Refused):
    code = "already_waiting"
    title = "This address waits in this line already"


class WantedTariff(msgspec.Struct, frozen=True):
    tariff_id: UUID
    quantity: int


class Wish(msgspec.Struct, frozen=True):
    """What a line is for: one slot, or (without `slot_id`) any slot of an offer's day. `places`: its smallest party."""

    target_id: UUID
    offer_id: UUID
    slot_id: UUID | None
    day: date
    places: int


class Entry(Wish, frozen=True):
    """A place in the line, as stored; `places` is the size of this party."""

    id: UUID
    lines: list[WantedTariff]
    customer_name: str
    customer_email: str
    language: str
    status: str
    attempt: int
    offered_slot_id: UUID | None
    order_id: UUID | None
    joined_at: datetime
    offered_at: datetime | None
    ended_at: datetime | None
    over_at: datetime


class Room:
    """What is free on slots, as a line is served from its front.

    Places only leave: who found no room once finds none later, so one walk along the line is enough.
    """

    def __init__(self, places: Iterable[SlotPlaces], now: datetime) -> None:
        """`places` in order of start: the earliest slot of a day is offered first."""
        self.free: dict[UUID, int] = {}
        self._by_slot: dict[UUID, SlotPlaces] = {}
        self._by_day: dict[tuple[UUID, date], list[SlotPlaces]] = {}
        for slot in places:
            if slot.on_sale and slot.sold_until - now >= SHORTEST_OFFER:
                self.free[slot.slot_id] = slot.free
                self._by_slot[slot.slot_id] = slot
                self._by_day.setdefault((slot.offer_id, slot.day), []).append(slot)

    def wanted(self, wish: Wish) -> Sequence[SlotPlaces]:
        """The slots that would do, free or not."""
        if wish.slot_id is None:
            return self._by_day.get((wish.offer_id, wish.day), ())
        slot = self._by_slot.get(wish.slot_id)
        return () if slot is None else (slot,)

    def slot_for(self, wish: Wish) -> SlotPlaces | None:
        return next((slot for slot in self.wanted(wish) if self.free[slot.slot_id] >= wish.places), None)

    def take(self, slot_id: UUID, places: int) -> None:
        self.limit(slot_id, self.free[slot_id] - places)

    def limit(self, slot_id: UUID, free: int) -> None:
        """No more than `free` are left: inventory said so."""
        self.free[slot_id] = max(0, min(self.free[slot_id], free))

    def serve(self, line: Iterable[Wish]) -> Mapping[UUID, int]:
        """What is left on each slot once the line has got its places."""
        for wish in line:
            slot = self.slot_for(wish)
            if slot is not None:
                self.take(slot.slot_id, wish.places)
        return self.free


def offer_minutes(slot: SlotPlaces, now: datetime) -> int:
    """How long an offer lives: two hours of the day, but never more than half of what is left until the sale ends, so
    that somebody else has a chance if it is not wanted.
    """
    zone = ZoneInfo(slot.timezone)
    local = now.astimezone(zone)
    until = now + OFFERED_FOR
    if not NIGHT_ENDS <= local.time() < NIGHT_BEGINS:
        morning = local.date() + timedelta(days=1 if local.time() >= NIGHT_BEGINS else 0)
        until = datetime.combine(morning, NIGHT_ENDS, zone) + OFFERED_FOR
    half = now + max((slot.sold_until - now) / 2, SHORTEST_OFFER)
    return int((min(until, half) - now) / timedelta(minutes=1))


def target_of(offer_id: UUID, day: date, slot_id: UUID | None) -> UUID:
    """What stands for a line: its slot, or an id made of offer and day."""
    return slot_id or derived_id("waiting for a day", offer_id, day.isoformat())


def waiting_token(instance_secret: bytes, establishment_id: UUID, entry_id: UUID) -> str:
    """What opens one entry: derived, so that a mail can carry it again; 128 bits to guess."""
    text = b"waiting list token v1" + establishment_id.bytes + entry_id.bytes
    return f"pvw_{hmac.digest(instance_secret, text, hashlib.sha256)[:16].hex()}"
