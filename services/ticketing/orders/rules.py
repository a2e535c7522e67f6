"""Pure decisions about orders: what may be paid how, cancelled when, and refunded how much."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from services.kit.errors import FieldError, Forbidden, Invalid, Refused
from services.kit.principal import Principal
from services.ticketing.catalog.rules import PricedLine
from services.ticketing.establishments.queries import Establishment
from services.ticketing.tickets.queries import Ticket

# Methods that need no answer of a provider: the order is confirmed in the same call.
IMMEDIATE = frozenset({"free", "on_site", "on_account"})
ONLINE = "online"
# A visitor at a payment page keeps the places this long. The page itself may live longer: it is ended with the order.
PAYMENT_SECONDS = 20 * 60


class OrderEnded(Refused):
    code = "order_ended"
    title = "This order can no longer be changed"


class NothingToPay(Refused):
    status = 422
    code = "nothing_to_pay"
    title = "This order costs nothing"


class PaymentMethodRefused(Refused):
    status = 422
    code = "payment_method_refused"
    title = "This way of paying is not possible here"


class TermsRefused(Refused):
    code = "outside_terms"
    title = "The establishment's terms do not allow this any more"


class TicketUsed(Refused):
    code = "ticket_used"
    title = "A ticket that was used or cancelled cannot be changed"


class RefundTooLarge(Refused):
    code = "refund_too_large"
    title = "More than what is left of the payment"


class AlreadyExtended(Refused):
    code = "already_extended"
    title = "This order was extended before"


def check_companions(lines: Sequence[PricedLine]) -> None:
    """A tariff `accompanied_by` others needs one of them in the same order. Raises `Invalid`."""
    bought = {str(line.tariff.id) for line in lines}
    errors = []
    for index, line in enumerate(lines):
        companions = line.tariff.eligibility.get("accompanied_by")
        if isinstance(companions, list) and companions and not bought & set(companions):
            detail = "This tariff is sold only together with one of those that accompany it."
            errors.append(FieldError(f"#/lines/{index}/tariff_id", detail))
    if errors:
        raise Invalid(errors[0].detail, errors=errors)


def check_channel(channel: str, principal: Principal) -> None:
    """A visitor does not stand at the desk by saying so. Raises `Forbidden`."""
    if channel != ONLINE and not principal.may("orders:write"):
        raise Forbidden(f"Orders through other channels than {ONLINE} need a key with orders:write.")


def check_payment_method(method: str, total_minor: int, establishment: Establishment, principal: Principal) -> None:
    """Raises `PaymentMethodRefused`, `NothingToPay` or `Forbidden`."""
    staff = principal.may("orders:write")
    if method == "free":
        if total_minor:
            raise PaymentMethodRefused("There is something to pay: choose stripe, on_site or on_account.")
        return
    if method == "on_account":
        if not staff:
            raise Forbidden("on_account needs a key with orders:write.")
        return
    if not staff and method not in establishment.payment_methods:
        raise PaymentMethodRefused(f"This establishment does not take {method}.")
    if method == "stripe" and not total_minor:
        raise NothingToPay("Confirm with payment_method free.")


def hold_seconds(wanted_minutes: int | None, establishment: Establishment, principal: Principal) -> int:
    """How long places are held: visitors up to the establishment's limit, staff as long as they ask."""
    if wanted_minutes is None:
        return establishment.hold_minutes * 60
    if wanted_minutes > establishment.hold_minutes and not principal.may("orders:write"):
        raise Invalid.field("/hold_minutes", f"At most {establishment.hold_minutes} minutes.")
    return wanted_minutes * 60


def check_held(status: str) -> None:
    """Raises `OrderEnded` unless the order is in its first state."""
    if status != "held":
        raise OrderEnded(f"The order is {status}.")


def check_extensible(status: str, *, extended: bool) -> None:
    """Raises `AlreadyExtended`, `OrderEnded`."""
    check_held(status)
    if extended:
        raise AlreadyExtended


def check_terms(tickets: Sequence[Ticket], hours_before: int | None, now: datetime, principal: Principal) -> None:
    """Staff may always; a visitor until so many hours before each visit, or because the establishment closed its slot.

    Raises `TermsRefused`.
    """
    if principal.may("orders:write"):
        return
    for ticket in tickets:
        if ticket.waived_at is not None:
            continue
        if hours_before is None:
            raise TermsRefused("Please ask the establishment.")
        if now > ticket.starts_at - timedelta(hours=hours_before):
            raise TermsRefused(f"This was possible until {hours_before} hours before the visit.")


def check_unused(tickets: Sequence[Ticket]) -> None:
    """Raises `TicketUsed` unless every ticket is valid and nobody entered with it."""
    for ticket in tickets:
        if ticket.status != "valid" or ticket.admitted_at is not None:
            raise TicketUsed(f"Ticket number {ticket.number} was used or cancelled.")


def refundable(cancelled: Sequence[Ticket], amount_minor: int, refunded_minor: int) -> int:
    """What goes back for cancelled tickets: their price, never more than what is left of the payment."""
    return max(0, min(sum(ticket.price_minor for ticket in cancelled), amount_minor - refunded_minor))
