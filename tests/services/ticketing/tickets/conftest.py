from datetime import UTC, datetime
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.ticketing.tickets.code import TicketPayload, sign
from services.ticketing.tickets.documents.document import TicketDocument

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PAYLOAD = TicketPayload(
    key_id=1,
    establishment_id=UUID("01920000-0000-7000-8000-000000000001"),
    ticket_id=UUID("01920000-0000-7000-8000-000000000002"),
    slot_id=UUID("01920000-0000-7000-8000-000000000003"),
    tariff_id=UUID("01920000-0000-7000-8000-000000000004"),
    valid_from_seconds=1_809_246_600,
    valid_until_seconds=1_809_250_200,
)


@pytest.fixture
def document() -> TicketDocument:
    """A reduced ticket for Saturday 1 May 2027, 10:30 in Paris."""
    return TicketDocument(
        ticket_id=PAYLOAD.ticket_id,
        revision=2,
        language="fr",
        establishment_name="Musée des Arts du Littoral",
        accent_colour="#b3432b",
        offer_name="Lumières du Nord",
        venue_name="Palais de la Marine",
        venue_address="3, quai des Tilleuls, 33000 Bordeaux",
        starts_at=datetime(2027, 5, 1, 8, 30, tzinfo=UTC),
        ends_at=datetime(2027, 5, 1, 9, 30, tzinfo=UTC),
        timezone="Europe/Paris",
        tariff_name="Tarif réduit",
        proof="Carte d’étudiant",
        operator_name="Régie des musées du Littoral",
        operator_siret="123 456 789 00012",
        operator_licence="PLATESV-R-2027-001234",
        price_minor=1500,
        currency="EUR",
        vat_rate_bp=550,
        number=1204,
        order_reference="K7P49XQ2M3",
        sold_at=datetime(2027, 4, 12, 17, 5, tzinfo=UTC),
        channel="online",
        short_code="W3M9TRVYTB",
        code=sign(PAYLOAD, KEY),
    )
