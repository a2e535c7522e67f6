"""What a scanned text names: as `services.ticketing.entry.codes`, with the keys of the entry pass."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from services.ticketing.entry.rules import Reason
from services.ticketing.tickets.code import (
    PREFIX,
    CodeRefused,
    MalformedCode,
    TicketPayload,
    normalise_short_code,
    read,
    verify_signed,
)

LINE_ENDS: Final = "\r\n\t"


class SeenCode(msgspec.Struct, frozen=True, kw_only=True):
    """A verified ticket, or a short code, or nothing for a stated reason. `text` is free of a reader's line ends."""

    text: str
    payload: TicketPayload | None = None
    short_code: str | None = None
    refusal: Reason | None = None


def read_code(shown: str, establishment_id: UUID, keys: Mapping[int, Ed25519PublicKey]) -> SeenCode:
    text = shown.strip(LINE_ENDS)
    if not text.startswith(PREFIX):
        try:
            return SeenCode(text=text, short_code=normalise_short_code(text))
        except MalformedCode:
            return SeenCode(text=text, refusal="unknown_ticket")
    try:
        signed = read(text)
    except MalformedCode:
        return SeenCode(text=text, refusal="unknown_ticket")
    if signed.payload.establishment_id != establishment_id:
        return SeenCode(text=text, refusal="wrong_establishment")
    try:
        return SeenCode(text=text, payload=verify_signed(signed, keys))
    except CodeRefused:
        return SeenCode(text=text, refusal="forged")
