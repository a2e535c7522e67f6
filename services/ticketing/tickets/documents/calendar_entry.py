"""Tickets as calendar entries (RFC 5545), in the venue's own time zone, which travels with them.

Calendars are shared and synchronised: an entry holds neither the code nor the short code, and names nobody.
"""

from collections.abc import Sequence
from datetime import UTC, date, timedelta

from icalendar import Calendar, Event

from services.ticketing.tickets.documents import formats
from services.ticketing.tickets.documents.document import TicketDocument
from services.ticketing.tickets.documents.labels import LABELS
from services.ticketing.tickets.documents.page import last_day, local_span


def ics(documents: Sequence[TicketDocument], language: str) -> bytes:
    """One entry per ticket. UID is the ticket's id, SEQUENCE its revision: an exchanged ticket moves its entry."""
    if not documents:
        raise ValueError("nothing to put in a calendar")
    calendar = Calendar()
    calendar.add("prodid", "-//Parvis//Tickets//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    for document in documents:
        calendar.add_component(_event(document, formats.supported(language)))
    starts = [local_span(document)[0].date() for document in documents]
    # A year on each side: enough to hold the change of clocks before and after, without the history of the zone.
    calendar.add_missing_timezones(_years_later(min(starts), -1), _years_later(max(starts), 2))
    return bytes(calendar.to_ical())


def _event(document: TicketDocument, language: str) -> Event:
    labels = LABELS[language]
    starts_at, ends_at = local_span(document)
    event = Event()
    event.add("uid", str(document.ticket_id))
    event.add("sequence", document.revision)
    event.add("dtstamp", document.sold_at.astimezone(UTC))
    if document.timed:
        event.add("dtstart", starts_at)
        event.add("dtend", ends_at)
    else:
        event.add("dtstart", starts_at.date())
        event.add("dtend", last_day(document) + timedelta(days=1))
        event.add("transp", "TRANSPARENT")  # open all day is no appointment
    event.add("summary", _plain(f"{document.offer_name} – {document.establishment_name}"))
    event.add("location", _plain(f"{document.venue_name}, {document.venue_address}"))
    event.add("description", _plain(f"{labels.ticket} · {document.tariff_name}"))
    event.add("status", "CONFIRMED")
    return event


def _plain(text: str) -> str:
    """One line without control characters, which RFC 5545 has no way to write."""
    return "".join(character for character in " ".join(text.split()) if character.isprintable())


def _years_later(day: date, years: int) -> date:
    return date(day.year + years, 1, 1)
