"""What a message says, before it is laid out. Pure: all that it speaks of is handed in."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from services.kit.texts import in_language
from services.ticketing.catalog.queries import Catalogue, Venue
from services.ticketing.establishments.queries import Establishment
from services.ticketing.messages.letters.wording import WORDS, Words
from services.ticketing.messages.queries import Message
from services.ticketing.orders.queries import Line, Order
from services.ticketing.tickets.documents import formats
from services.ticketing.tickets.documents.colour import ink
from services.ticketing.tickets.documents.document import TicketDocument
from services.ticketing.tickets.documents.labels import LABELS
from services.ticketing.tickets.documents.page import last_day, local_span
from services.ticketing.tickets.queries import Ticket

# Beyond that a mail would be too large for many mailboxes: the link has them all.
MOST_TICKETS_ATTACHED = 60


class NothingToTell(Exception):
    """What it would tell is no longer so; `args` are one word for the record."""


class Link(msgspec.Struct, frozen=True):
    label: str
    url: str


class VisitLine(msgspec.Struct, frozen=True):
    when: str
    offer: str
    place: str
    tickets: list[str]


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A message in finished sentences. `attached` are the tickets that go with it."""

    language: str
    subject: str
    establishment: str
    accent: str
    heading: str
    greeting: str = ""
    paragraphs: list[str]
    visits: list[VisitLine] = []
    action: Link | None = None
    notes: list[str] = []
    footer: list[str] = []
    stop: Link | None = None
    attached: list[TicketDocument] = []

    @property
    def preview(self) -> str:
        return self.paragraphs[0] if self.paragraphs else self.heading


class Occasion(msgspec.Struct, frozen=True, kw_only=True):
    """What a letter is written from. `documents` are the valid tickets; `language` is one that we can write.

    `names_language` is the one that the establishment's own texts are shown in.
    """

    message: Message
    establishment: Establishment
    catalogue: Catalogue
    language: str
    names_language: str
    now: datetime
    order: Order | None = None
    documents: Sequence[TicketDocument] = ()
    order_url: str = ""
    stop_url: str = ""
    refunded_minor: int = 0

    @property
    def words(self) -> Words:
        return WORDS[self.language]

    @property
    def name(self) -> str:
        return in_language(self.establishment.name, self.names_language)

    def placed(self) -> Order:
        """Raises `NothingToTell` where there is no order."""
        if self.order is None:
            raise NothingToTell("no_order")
        return self.order

    def money(self, amount_minor: int) -> str:
        return formats.money(amount_minor, self.establishment.currency, self.language)


def write(occasion: Occasion) -> Letter:
    """Raises `NothingToTell` when events have overtaken the message."""
    letter = WRITERS[occasion.message.kind](occasion)
    words, order = occasion.words, occasion.order
    footer = [words.order.format(reference=order.reference)] if order else []
    footer.append(words.automatic.format(establishment=occasion.name))
    if occasion.establishment.contact_email:
        footer.append(words.reply)
    who = order.customer_name if order else ""
    return msgspec.structs.replace(
        letter,
        greeting=words.hello.format(name=who) if who else "",
        action=letter.action or (Link(words.open_order, occasion.order_url) if occasion.order_url else None),
        notes=[*letter.notes, words.keep_link] if occasion.order_url else letter.notes,
        footer=footer,
    )


def _confirmed(occasion: Occasion) -> Letter:
    order, words = occasion.placed(), occasion.words
    _check_valid(occasion.documents)
    notes = [words.total.format(amount=occasion.money(order.total_minor))] if order.total_minor else []
    payment = order.payment
    if payment is not None and payment.status == "due":
        notes.append(words.due.format(amount=occasion.money(payment.amount_minor)))
    return _with_tickets(
        occasion, words.confirmed_subject, words.confirmed_heading, [_where_tickets_are(occasion)], notes
    )


def _cancelled(occasion: Occasion) -> Letter:
    order, words = occasion.placed(), occasion.words
    numbers = occasion.message.data.get("tickets", [])
    gone = [ticket for ticket in order.tickets if ticket.number in set(numbers)]
    paragraphs = [words.partly_cancelled_text.format(numbers=_numbers(gone))]
    if not occasion.documents:
        paragraphs = [words.cancelled_text]
    if _is_refunded(order, gone):
        paragraphs.append(words.refund_follows)
    if occasion.documents:
        paragraphs.append(words.left)
    heading = words.partly_cancelled_heading if occasion.documents else words.cancelled_heading
    return _with_tickets(occasion, words.cancelled_subject, heading, paragraphs, [])


def _exchanged(occasion: Occasion) -> Letter:
    words = occasion.words
    _check_valid(occasion.documents)
    paragraphs = [words.exchanged_text, _where_tickets_are(occasion)]
    return _with_tickets(occasion, words.exchanged_subject, words.exchanged_heading, paragraphs, [])


def _refunded(occasion: Occasion) -> Letter:
    order, words = occasion.placed(), occasion.words
    if not occasion.refunded_minor:
        raise NothingToTell("no_refund")
    amount = occasion.money(occasion.refunded_minor)
    text = words.refunded_at_desk if occasion.message.data.get("desk") else words.refunded_text
    return Letter(
        **_common(occasion),
        subject=words.refunded_subject.format(amount=amount, establishment=occasion.name, reference=order.reference),
        heading=words.refunded_heading,
        paragraphs=[text.format(amount=amount)],
    )


def _reminder(occasion: Occasion) -> Letter:
    words = occasion.words
    day = date.fromisoformat(occasion.message.data["day"])
    that_day = [document for document in occasion.documents if local_span(document)[0].date() == day]
    _check_valid(that_day)
    if min(document.starts_at for document in that_day) <= occasion.now:
        raise NothingToTell("visit_began")
    shown = msgspec.structs.replace(occasion, documents=that_day)
    letter = _with_tickets(shown, "", words.reminder_heading, [words.reminder_text], [])
    when = f"{formats.weekday(day, occasion.language)} {formats.long_date(day, occasion.language)}"
    return msgspec.structs.replace(
        letter,
        subject=words.reminder_subject.format(offer=that_day[0].offer_name, day=when),
        stop=Link(words.stop, occasion.stop_url),
    )


def _offered(occasion: Occasion) -> Letter:
    """The offer is a held order: while it is held, the places are there."""
    order, words, language = occasion.placed(), occasion.words, occasion.language
    if order.status != "held" or order.expires_at is None or order.expires_at <= occasion.now:
        raise NothingToTell("offer_over")
    visits = [_wished(occasion, line) for line in order.lines]
    venue = _venue(occasion, order.lines[0])
    deadline = order.expires_at.astimezone(ZoneInfo(venue.timezone))
    return Letter(
        **_common(occasion),
        subject=words.offered_subject.format(offer=visits[0].offer),
        heading=words.offered_heading,
        paragraphs=[
            words.offered_text.format(quantity=sum(line.quantity * line.admits for line in order.lines)),
            words.offered_deadline.format(deadline=formats.day_and_hour(deadline.date(), deadline.time(), language)),
        ],
        visits=visits,
        action=Link(words.offered_action, occasion.order_url),
    )


def _wished(occasion: Occasion, line: Line) -> VisitLine:
    catalogue, language, names = occasion.catalogue, occasion.language, occasion.names_language
    offer, venue = catalogue.offers[line.offer_id], _venue(occasion, line)
    starts_at = line.starts_at.astimezone(ZoneInfo(venue.timezone))
    day = f"{formats.weekday(starts_at.date(), language)} {formats.long_date(starts_at.date(), language)}"
    timed = formats.day_and_hour(starts_at.date(), starts_at.time(), language)
    return VisitLine(
        when=timed if offer.kind == "timed" else day,
        offer=in_language(offer.name, names),
        place=_place(in_language(venue.name, names), venue.address),
        tickets=[f"{line.quantity} × {in_language(catalogue.tariffs[line.tariff_id].name, names)}"],
    )


def _venue(occasion: Occasion, line: Line) -> Venue:
    return occasion.catalogue.venues[occasion.catalogue.offers[line.offer_id].venue_id]


def _closed(occasion: Occasion) -> Letter:
    """Of the tickets that it is about, those that were not exchanged or cancelled meanwhile. They are not attached."""
    order, words = occasion.placed(), occasion.words
    numbers = set(occasion.message.data.get("tickets", []))
    concerned = [document for document in occasion.documents if document.number in numbers]
    _check_valid(concerned)
    if max(document.ends_at for document in concerned) <= occasion.now:
        raise NothingToTell("visit_over")
    visits = visit_lines(concerned, occasion.language)
    payment = order.payment
    is_paid = payment is not None and payment.status == "paid" and any(one.price_minor for one in concerned)
    return Letter(
        **_common(occasion),
        subject=words.closed_subject.format(establishment=occasion.name, reference=order.reference),
        heading=words.closed_heading,
        paragraphs=[
            words.closed_text.format(establishment=occasion.name),
            words.closed_choice,
            *([words.closed_refund] if is_paid else []),
        ],
        visits=visits,
        action=Link(words.closed_action, occasion.order_url),
    )


WRITERS: dict[str, Callable[[Occasion], Letter]] = {
    "order_confirmed": _confirmed,
    "order_cancelled": _cancelled,
    "order_exchanged": _exchanged,
    "order_refunded": _refunded,
    "visit_reminder": _reminder,
    "waiting_list_offer": _offered,
    "visit_closed": _closed,
}


def _common(occasion: Occasion) -> dict[str, Any]:
    return {
        "language": occasion.language,
        "establishment": occasion.name,
        "accent": ink(occasion.establishment.accent_colour),
    }


def _with_tickets(occasion: Occasion, subject: str, heading: str, paragraphs: list[str], notes: list[str]) -> Letter:
    documents = list(occasion.documents)
    return Letter(
        **_common(occasion),
        subject=subject.format(establishment=occasion.name, reference=occasion.placed().reference),
        heading=heading,
        paragraphs=paragraphs,
        visits=visit_lines(documents, occasion.language),
        notes=notes,
        attached=documents if _fits(documents) else [],
    )


def visit_lines(documents: Sequence[TicketDocument], language: str) -> list[VisitLine]:
    """One for each visit, with how many tickets of which tariff."""
    visits: dict[tuple[str, datetime, datetime], list[TicketDocument]] = {}
    for document in sorted(documents, key=lambda one: (one.starts_at, one.number)):
        visits.setdefault((document.offer_name, document.starts_at, document.ends_at), []).append(document)
    return [
        VisitLine(
            when=_when(tickets[0], language),
            offer=tickets[0].offer_name,
            place=_place(tickets[0].venue_name, tickets[0].venue_address),
            tickets=[f"{count} × {name}" for name, count in Counter(one.tariff_name for one in tickets).items()],
        )
        for tickets in visits.values()
    ]


def _when(document: TicketDocument, language: str) -> str:
    starts_at, _ = local_span(document)
    if document.timed:
        return formats.day_and_hour(starts_at.date(), starts_at.time(), language)
    labels = LABELS[language]
    first, last = starts_at.date(), last_day(document)
    day = f"{formats.weekday(first, language)} {formats.long_date(first, language)}"
    if last == first:
        return f"{day}, {labels.any_hour}"
    return f"{day} – {labels.last_day.format(day=formats.long_date(last, language))}"


def _place(venue: str, address: str) -> str:
    return ", ".join(part for part in (venue, " ".join(address.split())) if part)


def _where_tickets_are(occasion: Occasion) -> str:
    return occasion.words.attached if _fits(occasion.documents) else occasion.words.not_attached


def _fits(documents: Sequence[TicketDocument]) -> bool:
    return 0 < len(documents) <= MOST_TICKETS_ATTACHED


def _check_valid(documents: Sequence[TicketDocument]) -> None:
    if not documents:
        raise NothingToTell("no_valid_tickets")


def _numbers(tickets: Sequence[Ticket]) -> str:
    return ", ".join(str(ticket.number) for ticket in tickets)


def _is_refunded(order: Order, gone: Sequence[Ticket]) -> bool:
    payment = order.payment
    return payment is not None and payment.status == "paid" and any(ticket.price_minor for ticket in gone)
