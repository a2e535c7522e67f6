from datetime import UTC, date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from icalendar import Calendar
from msgspec.structs import replace

from services.ticketing.tickets.documents.calendar_entry import ics
from services.ticketing.tickets.documents.document import TicketDocument


def test_ics_gives_the_visit_in_the_time_of_the_venue(document: TicketDocument) -> None:
    [event] = Calendar.from_ical(ics([document], "fr")).events
    paris = ZoneInfo("Europe/Paris")
    assert (event.start, event.end) == (
        datetime(2027, 5, 1, 10, 30, tzinfo=paris),
        datetime(2027, 5, 1, 11, 30, tzinfo=paris),
    )
    assert event["DTSTART"].params == {"TZID": "Europe/Paris"}
    assert datetime(2027, 4, 12, 17, 5, tzinfo=UTC) == event.DTSTAMP
    assert (str(event["UID"]), event["SEQUENCE"]) == (str(document.ticket_id), 2)
    assert str(event["SUMMARY"]) == "Lumières du Nord – Musée des Arts du Littoral"
    assert str(event["LOCATION"]) == "Palais de la Marine, 3, quai des Tilleuls, 33000 Bordeaux"
    assert str(event["DESCRIPTION"]) == "Billet d’entrée · Tarif réduit"


@pytest.mark.parametrize("zone_name", ["Europe/Paris", "Pacific/Noumea", "America/Cayenne", "Australia/Sydney"])
@pytest.mark.parametrize("month", [1, 3, 7, 10, 12])
def test_ics_brings_the_rules_of_its_zone(document: TicketDocument, zone_name: str, month: int) -> None:
    starts_at = datetime(2027, month, 29, 8, 30, tzinfo=UTC)
    moved = replace(document, starts_at=starts_at, ends_at=starts_at, timezone=zone_name)
    [zone] = Calendar.from_ical(ics([moved], "en")).timezones
    assert str(zone["TZID"]) == zone_name
    # What a calendar knowing nothing but this file would make of the local hour.
    local = starts_at.astimezone(ZoneInfo(zone_name))
    assert local.replace(tzinfo=zone.to_tz(lookup_tzid=False)).utcoffset() == local.utcoffset()


def test_ics_tells_no_secret(document: TicketDocument) -> None:
    entry = ics([document], "fr").replace(b"\r\n ", b"").decode()
    for secret in (document.code, document.short_code, document.order_reference):
        assert secret not in entry


def test_ics_of_an_open_ticket_covers_whole_days(document: TicketDocument) -> None:
    midnight = datetime(2027, 5, 2, 22, 0, tzinfo=UTC)  # the night from 2 to 3 May in Paris
    [event] = Calendar.from_ical(ics([replace(document, timed=False, ends_at=midnight)], "fr")).events
    assert (event.start, event.end) == (date(2027, 5, 1), date(2027, 5, 3))


def test_ics_holds_one_entry_for_each_ticket(document: TicketDocument) -> None:
    calendar = Calendar.from_ical(ics([document, replace(document, ticket_id=UUID(int=7))], "de"))
    assert [str(event["UID"]) for event in calendar.events] == [str(document.ticket_id), str(UUID(int=7))]
    assert len(calendar.timezones) == 1


def test_ics_cannot_be_broken_out_of(document: TicketDocument) -> None:
    hostile = "a\r\nEND:VEVENT\r\nATTACH:x;y,z\\\x00\x0b"
    [event] = Calendar.from_ical(ics([replace(document, offer_name=hostile)], "fr")).events
    assert str(event["SUMMARY"]) == "a END:VEVENT ATTACH:x;y,z\\ – Musée des Arts du Littoral"
    assert "ATTACH" not in event


def test_ics_without_tickets_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing"):
        ics([], "fr")
