"""One ticket in the book of a batch."""

from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from services.inventory.contract import Slot
from services.ticketing.entry.locked import LockedOffer, LockedTariff, LockedTicket, Party, Passed, facts_of
from services.ticketing.entry.rules import RecordedPassage, TicketFacts
from services.ticketing.entry.views import Group, ScannedOffer, ScannedSlot, ScannedTariff, ScannedTicket
from services.ticketing.tickets.code import grouped


class Page:
    """A ticket: its row, where it stands by now, and its passages (all of them if the history was read).

    `party`: those who come with it, if they were there when the batch looked.
    """

    __slots__ = ("admitted_by", "conflicts", "facts", "is_touched", "offer", "party", "passages", "row", "tariff")

    def __init__(self, row: LockedTicket, offer: LockedOffer, tariff: LockedTariff, party: Party | None) -> None:
        self.row = row
        self.offer = offer
        self.tariff = tariff
        self.party = party
        self.is_touched = False
        self.facts: TicketFacts = facts_of(row, offer)
        self.admitted_by = row.admitted_by
        self.passages: dict[UUID, Passed] = {}
        self.conflicts: dict[UUID, UUID] = {}

    def move_to(self, slot: Slot, party: Party) -> None:
        """Another slot of the same offer."""
        self.party = party
        hours = {"valid_from": slot.valid_from, "valid_until": slot.valid_until}
        self.row = replace(self.row, slot_id=slot.id, starts_at=slot.starts_at, ends_at=slot.ends_at, **hours)
        self.facts = replace(self.facts, **hours)

    def scanned(self) -> ScannedTicket:
        row, facts, offer, tariff, party = self.row, self.facts, self.offer, self.tariff, self.party
        return ScannedTicket(
            id=row.id,
            number=row.number,
            short_code=grouped(row.short_code),
            status=row.status,
            slot=ScannedSlot(row.slot_id, row.starts_at, row.ends_at),
            tariff=ScannedTariff(tariff.id, tariff.name, tariff.proof),
            offer=ScannedOffer(offer.id, offer.name, offer.language),
            valid_from=row.valid_from,
            valid_until=row.valid_until,
            admitted_at=facts.admitted_at,
            admitted_gate_id=facts.admitted_gate_id,
            entries=facts.entries,
            inside=facts.inside,
            group=Group(party.size, party.admitted) if party else Group(0, 0),
        )


def recorded(passage: Passed) -> RecordedPassage:
    return RecordedPassage(id=passage.id, at=passage.at, gate_id=passage.gate_id, direction=passage.direction)


def local_day(offer: LockedOffer, at: datetime) -> date:
    return at.astimezone(ZoneInfo(offer.timezone)).date()
