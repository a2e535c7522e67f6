from datetime import date
from typing import Annotated, TypeAlias
from uuid import UUID

import msgspec

from services.kit.texts import Language
from services.ticketing.orders.requests import Email, PersonName
from services.ticketing.waiting.rules import MAX_PLACES

# `date` is the name of a field below.
Day: TypeAlias = date


class WantedLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    tariff_id: UUID
    quantity: Annotated[int, msgspec.Meta(ge=1, le=MAX_PLACES)]


class WaitingCustomer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Giving the address is the consent to be written to about this line, and nothing else."""

    email: Email
    name: PersonName | None = None
    language: Language = "fr"


class NewEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Either `slot_id`, or `offer_id` with `date`: any slot of that day. At most 20 places in all."""

    lines: Annotated[list[WantedLine], msgspec.Meta(min_length=1, max_length=MAX_PLACES)]
    customer: WaitingCustomer
    slot_id: UUID | None = None
    offer_id: UUID | None = None
    date: Day | None = None
