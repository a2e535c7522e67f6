"""What clients may ask of orders. Unknown fields are refused: a typo must not be a silent default."""

from typing import Annotated, Literal, TypeAlias
from uuid import UUID

import msgspec

from services.kit.texts import Language

PaymentMethod: TypeAlias = Literal["free", "stripe", "on_site", "on_account"]
Quantity = Annotated[int, msgspec.Meta(ge=1, le=500)]
Channel = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_-]{0,30}\Z", examples=["online"])]
Email = Annotated[str, msgspec.Meta(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+\Z", max_length=254, examples=["a@example.org"])]
# A name stands in the headers of mails and at the beginning of letters, which anybody may have sent to anybody: no
# control characters, and nothing that a mail program makes a link of. (Dr.med. is no address.)
LINK = r"://|[Ww]{3}\.|[\w-]{2,}\.(?!(?:med|jur|phil|rer|nat|dent|ing|theol)\b)(?:[a-z]{2,24}|[A-Z]{2,24})\b"
PersonName = Annotated[
    str,
    msgspec.Meta(
        pattern=rf"^(?=.*\S)(?!.*(?:{LINK}))[^\x00-\x1f\x7f]+\Z",
        max_length=200,
        description="No web addresses",
        examples=["Claude Monet"],
    ),
]
TicketIds = Annotated[list[UUID], msgspec.Meta(min_length=1, max_length=500)]
Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]


class LineInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    slot_id: UUID
    tariff_id: UUID
    quantity: Quantity


class Customer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No more than a ticket needs."""

    name: PersonName
    email: Email
    language: Language = "fr"


class Confirmation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`customer` may be left out if the order has one. The URLs are where a payment page sends the visitor back."""

    payment_method: PaymentMethod
    customer: Customer | None = None
    success_url: Annotated[str, msgspec.Meta(pattern=r"^https?://\S+\Z", max_length=2000)] | None = None
    cancel_url: Annotated[str, msgspec.Meta(pattern=r"^https?://\S+\Z", max_length=2000)] | None = None


class NewOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """With `confirm` the order goes on to its confirmation in the same call."""

    lines: Annotated[list[LineInput], msgspec.Meta(min_length=1, max_length=50)]
    customer: Customer | None = None
    hold_minutes: Annotated[int, msgspec.Meta(ge=1, le=1440)] | None = None
    channel: Channel = "online"
    confirm: Confirmation | None = None


class OrderChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """While the order is held. `lines` replace those that it has."""

    lines: Annotated[list[LineInput], msgspec.Meta(min_length=1, max_length=50)] | msgspec.UnsetType = msgspec.UNSET
    customer: Customer | msgspec.UnsetType = msgspec.UNSET


class Cancellation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Without `ticket_ids` the whole order."""

    ticket_ids: TicketIds | None = None


class Exchange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """These tickets move to another slot of the same offer, at the price that was paid."""

    ticket_ids: TicketIds
    slot_id: UUID


class RefundRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Without `amount` (minor units) all that is left of what was paid."""

    reason: Reason
    amount: Annotated[int, msgspec.Meta(ge=1, le=100_000_000)] | None = None


class PaymentReceived(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was due was paid at the desk, or an account was settled."""

    means: Literal["cash", "card", "cheque", "transfer", "other"]
