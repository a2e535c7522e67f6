"""What a payment provider is to us: a page of its own where a visitor pays, news of it, and the way back.

Every call may be repeated with the same ids: a payment is asked for once and a refund made once, whatever got lost.
"""

from datetime import datetime, timedelta
from typing import Protocol, TypeAlias
from uuid import UUID

import msgspec

from services.kit.errors import Refused

# Stripe keeps a checkout open for 30 minutes to 24 hours after it was made. Ten minutes are left at the near end for
# repetitions, which must ask for the same moment, and some at the far end for clocks that differ.
SHORTEST_CHECKOUT = timedelta(minutes=40)
LONGEST_CHECKOUT = timedelta(hours=23, minutes=50)


class PaymentRefused(Refused):
    """Nothing was done, and asking again in the same way will not help; a new payment may."""

    code = "payment_refused"
    title = "The payment provider refused this payment"


class RefundRefused(Refused):
    """No money was returned: more than was paid, nothing paid, or the account is closed to us."""

    code = "refund_refused"
    title = "The payment provider refused this refund"


class NotificationRefused(Refused):
    """Not from the provider, not of now, or not for this establishment. Nothing in it may be believed."""

    status = 400
    code = "notification_refused"
    title = "This notification is not genuine"


class CheckoutLine(msgspec.Struct, frozen=True):
    """One line of the bill as the visitor sees it on the provider's page."""

    name: str
    quantity: int
    unit_amount_minor: int


class Checkout(msgspec.Struct, frozen=True, kw_only=True):
    """One request for money. A repetition must be equal in every field.

    `lines` add up to `amount_minor`. `account` is the establishment's own at the provider, empty for the platform's.
    `asked_at` is when the payment was made, not when the call is.
    `expires_in_seconds` counts from `asked_at` and is brought within `SHORTEST_CHECKOUT` and `LONGEST_CHECKOUT`: the
    page may outlive the order, so the caller ends it with `expire` when the order's time is over.
    The provider learns no more of the visitor than `customer_email`, which may be empty.
    """

    payment_id: UUID
    order_id: UUID
    establishment_id: UUID
    account: str
    amount_minor: int
    currency: str
    lines: list[CheckoutLine]
    success_url: str
    cancel_url: str
    customer_email: str
    language: str
    asked_at: datetime
    expires_in_seconds: int

    def __post_init__(self) -> None:
        if self.amount_minor != sum(line.quantity * line.unit_amount_minor for line in self.lines):
            raise ValueError("The lines of a checkout must add up to its amount.")

    @property
    def expires_at(self) -> datetime:
        """When the provider is told to close the page, in whole seconds."""
        lasting = timedelta(seconds=self.expires_in_seconds)
        end = self.asked_at + min(max(lasting, SHORTEST_CHECKOUT), LONGEST_CHECKOUT)
        return end.replace(microsecond=0)


class StartedCheckout(msgspec.Struct, frozen=True):
    """`url` is the provider's page; `reference` names the checkout from now on."""

    reference: str
    url: str
    expires_at: datetime


class CheckoutOpen(msgspec.Struct, frozen=True):
    """Not paid yet. A declined card leaves it so, and so does a bank debit that is still under way."""


class CheckoutPaid(msgspec.Struct, frozen=True):
    """`provider_reference` names the payment itself, for refunds. The amount is what was really taken."""

    provider_reference: str
    amount_minor: int
    currency: str


class CheckoutExpired(msgspec.Struct, frozen=True):
    """Never paid, and cannot be any more."""


CheckoutState: TypeAlias = CheckoutOpen | CheckoutPaid | CheckoutExpired


class RefundOrder(msgspec.Struct, frozen=True, kw_only=True):
    """`provider_reference` as in `CheckoutPaid`. A repetition must be equal in every field."""

    refund_id: UUID
    order_id: UUID
    establishment_id: UUID
    account: str
    provider_reference: str
    amount_minor: int


class RefundResult(msgspec.Struct, frozen=True):
    """`reference` names the refund at the provider."""

    reference: str


class Notification(msgspec.Struct, frozen=True):
    """The provider says that something happened to a checkout; what is true of it now, `look_up` says.

    Notifications come late, twice and in any order; `event_id` is the same for each copy. The provider sends those of
    one account to every address registered for it, so that the checkout may be another establishment's.
    """

    event_id: str
    type: str
    checkout_reference: str


class PaymentProvider(Protocol):
    """Every call to the provider raises `kit.errors.Unavailable` when its outcome is unknown: repeat it later."""

    async def start(self, checkout: Checkout) -> StartedCheckout:
        """Opens the page to pay; the same `payment_id` gets the same page again.

        Raises `PaymentRefused`, also for a first call that comes over ten minutes after `asked_at`, for a repetition
        after a day, and for one with other fields. Unless another call succeeded meanwhile, nobody was given a page
        and a new payment is safe.
        """
        ...

    async def look_up(self, account: str, reference: str) -> CheckoutState:
        """Raises `PaymentRefused` for a reference that the account does not have."""
        ...

    async def expire(self, account: str, reference: str) -> CheckoutState:
        """Ends an open checkout and says what has become of it: it may have been paid at the last moment.

        It may even be open still, while a payment is under way: call again. Raises like `look_up`.
        """
        ...

    async def refund(self, refund: RefundOrder) -> RefundResult:
        """Returns money once per `refund_id`, however late the repetition. Raises `RefundRefused`."""
        ...

    def read_notification(self, body: bytes, signature: str, account: str) -> Notification | None:
        """`body` as it came, byte for byte. None for a genuine notification of something that is no concern of ours.

        Raises `NotificationRefused`.
        """
        ...

    async def close(self) -> None: ...
