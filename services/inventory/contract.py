"""What the rest of the house may ask of inventory: what can be sold, and who holds it."""

from datetime import date, datetime
from typing import Annotated, Literal, Protocol, TypeAlias
from uuid import UUID

import msgspec

from services.kit.errors import Refused

MAX_PLACES_PER_HOLD = 500
MAX_SLOTS_PER_HOLD = 20
MAX_HOLD_SECONDS = 24 * 3600

HoldState: TypeAlias = Literal["held", "sold", "released", "expired"]
OfferKind: TypeAlias = Literal["timed", "open"]
Per: TypeAlias = Literal["slot_start", "day", "total", "inside"]


class PlaceLine(msgspec.Struct, frozen=True):
    """Places on one slot."""

    slot_id: UUID
    quantity: Annotated[int, msgspec.Meta(ge=1, le=MAX_PLACES_PER_HOLD)]


class PlaceHold(msgspec.Struct, frozen=True):
    """Takes places from every gauge of the slots at once.

    `hold_id` is made by the caller: the same request again answers the same hold. `owner_id` is what it is held
    for (an order). `expires_in_seconds` counts on the database's clock; None sells at once, without the held
    phase. `replaces` names a hold of the same owner, in the held phase, whose places return in the same
    transaction. Each slot stands in `lines` once. `at_the_gate`: for somebody who stands there, so the hours of sale
    do not count; closures and capacities do.
    """

    establishment_id: UUID
    hold_id: UUID
    owner_id: UUID
    lines: Annotated[list[PlaceLine], msgspec.Meta(min_length=1, max_length=MAX_SLOTS_PER_HOLD)]
    expires_in_seconds: Annotated[int, msgspec.Meta(ge=1, le=MAX_HOLD_SECONDS)] | None
    replaces: UUID | None = None
    at_the_gate: bool = False


class Hold(msgspec.Struct, frozen=True):
    """`expires_at` is None once sold. `lines` are the places still taken."""

    id: UUID
    owner_id: UUID
    state: HoldState
    expires_at: datetime | None
    lines: list[PlaceLine]


class ExtendHold(msgspec.Struct, frozen=True):
    """The hold lives at least `expires_in_seconds` from now; never shorter than before."""

    establishment_id: UUID
    hold_id: UUID
    expires_in_seconds: Annotated[int, msgspec.Meta(ge=1, le=MAX_HOLD_SECONDS)]


class ConfirmHold(msgspec.Struct, frozen=True):
    establishment_id: UUID
    hold_id: UUID


class ReturnPlaces(msgspec.Struct, frozen=True):
    """Gives places back, held or sold; the same `return_id` again changes nothing. No `lines`: all of them."""

    establishment_id: UUID
    return_id: UUID
    hold_id: UUID
    lines: list[PlaceLine] | None = None


class FindSlots(msgspec.Struct, frozen=True):
    establishment_id: UUID
    slot_ids: Annotated[list[UUID], msgspec.Meta(max_length=1000)]


class Slot(msgspec.Struct, frozen=True):
    """`timezone` is the venue's IANA zone; times are UTC. Entry windows follow the offer's schedule."""

    id: UUID
    offer_id: UUID
    starts_at: datetime
    ends_at: datetime
    timezone: str
    valid_from: datetime
    valid_until: datetime


class OfferDay(msgspec.Struct, frozen=True):
    """The slots of one offer on one day, by the venue's calendar."""

    offer_id: UUID
    day: date


class FindPlaces(msgspec.Struct, frozen=True):
    """What is free on these slots, and on all the slots of these days."""

    establishment_id: UUID
    slot_ids: Annotated[list[UUID], msgspec.Meta(max_length=1000)] = []
    days: Annotated[list[OfferDay], msgspec.Meta(max_length=400)] = []


class SlotPlaces(msgspec.Struct, frozen=True):
    """`free` and `capacity` are the smallest of all gauges that the slot draws on. `on_sale`: a hold may be placed now,
    if there is room; it can be until `sold_until`.
    """

    slot_id: UUID
    offer_id: UUID
    starts_at: datetime
    day: date
    timezone: str
    free: int
    capacity: int
    on_sale: bool
    sold_until: datetime


class Schedule(msgspec.Struct, frozen=True):
    """How the slots of one offer are sold and entered; kept by the catalogue, told to inventory.

    `closes_minutes_before` counts back from the start of a timed slot, from the end of an open one.
    `late_entry_minutes` after the start (None: until the end); `early_entry_minutes` before it.
    """

    establishment_id: UUID
    offer_id: UUID
    kind: OfferKind
    timezone: str
    gauge_ids: list[UUID]
    published: bool
    opens_at: datetime | None = None
    closes_minutes_before: int = 0
    early_entry_minutes: int = 30
    late_entry_minutes: int | None = None


class FindSales(msgspec.Struct, frozen=True):
    """Holds sold between two moments of the database's clock, at most `limit`, oldest first."""

    establishment_id: UUID
    sold_after: datetime
    sold_before: datetime
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 500


class SoldHold(msgspec.Struct, frozen=True):
    id: UUID
    owner_id: UUID
    sold_at: datetime


class FindClosedSlots(msgspec.Struct, frozen=True):
    """Slots that a closure touches, that end after this moment, and that somebody bought; by id, from `after` on."""

    establishment_id: UUID
    ends_after: datetime
    after: UUID | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1000


class FindGauges(msgspec.Struct, frozen=True):
    establishment_id: UUID


class Gauge(msgspec.Struct, frozen=True):
    """A shared capacity. `per` tells what it is counted over; `inside`: people inside at the same time, counted by
    the gate and not by sales.
    """

    id: UUID
    name: dict[str, str]
    capacity: int
    per: Per


class Inventory(Protocol):
    """Every call may be repeated with the same ids; raises the errors below, or `Unavailable`."""

    async def put_schedule(self, schedule: Schedule) -> None:
        """Raises `UnknownGauge`."""
        ...

    async def find_slots(self, query: FindSlots) -> list[Slot]:
        """Those that exist, in no order. Slots never move, so answers may be cached."""
        ...

    async def find_places(self, query: FindPlaces) -> list[SlotPlaces]:
        """Those that are offered, by start. Only a hold decides: what is free here may be gone."""
        ...

    async def place_hold(self, request: PlaceHold) -> Hold:
        """Raises `SoldOut`, `NotEnoughPlaces` (with `remaining`), `SlotClosed`, `UnknownSlot`, `HoldMismatch`."""
        ...

    async def extend_hold(self, request: ExtendHold) -> Hold:
        """Raises `HoldEnded`, `UnknownHold`."""
        ...

    async def confirm_hold(self, request: ConfirmHold) -> Hold:
        """From held to sold. Raises `HoldEnded` (expired or released), `UnknownHold`."""
        ...

    async def return_places(self, request: ReturnPlaces) -> Hold:
        """Raises `UnknownHold`, and `HoldMismatch` for more places than the hold has left."""
        ...

    async def find_sales(self, query: FindSales) -> list[SoldHold]: ...

    async def find_closed_slots(self, query: FindClosedSlots) -> list[UUID]: ...

    async def find_gauges(self, query: FindGauges) -> list[Gauge]:
        """All shared gauges of the establishment, by id."""
        ...


class SoldOut(Refused):
    code = "sold_out"
    title = "This slot is sold out"


class NotEnoughPlaces(Refused):
    code = "not_enough_places"
    title = "Fewer places are left than you asked for"


class SlotClosed(Refused):
    code = "slot_closed"
    title = "This slot is not on sale"


class UnknownSlot(Refused):
    status = 422
    code = "unknown_slot"
    title = "There is no such slot"


class UnknownGauge(Refused):
    status = 422
    code = "unknown_gauge"
    title = "There is no such gauge"


class UnknownHold(Refused):
    status = 404
    code = "unknown_hold"
    title = "There is no such hold"


class HoldEnded(Refused):
    code = "hold_ended"
    title = "The places are no longer held"


class HoldMismatch(Refused):
    code = "hold_mismatch"
    title = "This id was used for another hold"
