"""What stands on the page of a ticket, as finished strings: `ticket.typ` only lays them out."""

from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from services.kit.money import vat_included
from services.ticketing.tickets.code import grouped
from services.ticketing.tickets.documents import colour, formats, qr
from services.ticketing.tickets.documents.document import TicketDocument
from services.ticketing.tickets.documents.labels import CHANNELS, LABELS, Labels
from services.ticketing.tickets.documents.printable import printable

# Every text that others wrote, and how much of it a page can bear.
_LONGEST_CHARACTERS: Final = {
    **dict.fromkeys(("offer_name", "venue_address", "proof"), 300),
    **dict.fromkeys(("establishment_name", "venue_name", "tariff_name", "operator_name"), 120),
    **dict.fromkeys(("operator_siret", "operator_licence", "order_reference", "short_code", "channel"), 60),
}


class Entry(Struct, frozen=True):
    """A label and its value; `foreign` when the value is written in the language of the offer."""

    label: str
    value: str
    foreign: bool = False


class Page(Struct, frozen=True, kw_only=True):
    kicker: str
    position: str
    establishment: str
    offer: str
    venue: str
    address: str
    names_language: str
    weekday: str
    day: str
    hour: str
    hour_note: str
    facts: list[Entry]
    proof: Entry | None
    instructions: str
    qr_svg: str
    qr_alt: str
    typed: str
    short_code: str
    mentions_title: str
    mentions: list[Entry]
    notes: list[str]
    accent: str
    ink: str


class Pages(Struct, frozen=True):
    """A whole file. `title` and `author` are its metadata."""

    language: str
    title: str
    author: str
    tickets: list[Page]


def pages(documents: list[TicketDocument], language: str, unavailable: frozenset[str] = frozenset()) -> Pages:
    """`unavailable` are the characters no font can draw."""
    labels = LABELS[language]
    drawn = [_page(_cleaned(document, unavailable), language) for document in documents]
    for index, page in enumerate(drawn):
        if len(drawn) > 1:
            position = labels.page.format(page=index + 1, pages=len(drawn))
            drawn[index] = replace(page, position=position)
    heading = labels.ticket if len(drawn) == 1 else labels.tickets
    return Pages(language, f"{heading} – {drawn[0].offer}", drawn[0].establishment, drawn)


def local_span(document: TicketDocument) -> tuple[datetime, datetime]:
    """Start and end on the clock of the venue."""
    zone = ZoneInfo(document.timezone)
    return document.starts_at.astimezone(zone), document.ends_at.astimezone(zone)


def last_day(document: TicketDocument) -> date:
    """The last local day on which the ticket is good: an end at midnight belongs to the day before."""
    starts_at, ends_at = local_span(document)
    return max(starts_at.date(), (ends_at - timedelta(microseconds=1)).date())


def channel_name(channel: str, language: str) -> str:
    return CHANNELS[channel][language] if channel in CHANNELS else channel


def _cleaned(document: TicketDocument, unavailable: frozenset[str]) -> TicketDocument:
    texts = {
        name: printable(getattr(document, name), limit, unavailable) for name, limit in _LONGEST_CHARACTERS.items()
    }
    return replace(document, **texts)


def _page(document: TicketDocument, language: str) -> Page:
    labels = LABELS[language]
    starts_at, _ = local_span(document)
    short_code = grouped(document.short_code)
    return Page(
        kicker=labels.ticket,
        position="",
        establishment=document.establishment_name,
        offer=document.offer_name or labels.ticket,  # PDF/UA wants a heading
        venue=document.venue_name,
        address=document.venue_address,
        names_language=document.language,
        weekday=formats.weekday(starts_at.date(), language),
        day=formats.long_date(starts_at.date(), language),
        hour=formats.hour(starts_at.time(), language) if document.timed else "",
        hour_note=_hour_note(document, labels, language),
        facts=_facts(document, labels, language),
        proof=Entry(labels.proof, document.proof, foreign=True) if document.proof else None,
        instructions=labels.instructions,
        qr_svg=qr.svg(document.code),
        qr_alt=labels.qr_alt.format(short_code=short_code),
        typed=labels.typed,
        short_code=short_code,
        mentions_title=labels.mentions,
        mentions=_mentions(document, labels, language),
        notes=[labels.conditions, labels.local_time.format(zone=document.timezone)],
        accent=colour.accent(document.accent_colour),
        ink=colour.ink(document.accent_colour),
    )


def _hour_note(document: TicketDocument, labels: Labels, language: str) -> str:
    starts_at, ends_at = local_span(document)
    end_day = last_day(document)
    if document.timed and end_day == starts_at.date():
        return labels.until.format(hour=formats.hour(ends_at.time(), language))
    if document.timed:
        return labels.last_day.format(day=formats.day_and_hour(ends_at.date(), ends_at.time(), language))
    if end_day == starts_at.date():
        return labels.any_hour
    return f"{labels.last_day.format(day=formats.long_date(end_day, language))}, {labels.any_hour}"


def _price(document: TicketDocument, labels: Labels, language: str) -> str:
    if document.price_minor == 0:
        return labels.free
    return formats.money(document.price_minor, document.currency, language)


def _facts(document: TicketDocument, labels: Labels, language: str) -> list[Entry]:
    facts = [
        Entry(labels.tariff, document.tariff_name, foreign=True),
        Entry(labels.price, _price(document, labels, language)),
    ]
    if document.admits > 1:
        facts.append(Entry(labels.admits, labels.people.format(count=document.admits)))
    return facts


def _mentions(document: TicketDocument, labels: Labels, language: str) -> list[Entry]:
    starts_at, _ = local_span(document)
    sold_at = document.sold_at.astimezone(ZoneInfo(document.timezone))
    session = formats.day_and_hour(starts_at.date(), starts_at.time(), language)
    open_day = f"{formats.weekday(starts_at.date(), language)} {formats.long_date(starts_at.date(), language)}"
    entries = [
        Entry(labels.number, str(document.number)),
        Entry(labels.order, grouped(document.order_reference)),
        Entry(labels.session, session if document.timed else open_day),
        Entry(labels.category, document.tariff_name, foreign=True),
        Entry(labels.total, _price(document, labels, language)),
        Entry(labels.vat, _vat(document, labels, language)),
        Entry(labels.sold, formats.day_and_hour(sold_at.date(), sold_at.time(), language)),
        Entry(labels.place_of_sale, channel_name(document.channel, language)),
        Entry(labels.operator, document.operator_name, foreign=True),
        Entry(labels.siret, document.operator_siret),
        Entry(labels.licence, document.operator_licence),
        Entry(labels.identifier, str(document.ticket_id)),
    ]
    return [entry for entry in entries if entry.value]


def _vat(document: TicketDocument, labels: Labels, language: str) -> str:
    if document.vat_rate_bp is None or document.price_minor == 0:
        return ""
    amount = vat_included(document.price_minor, document.vat_rate_bp)
    return labels.vat_included.format(
        rate=formats.percent(document.vat_rate_bp, language),
        amount=formats.money(amount, document.currency, language),
    )
