"""A ticket as a link that puts it into Google Wallet ("JWT flow" of its event tickets). Pure.

Nothing is sent to Google from here. What it learns stands in the link, and reaches it when the visitor follows it: of
the person nothing; not the tariff either, which may say that somebody is ill or out of work.
"""

import base64
from datetime import datetime
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from jwt import PyJWS

from services.ticketing.tickets.code import grouped
from services.ticketing.tickets.documents import colour
from services.ticketing.tickets.documents.document import TicketDocument
from services.ticketing.tickets.wallet import rsa

SAVE: Final = "https://pay.google.com/gp/v/save/"
# Of each text, in characters, so that no link is longer than some 2,400: browsers bear much more, but Google advises to
# stay near 1,800, which the fields that it wants fill by themselves.
LONGEST: Final = 60


class GoogleIssuer(msgspec.Struct, frozen=True):
    """Who signs the links of an establishment; `private_key` is PKCS#8 in DER. It lives for one answer only."""

    issuer_id: str
    service_account_email: str
    private_key: bytes


def save_link(document: TicketDocument, slot_id: UUID, issuer: GoogleIssuer, *, now: datetime) -> str:
    """Google makes the class and the object of their ids once, at the first click, and shows them in one language."""
    claims = {
        "iss": issuer.service_account_email,
        "aud": "google",
        "typ": "savetowallet",
        "iat": int(now.timestamp()),
        "origins": [],
        "payload": _payload(document, slot_id, issuer),
    }
    # Not `jwt.encode`, which writes every accented letter as six.
    return SAVE + PyJWS().encode(msgspec.json.encode(claims), rsa.from_store(issuer.private_key), "RS256")


def _payload(document: TicketDocument, slot_id: UUID, issuer: GoogleIssuer) -> dict[str, object]:
    def text(value: str) -> dict[str, object]:
        return {"defaultValue": {"language": document.language, "value": _cut(value)}}

    class_id = f"{issuer.issuer_id}.{_short(slot_id)}.{document.language}"
    venue = {"name": text(document.venue_name), "address": text(document.venue_address)}
    event = {
        "id": class_id,
        "issuerName": _cut(document.establishment_name),
        "reviewStatus": "UNDER_REVIEW",
        "eventName": text(document.offer_name),
        "dateTime": {"start": _local(document.starts_at, document), "end": _local(document.ends_at, document)},
        "hexBackgroundColor": colour.ink(document.accent_colour),
    }
    ticket = {
        "id": f"{issuer.issuer_id}.{_short(document.ticket_id)}.{document.revision}",
        "classId": class_id,
        "state": "ACTIVE",
        "ticketNumber": str(document.number),
        "barcode": {"type": "QR_CODE", "value": document.code, "alternateText": grouped(document.short_code)},
    }
    # A venue there is one with a name and an address, or none.
    where = {"venue": venue} if document.venue_name and document.venue_address else {}
    return {"eventTicketClasses": [event | where], "eventTicketObjects": [ticket]}


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1].rstrip()}…"


def _short(id_: UUID) -> str:
    """In letters, digits, `-` and `_`, which Google's ids are made of."""
    return base64.urlsafe_b64encode(id_.bytes).decode().rstrip("=")


def _local(moment: datetime, document: TicketDocument) -> str:
    return moment.astimezone(ZoneInfo(document.timezone)).isoformat()
