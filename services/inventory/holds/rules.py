"""Who gets places: greedy, in order of arrival, all or nothing for each request."""

from collections.abc import Mapping, MutableMapping
from uuid import UUID

import msgspec

from services.inventory.contract import NotEnoughPlaces, PlaceHold, PlaceLine, SlotClosed, SoldOut, UnknownSlot
from services.kit.errors import Refused


class SlotState(msgspec.Struct, frozen=True):
    """A slot as it stands under the lock: the gauges it draws on, whether it may be sold now, by its offer, and whether
    one of them is closed.
    """

    gauge_ids: tuple[UUID, ...]
    on_sale: bool
    closed: bool = False


def take(request: PlaceHold, slots: Mapping[UUID, SlotState], free: MutableMapping[UUID, int]) -> Refused | None:
    """Takes the places out of `free` (gauge → places left), or takes nothing and says why not.

    A request too large for what is left leaves everything to the smaller ones behind it.
    """
    for line in request.lines:
        slot = slots.get(line.slot_id)
        if slot is None:
            return UnknownSlot(f"There is no slot {line.slot_id}.")
        if slot.closed or not (slot.on_sale or request.at_the_gate):
            return SlotClosed(f"The slot {line.slot_id} is not on sale.")
    wanted = demand(request.lines, slots)
    if any(free[gauge_id] < places for gauge_id, places in wanted.items()):
        return _shortage(request.lines, slots, free, wanted)
    for gauge_id, places in wanted.items():
        free[gauge_id] -= places
    return None


def demand(lines: list[PlaceLine], slots: Mapping[UUID, SlotState]) -> dict[UUID, int]:
    """Places wanted from each gauge; two slots that share one both count."""
    wanted: dict[UUID, int] = {}
    for line in lines:
        for gauge_id in slots[line.slot_id].gauge_ids:
            wanted[gauge_id] = wanted.get(gauge_id, 0) + line.quantity
    return wanted


def _shortage(
    lines: list[PlaceLine], slots: Mapping[UUID, SlotState], free: Mapping[UUID, int], wanted: Mapping[UUID, int]
) -> Refused:
    """Names the tightest slot and how many places this request could have had there."""
    remaining, slot_id = min(
        (max(free[gauge_id], 0), line.slot_id)
        for line in lines
        for gauge_id in slots[line.slot_id].gauge_ids
        if free[gauge_id] < wanted[gauge_id]
    )
    if remaining == 0:
        return SoldOut(f"The slot {slot_id} is sold out.", remaining=0)
    return NotEnoughPlaces(f"The slot {slot_id} has {remaining} places left.", remaining=remaining)
