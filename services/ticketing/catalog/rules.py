"""What a visitor may buy and what it costs: pure decisions over offers and tariffs."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from services.kit.errors import FieldError, Invalid
from services.kit.money import vat_included

# So that one order stays one transaction of bounded size.
MAX_TICKETS_PER_ORDER = 500


class Tariff(msgspec.Struct, frozen=True):
    """A price of an offer. `admits` people per unit; `channels` None: sold everywhere."""

    id: UUID
    offer_id: UUID
    name: dict[str, str]
    price_minor: int
    currency: str
    vat_rate_bp: int
    admits: int
    eligibility: dict[str, object]
    min_per_order: int | None
    max_per_order: int | None
    channels: list[str] | None
    archived: bool


class SlotFacts(msgspec.Struct, frozen=True):
    """What pricing needs of a slot."""

    id: UUID
    offer_id: UUID
    starts_at: datetime
    ends_at: datetime
    valid_from: datetime
    valid_until: datetime


class WantedLine(msgspec.Struct, frozen=True):
    slot_id: UUID
    tariff_id: UUID
    quantity: int


class PricedLine(msgspec.Struct, frozen=True):
    """A line as it will be sold: prices and VAT are frozen here."""

    slot: SlotFacts
    tariff: Tariff
    quantity: int
    total_minor: int
    vat_minor: int

    @property
    def places(self) -> int:
        """Tickets to issue and places to take: one per admission."""
        return self.quantity * self.tariff.admits


def price(
    wanted: Sequence[WantedLine],
    slots: Mapping[UUID, SlotFacts],
    tariffs: Mapping[UUID, Tariff],
    channel: str,
    currency: str,
) -> list[PricedLine]:
    """Raises `Invalid` with one error per line that cannot be sold as asked."""
    errors: list[FieldError] = []
    lines: list[PricedLine] = []
    for index, line in enumerate(wanted):
        try:
            lines.append(_priced(line, slots, tariffs, channel, currency))
        except _FaultError as fault:
            errors.append(FieldError(pointer=f"#/lines/{index}/{fault.field}", detail=fault.detail))
    errors.extend(_quantity_faults(wanted, tariffs))
    if not errors and sum(line.places for line in lines) > MAX_TICKETS_PER_ORDER:
        errors.append(FieldError("#/lines", f"An order may have {MAX_TICKETS_PER_ORDER} tickets at most."))
    if errors:
        raise Invalid("; ".join(f"{error.pointer}: {error.detail}" for error in errors), errors=errors)
    return lines


def shares(total_minor: int, parts: int) -> list[int]:
    """A price over the tickets of one unit: equal to the cent, the odd cents on the first ones."""
    each, odd = divmod(total_minor, parts)
    return [each + (1 if index < odd else 0) for index in range(parts)]


class _FaultError(Exception):
    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field = field
        self.detail = detail


def _priced(
    line: WantedLine,
    slots: Mapping[UUID, SlotFacts],
    tariffs: Mapping[UUID, Tariff],
    channel: str,
    currency: str,
) -> PricedLine:
    slot, tariff = slots.get(line.slot_id), tariffs.get(line.tariff_id)
    if slot is None:
        raise _FaultError("slot_id", "There is no such slot.")
    if tariff is None or tariff.archived:
        raise _FaultError("tariff_id", "There is no such tariff.")
    if tariff.offer_id != slot.offer_id:
        raise _FaultError("tariff_id", "This tariff belongs to another offer than the slot.")
    if tariff.channels is not None and channel not in tariff.channels:
        raise _FaultError("tariff_id", f"This tariff is not sold through the channel {channel}.")
    if tariff.currency != currency:
        raise _FaultError("tariff_id", f"This tariff is in {tariff.currency}; the establishment sells in {currency}.")
    total = tariff.price_minor * line.quantity
    vat = vat_included(total, tariff.vat_rate_bp)
    return PricedLine(slot=slot, tariff=tariff, quantity=line.quantity, total_minor=total, vat_minor=vat)


def _quantity_faults(wanted: Sequence[WantedLine], tariffs: Mapping[UUID, Tariff]) -> list[FieldError]:
    """Limits per order count all lines of a tariff together."""
    totals: dict[UUID, int] = {}
    for line in wanted:
        totals[line.tariff_id] = totals.get(line.tariff_id, 0) + line.quantity
    faults = []
    for index, line in enumerate(wanted):
        tariff, total = tariffs.get(line.tariff_id), totals[line.tariff_id]
        if tariff is None:
            continue
        if tariff.max_per_order is not None and total > tariff.max_per_order:
            detail = f"At most {tariff.max_per_order} of this tariff in one order."
            faults.append(FieldError(f"#/lines/{index}/quantity", detail))
        elif tariff.min_per_order is not None and total < tariff.min_per_order:
            detail = f"At least {tariff.min_per_order} of this tariff in one order."
            faults.append(FieldError(f"#/lines/{index}/quantity", detail))
    return faults
