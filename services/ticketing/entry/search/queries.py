from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from services.kit.database import ReadSession
from services.ticketing.entry.passes.rules import LONGEST_VALIDITY, Place

FOUND_MAX: Final = 20

# As `folded` in the rules: lower case, without accents and ligatures.
_WITHOUT_ACCENTS: Final = r"regexp_replace(normalize(day.customer_name, NFKD), '[\u0300-\u036f]', '', 'g')"
_FOLDED_NAME: Final = f"""
translate(replace(replace(replace(lower({_WITHOUT_ACCENTS}), 'œ', 'oe'), 'æ', 'ae'), 'ß', 'ss'), 'øł', 'ol')"""

# Reads the names of one day at one venue: as many as visitors come, however long the past is. Each is folded once,
# after its order was found: that is what costs here, and in a young instance the server would begin with it.
SEARCH = f"""
WITH day AS MATERIALIZED (
    SELECT tickets.id, orders.customer_name, orders.reference
    FROM ticketing.tickets
    JOIN ticketing.orders ON orders.establishment_id = $1 AND orders.id = tickets.order_id
    WHERE tickets.establishment_id = $1 AND tickets.valid_until > $3 AND tickets.valid_from < $4
      AND tickets.valid_until < $5
      AND tickets.offer_id = ANY(ARRAY(SELECT offers.id FROM ticketing.offers
                                       WHERE offers.establishment_id = $1 AND offers.venue_id = $2))
), matching AS MATERIALIZED (
    SELECT day.id, day.customer_name, day.reference FROM day
    WHERE starts_with(day.reference, $6)
       OR (SELECT bool_and(strpos({_FOLDED_NAME}, word) > 0) FROM unnest($7::text[]) AS word)
)
SELECT tickets.id AS ticket_id, tickets.short_code, tickets.status, tickets.admitted_at, tickets.slot_id,
       tickets.starts_at, tickets.ends_at, tickets.tariff_id, tariffs.name AS tariff_name,
       tariffs.eligibility -> 'proof' AS proof, tickets.offer_id, offers.name AS offer_name,
       offers.language AS offer_language, matching.customer_name AS name, matching.reference
FROM matching
JOIN ticketing.tickets ON tickets.establishment_id = $1 AND tickets.id = matching.id
JOIN ticketing.offers ON offers.establishment_id = $1 AND offers.id = tickets.offer_id
JOIN ticketing.tariffs ON tariffs.establishment_id = $1 AND tariffs.id = tickets.tariff_id
ORDER BY tickets.starts_at, matching.customer_name, tickets.number LIMIT $8"""


class FoundTicket(msgspec.Struct, frozen=True):
    """A ticket that the search found, with who holds it; never an e-mail address."""

    ticket_id: UUID
    short_code: str
    status: str
    admitted_at: datetime | None
    slot_id: UUID
    starts_at: datetime
    ends_at: datetime
    tariff_id: UUID
    tariff_name: dict[str, str]
    proof: dict[str, str] | None
    offer_id: UUID
    offer_name: dict[str, str]
    offer_language: str | None
    name: str
    reference: str


async def search_tickets(session: ReadSession, place: Place, words: Sequence[str], reference: str) -> list[FoundTicket]:
    """Of the day at the venue: whose name has all the words, or whose order's reference begins so."""
    rows = await session.fetch(
        SEARCH,
        place.establishment_id,
        place.venue_id,
        place.begins_at,
        place.ends_at,
        place.ends_at + LONGEST_VALIDITY,
        reference,
        words,
        FOUND_MAX,
    )
    return [_found(dict(row)) for row in rows]


def _found(values: dict[str, object]) -> FoundTicket:
    for name in ("tariff_name", "proof", "offer_name"):
        text = values[name]
        # The driver gives JSON as its text.
        values[name] = msgspec.json.decode(text) if isinstance(text, str) else text
    return msgspec.convert(values, FoundTicket)
