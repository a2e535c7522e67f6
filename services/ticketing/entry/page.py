"""One ticket in the book of a batch."""

from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from services.ticketing.entry.locked import LockedOffer, LockedTariff, LockedTicket, Party, Passed, facts_of
from services.ticketing.entry.rules import RecordedPassage, TicketFacts
from services.ticketing.entry.views import Group, ScannedOffer, ScannedSlot, ScannedTariff, ScannedTicket
from services.ticketing.tickets.code import grouped


class Page:
    """A ticket: its row, where it stands by now, and its passages (all of them if the history was read)."""

    __slots__ = ("admitted_by", "conflicts", "facts", "offer", "passages", "row")

    def __init__(self, row: LockedTicket, offer: LockedOffer, admitted_by: str | None) -> None:
        self.row = row
        self.offer = offer
        self.facts: TicketFacts = facts_of(row, offer)
        self.admitted_by = admitted_by
        self.passages: dict[UUID, Passed] = {}
        self.conflicts: dict[UUID, UUID] = {}

    def scanned(self, tariff: LockedTariff, party: Party | None) -> ScannedTicket:
        row, facts, offer = self.row, self.facts, self.offer
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
