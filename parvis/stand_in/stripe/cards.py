"""The sample cards of Stripe's test mode (docs.stripe.com/testing) and what paying with each leads to."""

import msgspec


class CardFailure(msgspec.Struct, frozen=True, kw_only=True):
    code: str
    message: str
    decline_code: str | None = None


class SampleCard(msgspec.Struct, frozen=True, kw_only=True):
    number: str
    payment_methods: tuple[str, ...]
    """Names under which an API call may use the card instead of its number."""
    brand: str = "visa"
    failure: CardFailure | None = None
    needs_authentication: bool = False

    @property
    def last4(self) -> str:
        return self.number[-4:]


AUTHENTICATION_FAILURE = CardFailure(
    code="payment_intent_authentication_failure",
    message=(
        "The provided PaymentMethod has failed authentication. You can provide payment_method_data or a new "
        "PaymentMethod to attempt to fulfill this PaymentIntent again."
    ),
)
_DECLINED = CardFailure(code="card_declined", decline_code="generic_decline", message="Your card was declined.")
_INSUFFICIENT_FUNDS = CardFailure(
    code="card_declined", decline_code="insufficient_funds", message="Your card has insufficient funds."
)
_NOT_A_SAMPLE = CardFailure(
    code="card_declined",
    decline_code="live_mode_test_card",
    message="Your card was declined. Your request was in test mode, but used a non test card.",
)
_WRONG_NUMBER = CardFailure(code="incorrect_number", message="Your card number is incorrect.")

GOOD_CARD = SampleCard(number="4242424242424242", payment_methods=("pm_card_visa", "pm_card_visa_debit"))
AUTHENTICATED_CARD = SampleCard(
    number="4000002760003184",
    payment_methods=("pm_card_authenticationRequired", "pm_card_threeDSecure2Required"),
    needs_authentication=True,
)
_SAMPLES = (
    GOOD_CARD,
    SampleCard(
        number="4000000000000002",
        payment_methods=("pm_card_visa_chargeDeclined", "pm_card_chargeDeclined"),
        failure=_DECLINED,
    ),
    SampleCard(
        number="4000000000009995",
        payment_methods=("pm_card_visa_chargeDeclinedInsufficientFunds", "pm_card_chargeDeclinedInsufficientFunds"),
        failure=_INSUFFICIENT_FUNDS,
    ),
    AUTHENTICATED_CARD,
    SampleCard(number="4000002500001001", payment_methods=("pm_card_fr",), brand="cartes_bancaires"),
    SampleCard(number="5555555555554444", payment_methods=("pm_card_mastercard",), brand="mastercard"),
)
CARDS_BY_NUMBER = {card.number: card for card in _SAMPLES}
CARDS_BY_PAYMENT_METHOD = {name: card for card in _SAMPLES for name in card.payment_methods}


def card_of_number(text: str) -> SampleCard:
    """Any other number is refused as Stripe's test mode refuses it, and forgotten but for its last four digits."""
    number = "".join(character for character in text if character.isdecimal() and character.isascii())
    known = CARDS_BY_NUMBER.get(number)
    if known is not None:
        return known
    failure = _NOT_A_SAMPLE if _is_card_number(number) else _WRONG_NUMBER
    return SampleCard(number=number[-4:].rjust(4, "0"), payment_methods=(), brand="unknown", failure=failure)


def _is_card_number(number: str) -> bool:
    """Luhn's check digit, ISO/IEC 7812-1 annex B."""
    if not 12 <= len(number) <= 19:  # noqa: PLR2004 (lengths of card numbers in the same standard)
        return False
    digits = [int(character) for character in reversed(number)]
    doubled = (digit * 2 - 9 if digit > 4 else digit * 2 for digit in digits[1::2])  # noqa: PLR2004 (digit sum)
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0
