"""What a code shows: its ticket as the hub knows it, and what the scanner is shown of it."""

from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidTag

from parvis.gate_hub.codes import SeenCode, read_code
from parvis.gate_hub.memory import KnownTicket, Memory
from parvis.gate_hub.views import HubTicket
from services.ticketing.entry.passes.sealing import Attendee, open_attendee, short_code_hash
from services.ticketing.entry.passes.views import PassOffer, PassTicket
from services.ticketing.entry.rules import EntryFacts, Passage, TicketFacts
from services.ticketing.entry.views import ScannedOffer, ScannedSlot, ScannedTariff
from services.ticketing.tickets.code import TicketPayload, grouped

NOWHERE: Final = UUID(int=0)
LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Seen(msgspec.Struct, frozen=True):
    """A code, with all that is known of its ticket."""

    code: SeenCode
    ticket: KnownTicket | None
    row: PassTicket | None
    offer: PassOffer | None
    valid_from: datetime
    valid_until: datetime

    @property
    def ticket_id(self) -> UUID | None:
        return self.row.id if self.row else self.code.payload.ticket_id if self.code.payload else None

    @property
    def slot_id(self) -> UUID | None:
        says = _more_recent(self.code.payload, self.row)
        return says.slot_id if says else self.row.slot_id if self.row else None

    @property
    def tariff_id(self) -> UUID | None:
        return self.code.payload.tariff_id if self.code.payload else self.row.tariff_id if self.row else None


def see(memory: Memory, text: str) -> Seen:
    directory = memory.directory
    establishment_id = directory.establishment.id if directory.establishment else NOWHERE
    code = read_code(text, establishment_id, directory.keys)
    payload = code.payload
    hashed = short_code_hash(establishment_id, code.short_code) if code.short_code else None
    ticket = memory.find(payload.ticket_id if payload else None, hashed)
    if code.refusal:
        ticket = None
    row = ticket.row if ticket else None
    says = _more_recent(payload, row)
    tariff_id, slot_id = _visit(row, says)
    slot = directory.slot(slot_id) if slot_id else None
    valid_from, valid_until = (slot.valid_from, slot.valid_until) if slot else (LONG_AGO, LONG_AGO)
    if says is not None:
        valid_from, valid_until = _moment(says.valid_from_seconds), _moment(says.valid_until_seconds)
    return Seen(code, ticket, row, directory.offer_of(tariff_id, slot_id), valid_from, valid_until)


def facts_of(seen: Seen, passage: Passage) -> TicketFacts:
    row, offer, payload = seen.row, seen.offer, seen.code.payload
    standing = seen.ticket.standing if seen.ticket else EntryFacts()
    return TicketFacts(
        status=row.status if row else "valid",
        revision=row.revision if row else payload.revision if payload else 0,
        payment_due=row.payment_due if row else False,
        venue_id=offer.venue_id if offer else passage.venue_id,
        gate_ids=offer.gate_ids if offer else [],
        valid_from=seen.valid_from,
        valid_until=seen.valid_until,
        entries_allowed=offer.entries_allowed if offer else 1,
        re_entry=offer.re_entry if offer else False,
        entries=standing.entries,
        inside=standing.inside,
        admitted_at=standing.admitted_at,
        admitted_gate_id=standing.admitted_gate_id,
        passed_at=standing.passed_at,
    )


def shown(memory: Memory, seen: Seen) -> HubTicket | None:
    """The ticket as it stands now, for the scanner."""
    if seen.ticket_id is None or seen.code.refusal:
        return None
    directory = memory.directory
    slot_id, tariff_id = seen.slot_id, seen.tariff_id
    slot = directory.slot(slot_id) if slot_id else None
    tariff = directory.tariffs.get(tariff_id) if tariff_id else None
    ticket = memory.find(seen.ticket_id, None)
    standing = ticket.standing if ticket else EntryFacts()
    attendee = _attendee(seen)
    typed = seen.code.short_code
    return HubTicket(
        id=seen.ticket_id,
        number=attendee.number if attendee else None,
        short_code=attendee.short_code if attendee else grouped(typed) if typed else None,
        status=seen.row.status if seen.row else "valid",
        slot=ScannedSlot(slot.id, slot.starts_at, slot.ends_at) if slot else None,
        tariff=ScannedTariff(tariff.id, tariff.name, tariff.proof) if tariff else None,
        offer=ScannedOffer(seen.offer.id, seen.offer.name, seen.offer.language) if seen.offer else None,
        valid_from=seen.valid_from,
        valid_until=seen.valid_until,
        admitted_at=standing.admitted_at,
        admitted_gate_id=standing.admitted_gate_id,
        entries=standing.entries,
        inside=standing.inside,
    )


def _more_recent(says: TicketPayload | None, row: PassTicket | None) -> TicketPayload | None:
    """What the code says, unless the row knows better: the ticket may have moved at a gate since it was printed."""
    if says is None or row is None or says.revision > row.revision:
        return says
    return says if (says.revision, says.slot_id) == (row.revision, row.slot_id) else None


def _visit(row: PassTicket | None, says: TicketPayload | None) -> tuple[UUID | None, UUID | None]:
    """Tariff and slot."""
    if says is not None:
        return says.tariff_id, says.slot_id
    return (row.tariff_id, row.slot_id) if row else (None, None)


def _attendee(seen: Seen) -> Attendee | None:
    """Number and short code lie sealed in the entry pass; the code at hand opens them. Nothing of it is kept."""
    if seen.row is None or not seen.row.blob or seen.code.payload is None:
        return None
    try:
        return open_attendee(seen.row.blob, ticket_id=seen.row.id, code=seen.code.text)
    except (InvalidTag, ValueError):
        return None


def _moment(seconds: int) -> datetime:
    return LONG_AGO + timedelta(seconds=seconds)
