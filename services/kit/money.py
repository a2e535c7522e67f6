"""Money is a whole number of minor units and an ISO 4217 code; never a float."""

from typing import Annotated

import msgspec

Currency = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{3}\Z", description="ISO 4217 code", examples=["EUR"])]


class Money(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`amount` in minor units (cents for EUR)."""

    amount: Annotated[int, msgspec.Meta(ge=0, le=100_000_000)]
    currency: Currency


def vat_included(gross_minor: int, rate_bp: int) -> int:
    """The VAT inside a price that includes it, in minor units, rounded half up.

    `rate_bp` in basis points (1000 = 10 %). Rounded per line, as French invoices are.
    """
    divisor = 10_000 + rate_bp
    return (2 * gross_minor * rate_bp + divisor) // (2 * divisor)
