"""What a ticket shows, whatever it is shown on: a page, a QR code, a calendar entry."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct


class TicketDocument(Struct, frozen=True, kw_only=True):
    """One ticket, ready to be drawn; nothing here is looked up again.

    The fields under "mentions" are those a French admission ticket has to show (CGI annexe IV, art. 50 sexies B and the
    order of 5 October 2007): operator, session, category, price, number in an uninterrupted series, date and place of
    sale. Texts may hold anything: they are cleaned, cut to what a page bears (`page.py`) and never read as markup.
    Moments are aware datetimes.
    """

    ticket_id: UUID
    revision: int = 0
    language: str
    """ISO 639-1 code of the names below (the offer may exist in one language only)."""

    establishment_name: str
    accent_colour: str = ""
    """`#rrggbb`; anything else gives the neutral colour of Parvis."""

    offer_name: str
    venue_name: str
    venue_address: str
    starts_at: datetime
    ends_at: datetime
    timezone: str
    """IANA zone of the venue, like `Europe/Paris`: every hour on a ticket is local there."""
    timed: bool = True
    """False for an open ticket: any hour from the day of `starts_at` to the day of `ends_at`."""

    tariff_name: str
    admits: int = 1
    proof: str = ""
    """What to show at the entrance with a reduced ticket, as the tariff words it."""

    # Mentions
    operator_name: str
    operator_siret: str = ""
    operator_licence: str = ""
    price_minor: int
    currency: str
    vat_rate_bp: int | None = None
    number: int
    order_reference: str
    sold_at: datetime
    channel: str
    """Place of sale: a channel of ours (see `labels.CHANNELS`) is translated, any other text is shown as it is."""

    short_code: str
    code: str
