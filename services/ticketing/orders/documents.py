"""What a ticket's page shows, gathered from the order, the catalogue and the establishment. Pure."""

from collections.abc import Sequence

from services.kit.texts import in_language, language_within
from services.ticketing.catalog.queries import Catalogue
from services.ticketing.establishments.queries import Establishment
from services.ticketing.orders.queries import Order
from services.ticketing.tickets.documents.document import TicketDocument
from services.ticketing.tickets.queries import Ticket
from services.ticketing.tickets.signing import Keyring


def ticket_documents(
    order: Order,
    chosen: Sequence[Ticket],
    establishment: Establishment,
    catalogue: Catalogue,
    keyring: Keyring,
) -> list[TicketDocument]:
    return [_document(order, ticket, establishment, catalogue, keyring) for ticket in chosen]


def _document(
    order: Order, ticket: Ticket, establishment: Establishment, catalogue: Catalogue, keyring: Keyring
) -> TicketDocument:
    offer = catalogue.offers[ticket.offer_id]
    tariff = catalogue.tariffs[ticket.tariff_id]
    venue = catalogue.venues[offer.venue_id]
    proof = tariff.eligibility.get("proof")
    line = order.lines[ticket.line_position]
    return TicketDocument(
        ticket_id=ticket.id,
        revision=ticket.revision,
        language=language_within(offer.name, order.language),
        establishment_name=in_language(establishment.name, order.language),
        accent_colour=establishment.accent_colour,
        offer_name=in_language(offer.name, order.language),
        venue_name=in_language(venue.name, order.language),
        venue_address=venue.address,
        starts_at=ticket.starts_at,
        ends_at=ticket.ends_at,
        timezone=venue.timezone,
        timed=offer.kind == "timed",
        tariff_name=in_language(tariff.name, order.language),
        proof=in_language(proof, order.language) if isinstance(proof, dict) else "",
        operator_name=establishment.legal_name or in_language(establishment.name, order.language),
        operator_siret=establishment.registration_number,
        price_minor=ticket.price_minor,
        currency=order.currency,
        vat_rate_bp=line.vat_rate_bp,
        number=ticket.number,
        order_reference=order.reference,
        sold_at=ticket.issued_at,
        channel=order.channel,
        short_code=ticket.short_code,
        code=keyring.code(ticket),
    )
